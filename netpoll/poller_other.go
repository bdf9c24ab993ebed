//go:build !linux

package netpoll

// A Poller is one epoll instance and its loop.
type Poller struct{ pool *Pool }

// NewPoller returns ErrUnsupported.
func NewPoller(*Pool, func(error)) (*Poller, error) { return nil, ErrUnsupported }

// Add returns ErrUnsupported. The descriptor is still the caller's.
func (*Poller) Add(Handler, int) error { return ErrUnsupported }

// Close does nothing.
func (*Poller) Close() error { return nil }

// Close does nothing: nothing was ever added.
func (*Conn) Close() error { return nil }
