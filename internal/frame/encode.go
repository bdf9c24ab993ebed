package frame

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// AppendHeader appends the header of a final, unmasked frame with n bytes of
// payload, as a server sends it.
func AppendHeader(dst []byte, op ws.OpCode, n int) []byte {
	return appendHeader(dst, op, n, 0)
}

func appendHeader(dst []byte, op ws.OpCode, n int, mask byte) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case n < length16:
		return append(dst, mask|byte(n))
	case n <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, mask|length16), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, mask|length64), uint64(n))
	}
}

// maxReason is what a control frame has room for behind the status code.
const maxReason = ws.MaxControlFramePayloadSize - 2

// AppendClose appends a whole close frame, unmasked. Nothing is sent that this
// package would refuse: a code that may not stand in a frame (0, 1005, 1006, …)
// gives an empty body, and a reason is made UTF-8 and cut to 123 bytes between
// two runes.
func AppendClose(dst []byte, code ws.StatusCode, reason string) []byte {
	if !validCloseCode(code) {
		return AppendHeader(dst, ws.OpClose, 0)
	}
	reason = strings.ToValidUTF8(reason, string(utf8.RuneError))
	if cut := maxReason; len(reason) > cut {
		for !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	n := 2 + len(reason)
	dst = AppendHeader(dst, ws.OpClose, n)
	body := len(dst)
	dst = slices.Grow(dst, n)[:body+n]
	ws.PutCloseFrameBody(dst[body:], code, reason)
	return dst
}

// AppendMasked appends a whole final frame under mask, as a client sends it. The
// payload is not written to.
func AppendMasked(dst []byte, op ws.OpCode, mask [4]byte, payload []byte) []byte {
	dst = appendHeader(dst, op, len(payload), maskBit)
	dst = append(dst, mask[:]...)
	body := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[body:], mask, 0)
	return dst
}
