package frame

import (
	"testing"
	"unicode/utf8"
)

// firstBad returns the first byte of p behind which no continuation could make
// it valid, or len(p).
func firstBad(p []byte) int {
	tail := ""
	for i := range p {
		switch tail += string(p[i : i+1]); {
		case runes[tail]:
			tail = ""
		case !runePrefixes[tail]:
			return i
		}
	}
	return len(p)
}

// sameText checks p cut at cut, and byte by byte.
func sameText(t *testing.T, p []byte, cut int) {
	t.Helper()
	bad := firstBad(p)
	for n := range len(p) + 1 {
		for _, c := range []int{0, min(cut, n), n} {
			var s text
			ok := s.write(p[:c]) && s.write(p[c:n])
			if ok != (n <= bad) {
				t.Fatalf("%x cut at %d: ok = %v; the first bad byte is %d", p[:n], c, ok, bad)
			}
			if whole := ok && !s.open(); whole != utf8.Valid(p[:n]) {
				t.Fatalf("%x cut at %d: valid = %v", p[:n], c, whole)
			}
		}
	}
	var s text
	for i := range p {
		if ok := s.write(p[i : i+1]); ok != (i < bad) {
			t.Fatalf("%x byte by byte: ok = %v at %d; the first bad byte is %d", p, ok, i, bad)
		} else if !ok {
			return
		}
	}
}

var texts = []string{
	"", "plain", "κόσμε", "€uro", "🙂🙂",
	"\u0080\u07ff\u0800\ud7ff\ue000\ufffd\uffff\U00010000\U0010ffff",
	"\x80", "a\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\xc2\x80",
	"\xe0\x9f\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xed\xa0\x80", "\xee\x80\x80", "\xe2\x82",
	"\xf0\x8f\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf0\x9f\x99",
	"\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff",
	"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", // Autobahn 6.3
}

func TestText(t *testing.T) {
	for _, s := range texts {
		for cut := range len(s) + 1 {
			sameText(t, []byte(s), cut)
			sameText(t, []byte("abcdefghij"+s+"k"), cut+10)
		}
	}
}

// Every pair of bytes, and the third bytes that matter.
func TestTextOfAllBytes(t *testing.T) {
	edges := []byte{0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff}
	for a := range 256 {
		for b := range 256 {
			for _, c := range edges {
				sameText(t, []byte{byte(a), byte(b), c, 0x80}, 2)
			}
		}
	}
}

func FuzzUTF8(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s), uint8(len(s)/2))
	}
	f.Fuzz(func(t *testing.T, p []byte, cut uint8) {
		if len(p) > 300 {
			return
		}
		sameText(t, p, int(cut))
	})
}
