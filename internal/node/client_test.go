package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	gorilla "github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"crier/internal/frame"
)

// A client is the lightest one there is: a socket and a decoder. It answers nothing by itself.
type client struct {
	net.Conn
	decoder frame.Decoder
	buf     []byte
	rest    []byte // read, and not decoded yet
}

// A message is what a client got.
type message struct {
	op      ws.OpCode
	payload string
}

func (m message) String() string {
	if len(m.payload) > 40 {
		return fmt.Sprintf("%x:%q… of %d", m.op, m.payload[:40], len(m.payload))
	}
	return fmt.Sprintf("%x:%q", m.op, m.payload)
}

// closeError is a close frame from the node.
type closeError struct {
	code ws.StatusCode
	text string
}

func (e *closeError) Error() string { return fmt.Sprintf("closed with %d %q", e.code, e.text) }

// upgradeRequest is a handshake as RFC 6455 section 1.3 shows it. headers are whole lines.
func upgradeRequest(host string, headers ...string) string {
	lines := append([]string{
		"GET /chat HTTP/1.1", "Host: " + host, "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
	}, headers...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// connect opens a socket to the node, which sends nothing by itself. receiveBuffer 0 is the system's own.
func connect(n *Node, receiveBuffer int) (*client, error) {
	d := net.Dialer{Timeout: limit}
	if receiveBuffer > 0 {
		d.Control = func(_, _ string, rc syscall.RawConn) error {
			var err error
			return errors.Join(rc.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
			}), err)
		}
	}
	conn, err := d.Dial("tcp", n.Addr().String())
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(2 * limit)); err != nil {
		return nil, err
	}
	return &client{Conn: conn, buf: make([]byte, 4<<10)}, nil
}

// answer reads one HTTP answer.
func (c *client) answer() (*http.Response, string, error) {
	r := bufio.NewReader(io.MultiReader(bytes.NewReader(c.rest), c.Conn))
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, "", err
	}
	var body []byte
	if resp.StatusCode != http.StatusSwitchingProtocols {
		if body, err = io.ReadAll(resp.Body); err != nil {
			return resp, string(body), err
		}
	}
	c.rest, _ = r.Peek(r.Buffered())
	return resp, string(body), nil
}

// opened reads the answer that makes it a member.
func (c *client) opened() error {
	resp, body, err := c.answer()
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("answered %s: %s", resp.Status, body)
	}
	if got, want := resp.Header.Get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		return fmt.Errorf("Sec-WebSocket-Accept: %q, want %q", got, want)
	}
	return nil
}

func join(n *Node, receiveBuffer int) (*client, error) {
	c, err := connect(n, receiveBuffer)
	if err != nil {
		return nil, err
	}
	if _, err = io.WriteString(c, upgradeRequest(n.Addr().String())); err == nil {
		err = c.opened()
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// mustJoin returns a member that is closed at the end of the test.
func mustJoin(t *testing.T, n *Node) *client {
	t.Helper()
	return mustJoinSmall(t, n, 0)
}

func mustJoinSmall(t *testing.T, n *Node, receiveBuffer int) *client {
	t.Helper()
	c, err := join(n, receiveBuffer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustConnect(t *testing.T, n *Node) *client {
	t.Helper()
	c, err := connect(n, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// event returns the next message or control frame. Its slices are good until the next call.
func (c *client) event() (frame.Event, error) {
	cfg := frame.Config{MaxMessage: 64 << 20, Client: true}
	for {
		ev, rest, err := c.decoder.Next(c.rest, &cfg)
		if err != nil || ev.Kind != frame.None {
			c.rest = rest
			return ev, err
		}
		n, err := c.Read(c.buf)
		if err == io.EOF && !c.decoder.Idle() {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			c.rest = nil
			return ev, err
		}
		c.rest = c.buf[:n]
	}
}

// next returns the next message; the close frame as an error.
func (c *client) next() (message, error) {
	for {
		ev, err := c.event()
		switch {
		case err != nil:
			return message{}, err
		case ev.Kind == frame.Close:
			return message{}, &closeError{ev.Code, string(ev.Reason)}
		case ev.Kind == frame.Message:
			return message{ev.Op, string(ev.Payload)}, nil
		}
	}
}

func (c *client) write(b []byte) error {
	_, err := c.Write(b)
	return err
}

func (c *client) send(op ws.OpCode, payload string) error {
	return c.write(masked(op, payload))
}

func masked(op ws.OpCode, payload string) []byte {
	return frame.AppendMasked(nil, op, [4]byte{0x1f, 0x2e, 0x3d, 0x4c}, []byte(payload))
}

// fragment is a frame that is a part of a message.
func fragment(op ws.OpCode, final bool, payload string) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, final, []byte(payload))))
}

// wants reads one message and compares it.
func (c *client) wants(t *testing.T, op ws.OpCode, payload string) {
	t.Helper()
	m, err := c.next()
	if want := (message{op, payload}); err != nil || m != want {
		t.Fatalf("got %v, %v; want %v", m, err, want)
	}
}

// wantsClose reads up to the close frame and the end behind it.
func (c *client) wantsClose(t *testing.T, code ws.StatusCode) {
	t.Helper()
	var ce *closeError
	for {
		_, err := c.next()
		if err == nil {
			continue
		}
		if !errors.As(err, &ce) || ce.code != code {
			t.Fatalf("ended by %v, want a close frame with %d", err, code)
		}
		break
	}
	if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
		t.Fatalf("behind the close frame came %q and %v, want only the end", b, err)
	}
}

// reset ends the connection the rude way.
func (c *client) reset() {
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// A talker is any client of the three kinds.
type talker interface {
	next() (message, error)
	send(op ws.OpCode, payload string) error
	Close() error
}

type gorillaClient struct{ *gorilla.Conn }

func (c gorillaClient) next() (message, error) {
	kind, b, err := c.ReadMessage()
	return message{ws.OpCode(kind), string(b)}, err
}

func (c gorillaClient) send(op ws.OpCode, payload string) error {
	return c.WriteMessage(int(op), []byte(payload))
}

func joinGorilla(n *Node) (talker, error) {
	d := gorilla.Dialer{HandshakeTimeout: limit}
	c, resp, err := d.Dial("ws://"+n.Addr().String()+"/chat", nil)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	_ = c.SetReadDeadline(time.Now().Add(2 * limit))
	return gorillaClient{c}, nil
}

type coderClient struct{ *coder.Conn }

func (c coderClient) next() (message, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	kind, b, err := c.Read(ctx)
	return message{ws.OpCode(kind), string(b)}, err
}

func (c coderClient) send(op ws.OpCode, payload string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	return c.Write(ctx, coder.MessageType(op), []byte(payload))
}

func (c coderClient) Close() error { return c.CloseNow() }

func joinCoder(n *Node) (talker, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, _, err := coder.Dial(ctx, "ws://"+n.Addr().String()+"/chat", nil)
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(1 << 20)
	return coderClient{c}, nil
}

func joinRaw(n *Node) (talker, error) {
	c, err := join(n, 0)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// kinds are the clients that every kind of test is run with.
var kinds = []struct {
	name string
	join func(*Node) (talker, error)
}{{"gorilla", joinGorilla}, {"coder", joinCoder}, {"raw", joinRaw}}
