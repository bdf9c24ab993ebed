package frame

import "unicode/utf8"

// text is where a text stands between two of its pieces. The zero value is the
// boundary between two runes, at which a text may begin and end.
//
// Three bytes of state instead of the bytes themselves: the range of the next
// byte is all that the bytes of an open rune have to say (RFC 3629, section 4).
type text struct {
	want   uint8 // continuation bytes the open rune still needs
	lo, hi uint8 // range of the next one
}

// write takes the next piece, and reports whether what came so far is UTF-8, or
// the beginning of it.
func (t *text) write(p []byte) bool {
	for t.want > 0 && len(p) > 0 {
		if !t.step(p[0]) {
			return false
		}
		p = p[1:]
	}
	// Nearly all of a piece lies between two rune boundaries, where the
	// standard library is faster than a byte at a time.
	cut := len(p) - openTail(p)
	if !utf8.Valid(p[:cut]) {
		return false
	}
	for _, b := range p[cut:] {
		if !t.step(b) {
			return false
		}
	}
	return true
}

// open reports whether the text stands inside a rune.
func (t *text) open() bool { return t.want > 0 }

func (t *text) step(b byte) bool {
	if t.want > 0 {
		if b < t.lo || b > t.hi {
			return false
		}
		t.want--
		t.lo, t.hi = 0x80, 0xbf
		return true
	}
	t.lo, t.hi = 0x80, 0xbf
	switch {
	case b < 0x80:
		return true
	case b < 0xc2: // a continuation, or the overlong form of an ASCII byte
		return false
	case b < 0xe0:
		t.want = 1
	case b < 0xf0:
		t.want = 2
		switch b {
		case 0xe0: // below: overlong
			t.lo = 0xa0
		case 0xed: // above: surrogates
			t.hi = 0x9f
		}
	case b < 0xf5:
		t.want = 3
		switch b {
		case 0xf0: // below: overlong
			t.lo = 0x90
		case 0xf4: // above: over U+10FFFF
			t.hi = 0x8f
		}
	default:
		return false
	}
	return true
}

// openTail returns how many bytes at the end of p may belong to a rune that
// goes on behind p: those from the last leading byte, if it is one of the last
// three. Farther back its rune is complete, or broken already.
func openTail(p []byte) int {
	for i := 1; i <= min(utf8.UTFMax-1, len(p)); i++ {
		switch b := p[len(p)-i]; {
		case b < 0x80:
			return 0
		case b >= 0xc0:
			return i
		}
	}
	return 0
}
