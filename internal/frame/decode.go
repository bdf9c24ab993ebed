package frame

import (
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Config is what a Decoder has to know about its connection. It is passed to
// every call, so that the connections of a server share one.
type Config struct {
	MaxMessage int  // bytes of one message, all fragments together; must be > 0
	Client     bool // decode what a server sends: frames that are not masked
}

// Decoder decodes one stream of frames. The zero value is ready to use. It is
// not safe for concurrent use.
//
// It takes 184 bytes besides its buffer, most of them for the payload of a
// control frame. Connections between two messages need none: see Idle.
type Decoder struct {
	// The message under way, from its first header to its last byte.
	buf  []byte    // payload so far, unmasked; its memory outlives the message
	text text      // where it stands, if it is text; between messages at a rune boundary
	op   ws.OpCode // text or binary; zero, which is continuation, for no message

	// The frame under way, from the end of its header to its last byte.
	inFrame bool
	head    ws.Header
	got     int // bytes of its payload that have come

	// The bytes of a header or of a control frame's payload that was cut by
	// the end of a chunk. One array is enough: a frame has its header complete
	// before its payload begins, and its payload before the next header.
	nhead uint8 // bytes of a header in small
	small [ws.MaxControlFramePayloadSize]byte
}

// Next consumes p up to the end of the next message, control frame or empty fragment. It
// returns that as an event, and the rest of p, which is for the next call. Kind
// None means that p is used up and more is needed. An error is an *Error.
//
// Next writes to p, and the event may refer to it. After an error or a Close
// nothing but Reset may be called.
func (d *Decoder) Next(p []byte, cfg *Config) (ev Event, rest []byte, err error) {
	for {
		if !d.inFrame {
			whole := false
			if p, whole, err = d.readHeader(p); !whole || err != nil {
				return Event{}, nil, err
			}
			if err := d.begin(cfg); err != nil {
				return Event{}, nil, err
			}
		}

		n := min(int(d.head.Length)-d.got, len(p))
		part := p[:n:n]
		p = p[n:]
		if d.head.OpCode.IsControl() {
			ev, err = d.control(part)
		} else {
			ev, err = d.data(part, cfg)
		}
		if err != nil {
			return Event{}, nil, err
		}
		if ev.Kind != None || d.inFrame {
			return ev, p, nil
		}
	}
}

// readHeader moves the bytes of one header from p to d.head, and reports whether
// they were all there.
func (d *Decoder) readHeader(p []byte) (rest []byte, whole bool, err error) {
	if d.nhead == 0 && len(p) >= ws.MinHeaderSize {
		if n := headerSize(p[1]); len(p) >= n {
			d.head, err = parseHeader(p)
			return p[n:], true, err
		}
	}
	// The first two bytes tell how many there are.
	if p, whole = d.gather(p, ws.MinHeaderSize); !whole {
		return p, false, nil
	}
	if p, whole = d.gather(p, headerSize(d.small[1])); !whole {
		return p, false, nil
	}
	d.head, err = parseHeader(d.small[:d.nhead])
	d.nhead = 0
	return p, true, err
}

// gather moves bytes from p to small until it holds n bytes of a header, and
// reports whether it does.
func (d *Decoder) gather(p []byte, n int) (rest []byte, whole bool) {
	if have := int(d.nhead); have < n {
		c := copy(d.small[have:n], p)
		d.nhead += uint8(c)
		p = p[c:]
	}
	return p, int(d.nhead) >= n
}

// begin lets the frame of d.head in, or refuses it.
func (d *Decoder) begin(cfg *Config) error {
	fragmented := d.op != ws.OpContinuation
	held := 0
	if fragmented {
		held = len(d.buf)
	}
	if err := checkHeader(d.head, fragmented, held, cfg); err != nil {
		return err
	}
	if d.head.OpCode == ws.OpText || d.head.OpCode == ws.OpBinary {
		d.op = d.head.OpCode
		d.buf = d.buf[:0]
	}
	d.got = 0
	d.inFrame = true
	return nil
}

// data takes the next part of a text, binary or continuation frame. The event is
// of Kind None unless the part completes the message.
func (d *Decoder) data(part []byte, cfg *Config) (Event, error) {
	left := int(d.head.Length) - d.got - len(part)

	// A whole message in one piece, which is what nearly all are: nothing has
	// to be kept, so nothing is copied.
	if d.got == 0 && left == 0 && d.head.Fin && d.head.OpCode != ws.OpContinuation {
		d.unmask(part)
		if d.op == ws.OpText && !utf8.Valid(part) {
			return Event{}, ErrInvalidUTF8
		}
		return d.message(part), nil
	}

	d.reserve(len(part), cfg)
	d.buf = append(d.buf, part...)
	part = d.buf[len(d.buf)-len(part):]
	d.unmask(part)
	d.got += len(part)
	if d.op == ws.OpText && !d.text.write(part) {
		return Event{}, ErrInvalidUTF8
	}
	if left > 0 {
		return Event{}, nil
	}
	d.inFrame = false
	if !d.head.Fin {
		if d.head.Length == 0 {
			return Event{Kind: Empty}, nil
		}
		return Event{}, nil
	}
	if d.op == ws.OpText && d.text.open() {
		return Event{}, ErrInvalidUTF8
	}
	return d.message(d.buf[:len(d.buf):len(d.buf)]), nil
}

func (d *Decoder) message(payload []byte) Event {
	ev := Event{Kind: Message, Op: d.op, Payload: payload}
	d.op = ws.OpContinuation
	d.inFrame = false
	return ev
}

// control takes the next part of a control frame. The event is of Kind None
// unless the part completes it. A message that is open is not touched.
func (d *Decoder) control(part []byte) (Event, error) {
	n := int(d.head.Length)
	if len(part) < n { // not in one piece
		d.got += copy(d.small[d.got:], part)
		if d.got < n {
			return Event{}, nil
		}
		part, d.got = d.small[:n:n], 0
	}
	d.unmask(part)
	d.inFrame = false

	switch d.head.OpCode {
	case ws.OpPing:
		return Event{Kind: Ping, Payload: part}, nil
	case ws.OpPong:
		return Event{Kind: Pong, Payload: part}, nil
	default:
		code, reason, err := parseClose(part)
		if err != nil {
			return Event{}, err
		}
		return Event{Kind: Close, Payload: part, Code: code, Reason: reason}, nil
	}
}

// unmask takes the mask off part, in place. part is d.got bytes into the frame.
func (d *Decoder) unmask(part []byte) {
	if d.head.Masked {
		ws.Cipher(part, d.head.Mask, d.got)
	}
}

// minBuffer is the first size of the buffer, unless the message is smaller.
const minBuffer = 512

// reserve makes room for n more bytes of the message. The buffer doubles, so
// that a message that comes in crumbs is copied about once over; but it is never
// larger than what the frames let in can fill.
func (d *Decoder) reserve(n int, cfg *Config) {
	need := len(d.buf) + n
	if need <= cap(d.buf) {
		return
	}
	most := cfg.MaxMessage
	if d.head.Fin { // the length of the message is known
		most = len(d.buf) + int(d.head.Length) - d.got
	}
	size := max(need, min(max(2*cap(d.buf), minBuffer), most))
	grown := make([]byte, len(d.buf), size)
	copy(grown, d.buf)
	d.buf = grown
}

// Idle reports whether the Decoder holds nothing of its stream: no piece of a
// header or a payload, and no fragmented message. Once the last event is dealt
// with, an idle Decoder may serve another connection.
func (d *Decoder) Idle() bool {
	return d.nhead == 0 && !d.inFrame && d.op == ws.OpContinuation
}

// Buffered returns the bytes of memory held besides the Decoder itself.
func (d *Decoder) Buffered() int { return cap(d.buf) }

// Reset forgets everything, the stream's errors included. A buffer of up to keep
// bytes is kept for the next stream, and a larger one is dropped.
func (d *Decoder) Reset(keep int) {
	buf := d.buf[:0]
	if cap(buf) > keep {
		buf = nil
	}
	*d = Decoder{buf: buf}
}
