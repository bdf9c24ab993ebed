package chat

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// A fakeConn echoes unless told otherwise, without a network.
type fakeConn struct {
	echo    func(text string) bool
	arrive  chan string
	once    sync.Once
	end     chan struct{}
	closed  bool
	writing time.Duration // how long a write takes
}

func newFakeConn(echo func(string) bool) *fakeConn {
	return &fakeConn{echo: echo, arrive: make(chan string, 1000), end: make(chan struct{})}
}

func (c *fakeConn) read(buf *bytes.Buffer) (websocket.MessageType, error) {
	select {
	case text := <-c.arrive:
		buf.Reset()
		buf.WriteString(text)
		return websocket.MessageText, nil
	case <-c.end:
		return 0, io.EOF
	}
}

func (c *fakeConn) write(text []byte) error {
	select {
	case <-c.end:
		return io.ErrClosedPipe
	case <-time.After(c.writing):
	}
	if c.echo(string(text)) {
		c.arrive <- string(text)
	}
	return nil
}

func (c *fakeConn) close() {
	c.closed = true
	c.abort()
}

func (c *fakeConn) abort() { c.once.Do(func() { close(c.end) }) }

// newFakeSession is a pipe whose input are the given lines.
func newFakeSession(dial func(context.Context) (conn, error), input ...string) (*session, *[]string) {
	queue := make(chan []byte, len(input))
	for _, line := range input {
		queue <- []byte(line)
	}
	close(queue)
	var notices []string
	return &session{
		group:     &group{},
		dial:      dial,
		lines:     queue,
		show:      func(websocket.MessageType, []byte) error { return nil },
		notice:    func(text string) { notices = append(notices, text) },
		pipe:      true,
		reconnect: true,
		backoff:   backoff{min: 250 * time.Millisecond, max: 15 * time.Second},
		random:    func() float64 { return 0.5 },
		echoWait:  10 * time.Second,
		closeWait: 3 * time.Second,
		address:   "node",
		ledger:    newLedger(),
	}, &notices
}

func always(string) bool { return true }
func never(string) bool  { return false }

func TestSessionBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var attempts []time.Duration
		connection := newFakeConn(always)
		s, notices := newFakeSession(func(context.Context) (conn, error) {
			attempts = append(attempts, time.Since(start))
			if len(attempts) < 4 {
				return nil, errors.New("refused")
			}
			return connection, nil
		}, "a")
		if err := s.run(t.Context(), t.Context()); err != nil {
			t.Fatal(err)
		}
		ms := time.Millisecond
		if want := []time.Duration{0, 125 * ms, 375 * ms, 875 * ms}; !slices.Equal(attempts, want) {
			t.Errorf("attempts at %v, want %v", attempts, want)
		}
		want := []string{
			"refused; trying again in 125ms", "refused; trying again in 250ms", "refused; trying again in 500ms",
			"connected again to node",
		}
		if !slices.Equal(*notices, want) {
			t.Errorf("got %q", *notices)
		}
		if !connection.closed {
			t.Error("not closed")
		}
	})
}

func TestSessionBackoffStartsAgain(t *testing.T) {
	for _, test := range []struct {
		lasts time.Duration
		want  time.Duration
	}{
		{held, 125 * time.Millisecond},
		{held - 1, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			failures := 0
			var lost time.Time
			var pause time.Duration
			s, _ := newFakeSession(func(context.Context) (conn, error) {
				if !lost.IsZero() {
					pause = time.Since(lost)
					cancel()
					return nil, ctx.Err()
				}
				if failures < 3 {
					failures++
					return nil, errors.New("refused")
				}
				c := newFakeConn(always)
				lost = time.Now().Add(test.lasts)
				time.AfterFunc(test.lasts, c.abort)
				return c, nil
			})
			s.lines = make(chan []byte) // nothing to send, and not the end
			if err := s.run(ctx, ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if pause != test.want {
				t.Errorf("paused for %v after %v, want %v", pause, test.lasts, test.want)
			}
		})
	}
}

func TestSessionLeavesWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newFakeSession(func(context.Context) (conn, error) { return nil, errors.New("refused") }, "a", "b")
		s.pipe = false
		leaving, leave := context.WithTimeout(t.Context(), time.Minute+time.Millisecond)
		defer leave()
		start := time.Now()
		if err := s.run(t.Context(), leaving); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got != time.Minute+time.Millisecond {
			t.Errorf("left after %v", got)
		}
		if s.unsent() != 2 {
			t.Errorf("%d lines unsent", s.unsent())
		}
	})
}

func TestSessionEchoWait(t *testing.T) {
	for _, test := range []struct {
		name    string
		chatter time.Duration // between messages of others
		writing time.Duration
		want    time.Duration
	}{
		{"silence", 0, 0, 10 * time.Second},
		{"others talk", 7 * time.Second, 0, 60 * time.Second},
		{"a slow write", 0, 25 * time.Second, 35 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newFakeConn(never)
				c.writing = test.writing
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.chatter > 0 {
					go func() {
						for ctx.Err() == nil {
							sleep(ctx, test.chatter)
							c.arrive <- "other"
						}
					}()
				}
				s, _ := newFakeSession(func(context.Context) (conn, error) { return c, nil }, "a")
				start := time.Now()
				err := s.run(ctx, ctx)
				var echo *EchoError
				if !errors.As(err, &echo) || echo.Missing != 1 {
					t.Fatalf("got %v", err)
				}
				if got := time.Since(start); got != test.want {
					t.Errorf("gave up after %v, want %v", got, test.want)
				}
				if !c.closed {
					t.Error("not closed")
				}
			})
		})
	}
}

func TestSessionSendsFailedWriteAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		dials := 0
		s, _ := newFakeSession(func(context.Context) (conn, error) {
			c := newFakeConn(func(text string) bool {
				said = append(said, text)
				return true
			})
			dials++
			if dials == 1 {
				c.writing = time.Minute
				time.AfterFunc(time.Second, c.abort) // in the middle of the first write
			}
			return c, nil
		}, "a", "b")
		if err := s.run(t.Context(), t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(said, []string{"a", "b"}) {
			t.Errorf("said %q", said)
		}
	})
}

func TestSessionWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input := make([]string, window+5)
		c := newFakeConn(never)
		s, _ := newFakeSession(func(context.Context) (conn, error) { return c, nil }, input...)
		err := s.run(t.Context(), t.Context())
		var echo *EchoError
		if !errors.As(err, &echo) || echo.Missing != window || echo.Sent != window {
			t.Fatalf("got %v", err)
		}
		if s.unsent() != 5 {
			t.Errorf("%d lines unsent", s.unsent())
		}
	})
}

func TestSessionStuckWriteDoesNotKeepTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newFakeConn(never)
		c.writing = 1000 * time.Hour
		s, _ := newFakeSession(func(context.Context) (conn, error) { return c, nil }, "a")
		s.pipe = false
		leaving, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		start := time.Now()
		if err := s.run(t.Context(), leaving); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got != time.Second+s.closeWait {
			t.Errorf("left after %v", got)
		}
		if s.unsent() != 1 {
			t.Errorf("%d lines unsent", s.unsent())
		}
	})
}

func TestGuarded(t *testing.T) {
	tidied := 0
	tidy := func() { tidied++ }
	guarded(tidy, func() {})
	if tidied != 0 {
		t.Error("tidied without a panic")
	}
	func() {
		defer func() {
			if recover() != "oops" {
				t.Error("the panic did not go on")
			}
		}()
		guarded(tidy, func() { panic("oops") })
	}()
	if tidied != 1 {
		t.Error("not tidied")
	}
}
