package rogue

import (
	"encoding/binary"
	"math/rand/v2"
	"net"

	"github.com/gobwas/ws"

	"crier/internal/frame"
)

// A message is what came in from one member. It is never written to.
type message struct {
	op      ws.OpCode
	payload []byte
}

// appendMessage appends a message as w says, and tells how many pings it begins or mixes with.
func (w *Wire) appendMessage(dst []byte, op ws.OpCode, payload []byte) (b []byte, pings int) {
	payload = append(append([]byte(w.Before), payload...), w.After...)
	for first := true; first || len(payload) > 0; first = false {
		if w.Ping {
			dst = append(frame.AppendHeader(dst, ws.OpPing, 4), "ping"...)
			pings++
		}
		part := payload
		if w.Fragment > 0 {
			part = payload[:min(w.Fragment, len(payload))]
		}
		payload = payload[len(part):]
		at := len(dst)
		dst = append(frame.AppendHeader(dst, op, len(part)), part...)
		if !first {
			dst[at] &^= 0x0f // a continuation
		}
		if len(payload) > 0 {
			dst[at] &^= 0x80 // not the last
		}
	}
	return dst, pings
}

// write writes b, in crumbs if w says so.
func (w *Wire) write(c net.Conn, cuts *rand.Rand, b []byte) error {
	for w.Crumbs && len(b) > 0 {
		n := min(1+cuts.IntN(32), len(b))
		if _, err := c.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	_, err := c.Write(b)
	return err
}

// illegal is what a fault puts in place of a message.
func illegal(do Act, m message) []byte {
	switch do {
	case Masked:
		return frame.AppendMasked(nil, m.op, [4]byte{1, 2, 3, 4}, m.payload)
	case Reserved:
		b := append(frame.AppendHeader(nil, m.op, len(m.payload)), m.payload...)
		b[0] |= 0x40
		return b
	case BadText:
		return append(append(frame.AppendHeader(nil, ws.OpText, len(m.payload)+1), m.payload...), 0xff)
	case Enormous:
		b := binary.BigEndian.AppendUint64([]byte{0x80 | byte(m.op), 127}, 1<<30)
		return append(b, m.payload...)
	}
	return nil
}
