package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// conn is what a session needs of a connection; see link.
type conn interface {
	read(buf *bytes.Buffer) (websocket.MessageType, error)
	write(text []byte) error
	close()
	abort()
}

// A session sends lines and shows messages over one connection after another.
type session struct {
	// Immutable.
	group     *group
	dial      func(context.Context) (conn, error)
	lines     <-chan []byte // to be sent; closed at the end of input
	show      func(kind websocket.MessageType, data []byte) error
	notice    func(text string)
	pipe      bool // the end of input is not the end: everything must come back
	reconnect bool
	backoff   backoff
	random    func() float64 // in [0,1)
	echoWait  time.Duration
	closeWait time.Duration
	address   string

	ledger    *ledger
	connected atomic.Bool

	// Owned by the sender, of which there is one at a time.
	carry []byte // a line whose write failed, to be sent before others

	// Owned by run.
	gone int // lines that had not come back when their connection was lost
}

// An outputError is a failure to show what arrived.
type outputError struct{ err error }

func (e *outputError) Error() string { return "print a message: " + e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// run connects, serves the connection and, if told to, starts again. It
// returns nil when all is done. leaving ends when nothing more is to be
// connected: with ctx, or before.
func (s *session) run(ctx, leaving context.Context) error {
	failures := 0
	again := false
	for {
		var lasted time.Duration
		c, err := s.dial(leaving)
		if err == nil {
			switch {
			case again:
				s.notice("connected again to " + s.address)
			case !s.pipe:
				s.notice("connected to " + s.address + "; Ctrl-D leaves")
			}
			opened := time.Now()
			err = s.serve(ctx, leaving, c)
			lasted = time.Since(opened)
			var loss *LostError
			if !errors.As(err, &loss) {
				return err
			}
		}
		if ctx.Err() != nil {
			return s.stopped(ctx)
		}
		if leaving.Err() != nil {
			return nil
		}
		if !s.reconnect {
			return err
		}
		failures = s.backoff.failures(failures, lasted)
		pause := s.backoff.pause(failures, s.random())
		failures++
		again = true
		s.notice(fmt.Sprintf("%v; trying again in %v", err, shown(pause)))
		sleep(leaving, pause)
	}
}

// serve uses one connection until it ends. A *LostError means that it was
// not this side that ended it.
func (s *session) serve(ctx, leaving context.Context, c conn) error {
	stop := make(chan struct{})
	received := s.group.start(func() error { return s.receive(c) })
	sent := s.group.start(func() error { return s.send(c, stop) })
	s.connected.Store(true)
	err := s.attend(ctx, leaving, c, received, sent)
	s.connected.Store(false)

	// The next connection must find sender and receiver gone. Only a write to
	// Out that nobody takes can keep them, and ctx ends that wait, too.
	close(stop)
	c.abort()
	for _, done := range []<-chan error{sent, received} {
		select {
		case <-done:
		case <-ctx.Done():
			_ = withinLimit(done, s.closeWait, nil)
		}
	}

	var loss *LostError
	if errors.As(err, &loss) {
		loss.Missing, loss.Sent = s.ledger.missing()
		s.gone += s.ledger.drop()
		if !s.pipe {
			loss.Sent = 0
			if loss.Missing > 0 {
				s.notice(fmt.Sprintf("%s sent before the loss had not come back, and may not have been delivered", lines(loss.Missing)))
			}
		}
	}
	return err
}

// attend watches over a connection and closes it when all is done.
func (s *session) attend(ctx, leaving context.Context, c conn, received, sent <-chan error) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	left := leaving.Done()
	var tooLong <-chan time.Time // after leaving, for a sender that is stuck
	ended := false               // all input has been sent

	for {
		now := time.Now()
		if ended && (!s.pipe || s.ledger.settled()) {
			c.close()
			return s.verdict()
		}
		timer.Stop()
		if deadline, waiting := s.ledger.deadline(s.echoWait); waiting && s.pipe {
			if !now.Before(deadline) {
				c.close()
				return s.verdict()
			}
			// In quarters, because the end of a long write brings it forward.
			timer.Reset(min(deadline.Sub(now), max(s.echoWait/4, time.Millisecond)))
		}

		select {
		case <-ctx.Done():
			c.close()
			return s.stopped(ctx)
		case <-left:
			left = nil
			tooLong = time.After(s.closeWait)
		case <-tooLong:
			c.close()
			return nil
		case err := <-received:
			if ended && (!s.pipe || s.ledger.settled()) {
				return s.verdict() // all was done when the server closed, too
			}
			return s.ended(c, err)
		case err := <-sent:
			sent = nil
			if err != nil {
				return s.ended(c, better(received, err))
			}
			ended = true
		case <-s.ledger.changed:
		case <-timer.C:
		}
	}
}

// ended tells a lost connection from output that fails.
func (s *session) ended(c conn, err error) error {
	var output *outputError
	if errors.As(err, &output) {
		c.close()
		return err
	}
	return lost(err)
}

// better returns the receiver's reason for the end of a connection, which
// may have the server's close frame, or the sender's if that takes too long.
func better(received <-chan error, writeErr error) error {
	select {
	case err := <-received:
		return err
	case <-time.After(time.Second):
		return writeErr
	}
}

// verdict is the answer of a session that came to its end.
func (s *session) verdict() error {
	if !s.pipe {
		return nil
	}
	missing, sent := s.ledger.missing()
	switch {
	case missing > 0:
		return &EchoError{Missing: missing + s.gone, Sent: sent, Wait: s.echoWait}
	case s.gone > 0:
		return &EchoError{Missing: s.gone, Sent: sent}
	}
	return nil
}

// stopped is the answer of a session whose context ended.
func (s *session) stopped(ctx context.Context) error {
	missing, sent := s.ledger.missing()
	if missing += s.gone; s.pipe && missing > 0 {
		return fmt.Errorf("stopped while %d of %s had not come back: %w", missing, lines(sent), context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// unsent returns how many lines are left to send. No sender may be at work.
func (s *session) unsent() int {
	n := len(s.lines)
	if s.carry != nil {
		n++
	}
	return n
}

// send writes lines until there are no more (nil), a write fails, or stop.
func (s *session) send(c conn, stop <-chan struct{}) error {
	for s.ledger.reserve(stop) {
		if s.carry == nil {
			select {
			case line, ok := <-s.lines:
				if !ok {
					s.ledger.release()
					return nil
				}
				s.carry = line
			case <-stop:
				s.ledger.release()
				return nil
			}
		}
		s.ledger.sending(s.carry, time.Now())
		err := c.write(s.carry)
		s.ledger.wrote(s.carry, time.Now(), err)
		if err != nil {
			return err
		}
		s.carry = nil
	}
	return nil
}

// receive shows what arrives until the connection ends or showing fails.
func (s *session) receive(c conn) error {
	var buf bytes.Buffer
	for {
		kind, err := c.read(&buf)
		if err != nil {
			return err
		}
		if err := s.show(kind, buf.Bytes()); err != nil {
			return &outputError{err}
		}
		if kind == websocket.MessageText {
			s.ledger.arrived(buf.Bytes(), time.Now())
		} else {
			s.ledger.heard(time.Now())
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
