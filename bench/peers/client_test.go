package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/coder/websocket"
)

// A dialect is what a client of a peer has to say besides its messages. The zero dialect is nothing.
type dialect struct {
	hello          string // said first
	prefix, suffix string // around each message
	lines          bool   // what comes is JSON, one a line
}

// A client is a member that knows what it has to get: from each sender all messages, once, in order.
type client struct {
	conn *websocket.Conn
	id   int
	typ  websocket.MessageType
	dialect
	next map[int]int // by sender: the number of the message that is due
	got  int         // messages beyond the first of each sender
	sent int
}

// join connects a client and returns when it is a member: when it has got its own first message. If it is deaf, it sends none and
// never reads, with a small receive buffer.
func join(ctx context.Context, url string, id int, typ websocket.MessageType, d dialect, deaf bool) (*client, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil && deaf {
			err = conn.(*net.TCPConn).SetReadBuffer(4096)
		}
		return conn, err
	}}
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(2 << 20) // several messages in a frame
	c := &client{conn: conn, id: id, typ: typ, dialect: d, next: make(map[int]int)}
	if d.hello != "" {
		if err := conn.Write(ctx, websocket.MessageText, []byte(d.hello)); err != nil {
			return nil, err
		}
	}
	if deaf {
		return c, nil
	}
	if err := c.send(ctx, 1); err != nil {
		return nil, err
	}
	for c.next[id] == 0 {
		if err := c.read(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// said is message seq of a sender. Some are long.
func said(sender, seq int) []byte {
	size := 128
	if seq%11 == 10 {
		size = 20_000
	}
	return fmt.Appendf(nil, "%05d %08d %s", sender, seq, bytes.Repeat([]byte{'a' + byte(seq%26)}, size-15))
}

// send sends the next n messages.
func (c *client) send(ctx context.Context, n int) error {
	for range n {
		if err := c.say(ctx, said(c.id, c.sent)); err != nil {
			return err
		}
		c.sent++
	}
	return nil
}

func (c *client) say(ctx context.Context, message []byte) error {
	if err := c.conn.Write(ctx, c.typ, fmt.Appendf(nil, "%s%s%s", c.prefix, message, c.suffix)); err != nil {
		return fmt.Errorf("client %d sends: %w", c.id, err)
	}
	return nil
}

// until reads until the client has got n messages beyond the first of each sender, and nothing else.
func (c *client) until(ctx context.Context, n int) error {
	for c.got < n {
		if err := c.read(ctx); err != nil {
			return err
		}
	}
	if c.got > n {
		return fmt.Errorf("client %d got %d messages, want %d", c.id, c.got, n)
	}
	return nil
}

// read reads one frame and checks what is in it.
func (c *client) read(ctx context.Context) error {
	typ, data, err := c.conn.Read(ctx)
	if err != nil {
		return fmt.Errorf("client %d, which got %d messages, reads: %w", c.id, c.got, err)
	}
	if typ != c.typ {
		return fmt.Errorf("client %d got a message of type %v, want %v", c.id, typ, c.typ)
	}
	if !c.lines {
		return c.see(data)
	}
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if err := c.command(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

// command takes what centrifuge says: a ping, a reply, a message.
func (c *client) command(ctx context.Context, line []byte) error {
	if string(line) == "{}" {
		return c.conn.Write(ctx, websocket.MessageText, line)
	}
	var v struct {
		ID    int
		Error json.RawMessage
		Push  struct{ Pub struct{ Data string } }
	}
	if err := json.Unmarshal(line, &v); err != nil || v.Error != nil || (v.ID == 0) == (v.Push.Pub.Data == "") {
		return fmt.Errorf("client %d got %q, %v", c.id, line, err)
	}
	if v.ID != 0 {
		return nil
	}
	return c.see([]byte(v.Push.Pub.Data))
}

// see checks that a message is the one that is due from its sender. A client need not have got the first of who joined before it.
func (c *client) see(message []byte) error {
	if len(message) < 15 {
		return fmt.Errorf("client %d got %q", c.id, message)
	}
	sender, err1 := strconv.Atoi(string(message[:5]))
	seq, err2 := strconv.Atoi(string(message[6:14]))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("client %d: %w", c.id, err)
	}
	due, known := c.next[sender]
	if !known && sender < c.id && seq == 1 {
		due = 1
	}
	if seq != due {
		return fmt.Errorf("client %d got message %d of client %d, want %d", c.id, seq, sender, due)
	}
	if want := said(sender, seq); !bytes.Equal(message, want) {
		return fmt.Errorf("client %d got %d bytes %.20q, want %d bytes %.20q", c.id, len(message), message, len(want), want)
	}
	c.next[sender] = seq + 1
	if seq > 0 {
		c.got++
	}
	return nil
}
