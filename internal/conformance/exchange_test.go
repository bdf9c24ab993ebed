package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"crier/internal/node"
)

// An exchange is one rule: what is said in turn, and how the connection then ends.
type exchange struct {
	name    string // Autobahn's number, if it has one, and the rule
	section string // of RFC 6455, unless it says otherwise
	talk    []step
	end     ending
}

type talk = []step

// A step sends something, or waits for frames: exactly these, in this order.
type step struct {
	send     []byte
	segment  int // bytes a write; 0 for all in one
	want     []frame
	answered bool // waits for the answer to request
}

// send writes all of it at once.
func send(what ...sendable) step { return step{send: bytesOf(what)} }

// sendIn writes it in segments of n bytes.
func sendIn(n int, what ...sendable) step { return step{send: bytesOf(what), segment: n} }

func want(frames ...frame) step { return step{want: frames} }

var answered = step{answered: true}

func bytesOf(what []sendable) []byte {
	if len(what) == 1 {
		return what[0].wire()
	}
	var b []byte
	for _, s := range what {
		b = append(b, s.wire()...)
	}
	return b
}

// An ending is the node's close frame, behind which is nothing but the end of the stream.
type ending struct {
	code  int
	ask   bool // the client closes, which shows that the node was content and had no more to say
	plain bool // the close frame has a code and no reason
}

// stays: all was well. Whatever else the node might have sent would be found before its close frame.
var stays = ending{code: 1000, ask: true, plain: true}

// fails: the node closes for a fault. Nothing is sent while that is awaited.
func fails(code int) ending { return ending{code: code} }

// closed: the node answers the client's close frame with the code that it got (section 5.5.1).
func closed(code int) ending { return ending{code: code, plain: true} }

// converse has every exchange of a table with n, each over a connection of its own.
func converse(t *testing.T, n *node.Node, table []exchange) {
	t.Helper()
	for _, x := range table {
		t.Run(x.name+", section "+x.section, func(t *testing.T) {
			p := join(t, n)
			if err := p.have(x); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A peer is a client that does nothing by itself.
type peer struct {
	net.Conn
	in *bufio.Reader
}

func connect(t *testing.T, n *node.Node) *peer {
	t.Helper()
	c, err := net.DialTimeout("tcp", n.Addr().String(), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &peer{c, bufio.NewReaderSize(c, 64<<10)}
}

// request is the RFC's own (section 1.3).
const request = "GET /chat HTTP/1.1\r\n" +
	"Host: server.example.com\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Version: 13\r\n\r\n"

func join(t *testing.T, n *node.Node) *peer {
	t.Helper()
	p := connect(t, n)
	for _, s := range (talk{send(raw(request)), answered}) {
		if err := p.do(s); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// opened reads the answer to request, and not a byte more.
func (p *peer) opened() error {
	_ = p.SetReadDeadline(time.Now().Add(limit))
	const status, accept = "HTTP/1.1 101 ", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		line, err := p.in.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			return fmt.Errorf("the answer to the handshake: %w behind %q", err, head.String())
		}
	}
	if h := head.String(); !strings.HasPrefix(h, status) || !strings.Contains(h, accept) {
		return fmt.Errorf("the handshake was answered %q", h)
	}
	return nil
}

func (p *peer) have(x exchange) error {
	for i, s := range x.talk {
		if err := p.do(s); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return p.ends(x.end)
}

func (p *peer) do(s step) error {
	for b := s.send; len(b) > 0; {
		n := len(b)
		if s.segment > 0 {
			n = min(n, s.segment)
		}
		_ = p.SetWriteDeadline(time.Now().Add(limit))
		if _, err := p.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	if s.answered {
		return p.opened()
	}
	for _, want := range s.want {
		got, err := p.next()
		if err != nil {
			return fmt.Errorf("waited for %v: %w", want, err)
		}
		if got != want {
			return fmt.Errorf("got  %v\nwant %v", got, want)
		}
	}
	return nil
}

func (p *peer) next() (frame, error) {
	_ = p.SetReadDeadline(time.Now().Add(limit))
	return decode(p.in)
}

// ends reads the node's close frame and the end of the stream.
func (p *peer) ends(e ending) error {
	if e.ask {
		if err := p.do(send(closing(e.code, ""))); err != nil {
			return err
		}
	}
	f, err := p.next()
	if err != nil {
		return fmt.Errorf("waited for the close frame with %d: %w", e.code, err)
	}
	if f.head != fin|opClose {
		return fmt.Errorf("got  %v\nwant the close frame with %d", f, e.code)
	}
	if f.code() != e.code || e.plain && len(f.payload) > 2 {
		return fmt.Errorf("closed with %d %q, want %d", f.code(), f.payload[min(2, len(f.payload)):], e.code)
	}
	switch f, err := p.next(); {
	case err == nil:
		return fmt.Errorf("behind the close frame came %v", f)
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("behind the close frame: %w, want the end", err)
	}
	return nil
}
