package fleet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"crier/internal/frame"
	"crier/netpoll"
)

// The phases of a client's life. Only Serve moves it on.
type phase uint8

const (
	dialing phase = iota // connect(2) is under way
	asking               // the request is sent, the answer is not yet here
	joined               // it hears what is sent
	ended                // its descriptor is closed
)

// A client is one connection. Millions of them may have to fit: everything that not all need is behind a pointer.
type client struct {
	netpoll.Conn

	// Immutable once it is added to a poller.
	fleet  *fleet
	slot   int32 // in fleet.slots
	slow   bool  // it does not read after the handshake, and what it gets is not counted
	mobile bool  // it may be told to leave, and what it feels is not recorded

	// Owned by Serve.
	deaf      bool // it does not read any more
	phase     phase
	publisher uint16 // whose messages it hears; set by the first
	began     int64  // of connect(2), and once joined of that
	seen      sequence
	decoder   *frame.Decoder // nil unless a message is not yet whole
	head      []byte         // what has come of the answer; nil unless it is not yet whole

	// What others want of Serve, which looks when it is kicked.
	order atomic.Uint32 // of orders

	out atomic.Pointer[outbox]

	// Guarded by fleet.mu.
	in    bool // joined and not ended
	heard bool // has got a message of this run
}

// What a client may be told to do.
const (
	toLeave  uint32 = 1 << iota // close the connection, and be quiet about it
	toExpire                    // the handshake has taken too long
	toRead                      // not be deaf any more
)

func (c *client) tell(order uint32) {
	c.order.Or(order)
	netpoll.Kick(c)
}

// Serve implements netpoll.Handler.
func (c *client) Serve(w *netpoll.Worker, ev netpoll.Event) netpoll.Event {
	switch o := c.order.Load(); {
	case c.phase == ended:
		return 0
	case o&toLeave != 0:
		c.end(nil)
		return 0
	case o&toExpire != 0 && c.phase < joined:
		c.end(fmt.Errorf("no answer within %v", c.fleet.cfg.ConnectTimeout))
		return 0
	case o&toRead != 0:
		c.deaf = false
		ev |= netpoll.Readable
	}
	if c.phase == dialing && !c.connected() {
		return 0
	}
	if o := c.out.Load(); o != nil && ev&netpoll.Writable != 0 {
		if _, err := o.send(c, nil); err != nil {
			c.end(c.explain(err))
			return 0
		}
	}
	if c.deaf {
		if ev&netpoll.Hangup == 0 {
			return 0
		}
		c.fleet.noteRemoval()
		c.deaf = false // there may be a close frame
	}
	const share = 16 // buffers full
	for range share {
		n, err := netpoll.Read(c.FD(), w.Buf)
		if err == netpoll.ErrAgain {
			return 0
		}
		if err == nil {
			err = c.take(w.Buf[:n])
		}
		if err != nil {
			c.end(c.explain(err))
			return 0
		}
		if c.deaf {
			if ev&netpoll.Hangup == 0 {
				return 0
			}
			c.fleet.noteRemoval()
			c.deaf = false
		}
		if n < len(w.Buf) && ev&netpoll.Hangup == 0 {
			return 0
		}
	}
	return ev | netpoll.Readable
}

// connected goes on with the request if connect(2) has succeeded.
func (c *client) connected() bool {
	if code, err := unix.GetsockoptInt(c.FD(), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		if err == nil {
			err = syscall.Errno(code)
		}
		c.end(explain(fmt.Errorf("connect: %w", err)))
		return false
	}
	if !netpoll.Peer(c.FD()).IsValid() {
		return false // not yet: an event follows
	}
	c.phase = asking
	if err := c.write(c.fleet.cfg.Target.Request); err != nil {
		c.end(explain(err))
		return false
	}
	return true
}

// write sends b, now or when there is room.
func (c *client) write(b []byte) error {
	o := c.out.Load()
	if o == nil {
		n, err := netpoll.Write(c.FD(), b)
		if err != nil || n == len(b) {
			return err
		}
		o, b = c.outbox(), b[n:]
	}
	_, err := o.send(c, b)
	return err
}

// maxWaiting bounds in bytes what a client has to send when it adds one more answer to a ping: a server that asks and does not read gets no more
// of them than that.
const maxWaiting = 64 << 10

// reply answers a ping of the server's (RFC 6455, 5.5.3), unless it does not read its answers. OnServe.
func (c *client) reply(op ws.OpCode, p []byte) error {
	if o := c.out.Load(); o != nil && o.waiting() > maxWaiting {
		return nil
	}
	return c.write(frame.AppendMasked(nil, op, mask(), p))
}

// take takes the next bytes that the server has sent.
func (c *client) take(b []byte) error {
	if c.phase == joined {
		return c.feed(b)
	}
	if c.head != nil {
		c.head = append(c.head, b...)
		b = c.head
	}
	rest, complete, err := c.fleet.cfg.Target.answered(b)
	if err != nil {
		return err
	}
	if !complete {
		if c.head == nil {
			c.head = append(make([]byte, 0, max(len(b), 512)), b...)
		}
		return nil
	}
	c.head = nil
	now := c.fleet.clock.Now()
	c.fleet.handshakes.record(time.Duration(now-c.began), 1)
	c.began, c.phase = now, joined
	c.fleet.join(c)
	if len(c.fleet.hello) > 0 {
		if err := c.write(c.fleet.hello); err != nil {
			return err
		}
	}
	err = c.feed(rest)
	c.deaf = c.slow
	return err
}

