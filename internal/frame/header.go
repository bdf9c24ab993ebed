package frame

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// The second byte of a header: the mask bit, and a length of 7 bits of which
// two values say that 16 or 64 bits follow (RFC 6455, section 5.2).
const (
	maskBit  = 0x80
	length16 = 126
	length64 = 127
)

// headerSize returns the size of the whole header whose second byte is b:
// nothing behind it is needed to know.
func headerSize(b byte) int {
	n := ws.MinHeaderSize
	switch b &^ maskBit {
	case length16:
		n += 2
	case length64:
		n += 8
	}
	if b&maskBit != 0 {
		n += 4
	}
	return n
}

// parseHeader reads a header from p, which holds all of it: headerSize(p[1])
// bytes or more. It is ws.ReadHeader for bytes at hand; that one wants a reader,
// cannot go on where it ran dry, and lets lengths through that are not minimal.
func parseHeader(p []byte) (h ws.Header, err error) {
	h.Fin = p[0]&0x80 != 0
	h.Rsv = p[0] >> 4 & 0x7
	h.OpCode = ws.OpCode(p[0] & 0xf)
	h.Masked = p[1]&maskBit != 0

	key := p[ws.MinHeaderSize:]
	switch n := p[1] &^ maskBit; n {
	default:
		h.Length = int64(n)
	case length16:
		h.Length = int64(binary.BigEndian.Uint16(key))
		if h.Length < length16 {
			return h, ErrLengthNotMinimal
		}
		key = key[2:]
	case length64:
		u := binary.BigEndian.Uint64(key)
		if u>>63 != 0 {
			return h, ErrLengthTopBit
		}
		h.Length = int64(u)
		if h.Length <= 0xffff {
			return h, ErrLengthNotMinimal
		}
		key = key[8:]
	}
	if h.Masked {
		h.Mask = [4]byte(key)
	}
	return h, nil
}

// A length that is not minimal is refused for these reasons. Section 5.2: "in
// all cases, the minimal number of bytes MUST be used to encode the length, for
// example, the length of a 124-byte-long string can't be encoded as the
// sequence 126, 0, 124". The RFC does not say what a receiver shall do, and the
// Autobahn suite has no case for it (crossbario/autobahn-testsuite, issue 108),
// so that servers which pass it differ: Netty and the parsers of Chromium and
// WebKit refuse, gorilla, gobwas and tungstenite accept. Refusing costs no
// browser a connection, and leaves one spelling of a frame, on which this server
// and whatever inspects traffic in front of it cannot disagree.

// checkHeader judges a whole header. fragmented means that a message is open,
// and held is how many bytes of it have come.
func checkHeader(h ws.Header, fragmented bool, held int, cfg *Config) error {
	state := ws.StateServerSide
	if cfg.Client {
		state = ws.StateClientSide
	}
	if fragmented {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return protocolError(err)
	}
	// Compared with the room that is left: a sum could overflow, as the
	// length is the peer's word and may be close to 2^63.
	if h.OpCode.IsData() && h.Length > int64(cfg.MaxMessage)-int64(held) {
		return ErrMessageTooBig
	}
	return nil
}
