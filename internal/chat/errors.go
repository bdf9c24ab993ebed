package chat

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// DialError says why a connection could not be made, and what may help.
type DialError struct {
	URL    string // without a password
	Status int    // the HTTP status of an answer that is no 101, or 0
	Text   string // why, and what may help: one line, safe to print
	Err    error  // the cause
}

func (e *DialError) Error() string { return "cannot connect to " + e.URL + ": " + e.Text }

func (e *DialError) Unwrap() error { return e.Err }

// LostError says that a connection ended that Run did not end.
type LostError struct {
	Code    int    // the close code, 0 without a close frame, 1005 for one without a code
	Reason  string // what the server said; escape it before printing
	Missing int    // lines sent that had not come back
	Sent    int    // lines sent in all; 0 from a terminal, which reports Missing itself
	Err     error  // the cause
}

func (e *LostError) Error() string {
	text := "connection lost: " + e.why()
	if e.Sent > 0 && e.Missing > 0 {
		text += fmt.Sprintf("; %d of %s had not come back", e.Missing, lines(e.Sent))
	}
	return text
}

func (e *LostError) Unwrap() error { return e.Err }

func (e *LostError) why() string {
	switch {
	case e.Code == int(websocket.StatusNoStatusRcvd):
		return "closed by the server, which gave no reason"
	case e.Code != 0:
		text := fmt.Sprintf("closed by the server with %d", e.Code)
		if name := closeNames[e.Code]; name != "" {
			text += " (" + name + ")"
		}
		if e.Reason != "" {
			text += ": " + escapeLine(e.Reason)
		}
		return text
	case errors.Is(e.Err, websocket.ErrMessageTooBig):
		return "a message arrived that is longer than this client takes"
	case errors.Is(e.Err, io.EOF), errors.Is(e.Err, io.ErrUnexpectedEOF):
		return "the server went away without a close frame"
	case errors.Is(e.Err, syscall.ECONNRESET), errors.Is(e.Err, syscall.EPIPE):
		return "the server reset the connection"
	case errors.Is(e.Err, syscall.ETIMEDOUT):
		return "the server does not answer any more"
	}
	return escapeLine(e.Err.Error())
}

var closeNames = map[int]string{
	1000: "normal",
	1001: "going away",
	1002: "protocol error",
	1003: "unsupported data",
	1007: "invalid text",
	1008: "policy violation",
	1009: "message too big",
	1011: "internal error",
	1012: "restart",
	1013: "try again later",
	1014: "bad gateway",
}

// lost makes a LostError of what ended a connection.
func lost(cause error) *LostError {
	e := &LostError{Err: cause}
	var frame websocket.CloseError
	if errors.As(cause, &frame) {
		e.Code, e.Reason = int(frame.Code), frame.Reason
	}
	return e
}

// EchoError says that lines a pipe sent did not come back.
type EchoError struct {
	Missing int           // lines that did not come back
	Sent    int           // lines sent in all
	Wait    time.Duration // how long they were waited for, or 0 if a lost connection took them
}

func (e *EchoError) Error() string {
	if e.Wait == 0 {
		return fmt.Sprintf("%d of %s had not come back when a connection was lost, and may not have been delivered",
			e.Missing, lines(e.Sent))
	}
	return fmt.Sprintf("%d of %s sent did not come back (waited %v)", e.Missing, lines(e.Sent), e.Wait)
}

// LineError says which line of a pipe cannot be sent. The lines before it
// have been sent.
type LineError struct {
	Line int // counted from 1
	Text string
}

func (e *LineError) Error() string {
	return fmt.Sprintf("line %d of the input %s; it and what follows was not sent", e.Line, e.Text)
}

func lines(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}
