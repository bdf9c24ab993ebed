package rogue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A guest is a plain client, on another codec than the server.
type guest struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func join(t *testing.T, s *Server) *guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, rest, _, err := ws.Dial(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if rest == nil {
		rest = bufio.NewReader(conn)
	} else {
		left, _ := rest.Peek(rest.Buffered())
		rest = bufio.NewReader(io.MultiReader(strings.NewReader(string(left)), conn))
	}
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	return &guest{t, conn, rest}
}

// crowd has n guests join, one after the other.
func crowd(t *testing.T, s *Server, n int) []*guest {
	t.Helper()
	var all []*guest
	for i := range n {
		all = append(all, join(t, s))
		s.Await(t, "it has joined", func(c Counts) bool { return c.Joined > i })
	}
	return all
}

func (g *guest) write(op ws.OpCode, text string) {
	g.t.Helper()
	if err := ws.WriteFrame(g.conn, ws.MaskFrameInPlace(ws.NewFrame(op, true, []byte(text)))); err != nil {
		g.t.Error(err)
	}
}

// say sends messages first to last.
func (g *guest) say(first, last int) {
	g.t.Helper()
	for i := first; i <= last; i++ {
		g.write(ws.OpText, fmt.Sprint(i))
	}
}

func readFrame(r io.Reader) (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(r); err != nil {
		return f, err
	}
	if f.Header.Length > 1<<20 {
		return f, fmt.Errorf("a frame of %d bytes", f.Header.Length)
	}
	f.Payload = make([]byte, f.Header.Length)
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}

// frame reads one frame: a text as it is, everything else in words.
func (g *guest) frame() (text string, ended bool) {
	f, err := readFrame(g.in)
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset", true
	case errors.Is(err, io.EOF):
		return "EOF", true
	case err != nil:
		return err.Error(), true
	}
	text = string(f.Payload)
	switch {
	case f.Header.OpCode == ws.OpPing:
		return "ping:" + text, false
	case f.Header.OpCode == ws.OpPong:
		return "pong:" + text, false
	case f.Header.OpCode == ws.OpClose:
		code, reason := ws.ParseCloseFrameData(f.Payload)
		return fmt.Sprintf("close %d %s", code, reason), false
	case f.Header.OpCode == ws.OpContinuation:
		text = "…" + text
	}
	if !f.Header.Fin {
		text += "…"
	}
	return text, false
}

// heard returns what has been sent to it up to now, or until the end. All that the server should have heard, it must have.
func (g *guest) heard() string {
	// The answer to a ping is queued behind everything else. The connection may have ended.
	_ = ws.WriteFrame(g.conn, ws.MaskFrameInPlace(ws.NewPingFrame([]byte("now"))))
	return g.until("pong:now")
}

// rest returns what is sent to it until the end. Unlike heard it writes nothing: a write to a connection that is reset takes the error
// away from the next read.
func (g *guest) rest() string { return g.until("") }

func (g *guest) until(last string) string {
	var all []string
	for {
		text, ended := g.frame()
		if text == last {
			return strings.Join(all, " ")
		}
		all = append(all, text)
		if ended {
			return strings.Join(all, " ")
		}
	}
}

func (g *guest) wants(who, want string) {
	g.t.Helper()
	if got := g.heard(); got != want {
		g.t.Errorf("%s heard %q, want %q", who, got, want)
	}
}

// came waits until n messages have come in.
func (s *Server) came(t *testing.T, n int) {
	t.Helper()
	s.Await(t, "the messages come in", func(c Counts) bool { return c.Messages == n })
}
