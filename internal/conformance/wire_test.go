package conformance

import (
	"bufio"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The first byte of a frame: FIN, three reserved bits, the opcode (RFC 6455, section 5.2).
const (
	fin  = 0x80
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10

	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// A frame is the first byte and the payload, unmasked: all that a frame says.
type frame struct {
	head    byte
	payload string
}

func (f frame) String() string {
	if len(f.payload) > 40 {
		return fmt.Sprintf("%08b %q… of %d", f.head, f.payload[:40], len(f.payload))
	}
	return fmt.Sprintf("%08b %q", f.head, f.payload)
}

func text(p string) frame { return frame{fin | opText, p} }
func blob(p string) frame { return frame{fin | opBinary, p} }
func ping(p string) frame { return frame{fin | opPing, p} }
func pong(p string) frame { return frame{fin | opPong, p} }

// first is the first fragment of the message f; more and last are those behind it.
func first(f frame) frame { return without(fin, f) }
func more(p string) frame { return frame{opContinuation, p} }
func last(p string) frame { return frame{fin | opContinuation, p} }
func closing(code int, reason string) frame {
	return frame{fin | opClose, string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason}
}

func with(bits byte, f frame) frame    { return frame{f.head | bits, f.payload} }
func without(bits byte, f frame) frame { return frame{f.head &^ bits, f.payload} }

// fragments cuts a message into frames of size bytes; the last has what is left.
func fragments(f frame, size int) (fs []sendable) {
	op := f.head &^ fin
	for p := f.payload; ; {
		n := min(size, len(p))
		if n == len(p) {
			return append(fs, frame{fin | op, p})
		}
		fs = append(fs, frame{op, p[:n]})
		op, p = opContinuation, p[n:]
	}
}

// A sendable is what a client may put on the wire.
type sendable interface{ wire() []byte }

// wire is the frame as a good client sends it.
func (f frame) wire() []byte { return encode(f.head, len(f.payload), f.payload, someMask) }

// raw is bytes as they are.
type raw string

func (r raw) wire() []byte { return []byte(r) }

// An unfinished frame declares length bytes of payload, of which only those of the frame are there.
type unfinished struct {
	frame
	length int
}

func (u unfinished) wire() []byte { return encode(u.head, u.length, u.payload, someMask) }

// under is a frame with a mask of one's choice.
type under struct {
	mask [4]byte
	frame
}

func (u under) wire() []byte { return encode(u.head, len(u.payload), u.payload, u.mask) }

// unmasked is a frame as only a server may send it.
type unmasked struct{ frame }

func (u unmasked) wire() []byte {
	return append(length([]byte{u.head}, 0, len(u.payload)), u.payload...)
}

var someMask = [4]byte{0x9d, 0x02, 0xf6, 0x71}

// maskPeriod is how many bytes are masked at once.
const maskPeriod = 4 << 10

func encode(head byte, n int, payload string, mask [4]byte) []byte {
	b := make([]byte, 0, len(payload)+14)
	b = append(length(append(b, head), 0x80, n), mask[:]...)
	at := len(b)
	b = append(b, payload...)
	var period [maskPeriod]byte
	for i := range min(len(payload), maskPeriod) {
		period[i] = mask[i%4]
	}
	for ; at < len(b); at += maskPeriod {
		subtle.XORBytes(b[at:], b[at:], period[:])
	}
	return b
}

// length appends n in the shortest of the three forms.
func length(b []byte, mask byte, n int) []byte {
	switch {
	case n <= 125:
		return append(b, mask|byte(n))
	case n < 1<<16:
		return append(b, mask|126, byte(n>>8), byte(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, mask|127), uint64(n))
	}
}

// largest is more than any node here sends.
const largest = 32 << 20

// decode reads one frame of the node's and accepts nothing that a server may not send.
func decode(r *bufio.Reader) (f frame, err error) {
	var b [10]byte
	if _, err := io.ReadFull(r, b[:2]); err != nil {
		return f, err // io.EOF between two frames
	}
	defer func() {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}()
	f.head = b[0]
	n, size, least := uint64(b[1]&0x7f), 0, uint64(0)
	switch n {
	case 126:
		size, least = 2, 126
	case 127:
		size, least = 8, 1<<16
	}
	if size > 0 {
		if _, err := io.ReadFull(r, b[2:2+size]); err != nil {
			return f, err
		}
		n = 0
		for _, x := range b[2 : 2+size] {
			n = n<<8 | uint64(x)
		}
	}
	switch op := f.head & 0xf; {
	case b[1]&0x80 != 0:
		return f, fmt.Errorf("the node masks: % x", b[:2])
	case f.head&(rsv1|rsv2|rsv3) != 0:
		return f, fmt.Errorf("the node sets reserved bits: % x", b[:2])
	case n < least:
		return f, fmt.Errorf("the node writes the length %d in %d bytes: % x", n, size, b[:2+size])
	case op > opBinary && op < opClose || op > opPong:
		return f, fmt.Errorf("the node uses the reserved opcode %x", op)
	case op >= opClose && (n > 125 || f.head&fin == 0):
		return f, fmt.Errorf("a control frame of %d bytes, FIN %v", n, f.head&fin != 0)
	case n > largest:
		return f, fmt.Errorf("a frame of %d bytes", n)
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(r, p); err != nil {
		return f, err
	}
	f.payload = string(p)
	return f, f.check()
}

// check judges what is inside a frame of the node's.
func (f frame) check() error {
	switch f.head & 0xf {
	case opText:
		if f.head&fin != 0 && !utf8.ValidString(f.payload) {
			return errors.New("a text that is not UTF-8")
		}
	case opClose:
		if len(f.payload) == 1 {
			return errors.New("a close body of one byte")
		}
		if len(f.payload) > 2 && !utf8.ValidString(f.payload[2:]) {
			return fmt.Errorf("a close reason that is not UTF-8: %q", f.payload[2:])
		}
	}
	return nil
}

// noCode is what a close frame without a body stands for (section 7.1.5).
const noCode = 1005

func (f frame) code() int {
	if len(f.payload) < 2 {
		return noCode
	}
	return int(f.payload[0])<<8 | int(f.payload[1])
}