// feed takes bytes of frames.
func (c *client) feed(b []byte) error {
	f := c.fleet
	d := c.decoder
	if d == nil {
		d = decoders.Get().(*frame.Decoder)
	}
	now := f.clock.Now()
	var got tally
	defer func() { got.took(f.recorder(c), 0, now); f.add(&got) }()
	for {
		ev, rest, err := d.Next(b, &f.frames)
		if err != nil {
			return fmt.Errorf("the server broke the protocol: %w", err)
		}
		b = rest
		switch ev.Kind {
		case frame.Message:
			if err := c.message(ev.Payload, ev.Op, now, &got); err != nil {
				return err
			}
		case frame.Ping:
			if err := c.reply(ws.OpPong, ev.Payload); err != nil {
				return err
			}
		case frame.Close:
			why := fmt.Sprintf("closed with %d", ev.Code)
			if ev.Code == 0 || ev.Code == ws.StatusNoStatusRcvd {
				why = "closed without a code"
			}
			if len(ev.Reason) > 0 {
				why += fmt.Sprintf(" %q", ev.Reason)
			}
			// RFC 6455, 5.5.1: a close frame is answered.
			_ = c.write(frame.AppendMasked(nil, ws.OpClose, mask(), ev.Payload[:min(2, len(ev.Payload))]))
			return errors.New(why)
		case frame.None:
			c.decoder = d
			if d.Idle() {
				c.decoder = nil
				d.Reset(keepBuffer)
				decoders.Put(d)
			}
			return nil
		}
	}
}

const keepBuffer = 64 << 10

var decoders = sync.Pool{New: func() any { return new(frame.Decoder) }}

func mask() (m [4]byte) {
	binary.NativeEndian.PutUint32(m[:], rand.Uint32())
	return m
}

// message takes one message: it may hold several of this run, or none.
func (c *client) message(p []byte, op ws.OpCode, now int64, got *tally) error {
	f := c.fleet
	if c.slow {
		return nil
	}
	if len(f.answers) > 0 && op == ws.OpText {
		if answered, err := c.answer(p); answered || err != nil {
			return err
		}
	}
	if s, ok := f.checked.find(c.publisher, c.seen.next, p); ok {
		c.see(s, now, got)
		return nil
	}
	whole := p
	for n := 0; ; n++ {
		s, what, rest := f.format.next(p)
		switch what {
		case nothing:
			if n == 0 {
				got.Other++
			}
			return nil
		case garbled:
			got.Damaged++
		case damaged:
			got.Damaged++
			c.see(s, now, got)
		case intact:
			if n == 0 && !f.format.holdsAny(rest) {
				f.checked.keep(s, whole)
			}
			c.see(s, now, got)
		}
		p = rest
	}
}

// answer answers what of p wants an answer: all of it, or lines of it where a server puts several messages into one frame. It reports
// whether that was all there is.
func (c *client) answer(p []byte) (all bool, err error) {
	all = true
	for line := range bytes.Lines(p) {
		answer, ok := c.fleet.answers[string(bytes.TrimSuffix(line, []byte("\n")))]
		if !ok {
			all = false
			continue
		}
		if err := c.reply(ws.OpText, answer); err != nil {
			return false, err
		}
	}
	return all && len(p) > 0, nil
}

func (c *client) see(s stamp, now int64, got *tally) {
	if c.seen.next == 0 && !c.fleet.hear(c, s) {
		return
	}
	if s.publisher != c.publisher && !c.fleet.listensTo(c, s, got) {
		return
	}
	switch c.seen.see(s.seq) {
	case doubled:
		got.Doubled++
		return
	case early:
		got.Reordered++
		return
	case reordered:
		got.Reordered++
	}
	got.Received++
	if !c.mobile {
		got.took(c.fleet.recorder(c), s.due, now)
	}
}

// end closes the connection and settles what it leaves behind. An error says why the server is to blame.
func (c *client) end(why error) {
	was := c.phase
	c.phase = ended
	c.decoder, c.head = nil, nil
	err := c.outbox().close(c)
	c.fleet.leave(c, was, why)
	if err != nil {
		c.fleet.fault(err)
	}
}

// explain is for what ends a connection. OnServe.
func (c *client) explain(err error) error {
	switch {
	case c.phase < joined && errors.Is(err, io.EOF):
		return errors.New("the server closed the connection without an answer")
	case c.phase < joined && errors.Is(err, syscall.ECONNRESET):
		return errors.New("the server reset the connection without an answer")
	}
	return explain(err)
}

// explain turns what the kernel says of a connection into what a reader of the report understands.
func explain(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("ended by the server without a close frame")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.New("reset by the server")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("nobody listens there (connection refused)")
	case errors.Is(err, syscall.ETIMEDOUT):
		return errors.New("the server does not answer (connection timed out)")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("no free port, or an address that this machine does not have")
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return errors.New("no free descriptor")
	}
	return err
}
