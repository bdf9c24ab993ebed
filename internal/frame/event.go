package frame

import (
	"fmt"

	"github.com/gobwas/ws"
)

// Kind is what an Event tells.
type Kind uint8

const (
	None    Kind = iota // the chunk is used up, and more is needed
	Message             // a whole text or binary message
	Ping                // to be answered with a pong of the same payload
	Pong
	Close // the peer's last frame: nothing behind it is to be read
	Empty // a fragment that brings nothing and ends nothing, told so that it can be counted
)

var kindNames = [...]string{"none", "message", "ping", "pong", "close", "empty"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Event is a message, a control frame, or an empty fragment. For how long its slices are good is
// told in the package documentation.
type Event struct {
	Kind    Kind
	Op      ws.OpCode     // of a Message: ws.OpText or ws.OpBinary
	Code    ws.StatusCode // of a Close: the peer's code, 1005 if it gave none
	Payload []byte        // unmasked; of a Close: the whole body
	Reason  []byte        // of a Close: the text behind the code, valid UTF-8
}
