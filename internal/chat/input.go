package chat

import "errors"

// errStopped is what Read returns after stop.
var errStopped = errors.New("reading was stopped")
