package frame

import (
	"errors"
	"fmt"

	"github.com/gobwas/ws"
)

// Error says why a peer's bytes cannot be decoded any further. There is no
// resynchronising inside a WebSocket stream: the connection has to be closed.
type Error struct {
	Code   ws.StatusCode // what the close frame must carry: 1002, 1007 or 1009
	Reason string        // short enough, and plain enough, for the close frame
	Err    error         // the broken rule, where gobwas has a name for it
}

func (e *Error) Error() string {
	return fmt.Sprintf("decode frame: %s (close code %d)", e.Reason, e.Code)
}

func (e *Error) Unwrap() error { return e.Err }

// All are of type *[Error]. Headers against the rules of RFC 6455, sections 5.2
// to 5.5, wrap the errors of [ws.CheckHeader] instead.
//
// They are values made once: a peer that connects only to break a rule does not
// get an allocation for it.
var (
	// ErrMessageTooBig: the frames announced so far exceed Config.MaxMessage.
	ErrMessageTooBig error = &Error{Code: ws.StatusMessageTooBig, Reason: "message too big"}

	// ErrInvalidUTF8: a text, or the reason in a close frame, is not UTF-8.
	ErrInvalidUTF8 error = &Error{Code: ws.StatusInvalidFramePayloadData, Reason: "invalid UTF-8"}

	// ErrLengthTopBit: a 64-bit length with its most significant bit set.
	ErrLengthTopBit error = &Error{Code: ws.StatusProtocolError, Reason: "length over 63 bits", Err: ws.ErrHeaderLengthMSB}

	// ErrLengthNotMinimal: a length spread over more bytes than it needs.
	ErrLengthNotMinimal error = &Error{Code: ws.StatusProtocolError, Reason: "length not in its shortest form"}

	// ErrCloseBody: a close body of one byte, which is half a status code.
	ErrCloseBody error = &Error{Code: ws.StatusProtocolError, Reason: "close body of one byte"}

	// ErrCloseCode: a status code that may not stand in a close frame.
	ErrCloseCode error = &Error{Code: ws.StatusProtocolError, Reason: "invalid close code"}
)

// protocolError gives the errors of ws.CheckHeader their close code.
func protocolError(err error) error {
	var rule ws.ProtocolError
	if !errors.As(err, &rule) {
		rule = "protocol error"
	}
	return &Error{Code: ws.StatusProtocolError, Reason: string(rule), Err: err}
}
