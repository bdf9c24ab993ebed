package conformance

import (
	"testing"
	"unicode/utf8"

	"crier/internal/node"
)

// TestTexts is the first part of category 6: what is text, and that what is not ends at its first bad byte.
func TestTexts(t *testing.T) {
	const (
		latin   = "Grüße-µ@ßöäüàá-UTF-8!"
		greek   = "κ\u1f79σμε"
		bad     = greek + "\xed\xa0\x80" + "edited"     // a surrogate; the second byte tells
		outside = greek + "\xf4\x90\x80\x80" + "edited" // U+110000; the second byte tells
	)
	at := firstBad(outside)
	// whole is the head of one frame for all of outside.
	whole := func(p string) unfinished { return unfinished{text(p), len(outside)} }
	masked := whole(outside).wire() // its pieces can be sent one by one
	piece := func(from, to int) raw {
		header := len(masked) - len(outside)
		return raw(masked[header+from : header+to])
	}
	converse(t, start(t, node.Config{}), []exchange{
		{"6.1.1 an empty text", "5.6", talk{send(text("")), want(text(""))}, stays},
		{"6.1.2 an empty text in three fragments", "5.4", talk{send(first(text("")), more(""), last("")), want(text(""))}, stays},
		{"6.1.3 a text between two empty fragments", "5.4",
			talk{send(first(text("")), more("middle"), last("")), want(text("middle"))}, stays},
		{"6.2.1 runes of two bytes", "5.6", talk{send(text(latin)), want(text(latin))}, stays},
		{"6.2.2 cut between two runes", "5.6", talk{send(first(text(latin[:8])), last(latin[8:])), want(text(latin))}, stays},
		{"6.2.3 cut at every byte", "5.6", talk{send(fragments(text(latin), 1)...), want(text(latin))}, stays},
		{"6.2.4 runes of two and three bytes cut at every byte", "5.6",
			talk{send(fragments(text(greek), 1)...), want(text(greek))}, stays},
		{"6.3.1 a bad text", "8.1", talk{send(text(bad))}, fails(1007)},
		{"6.3.2 a bad text cut at every byte", "8.1", talk{send(fragments(text(bad), 1)...)}, fails(1007)},

		{"6.4.1 fail fast: the message ends at the fragment with the bad byte", "8.1",
			talk{
				send(first(text(greek)), ping("good so far")), want(pong("good so far")),
				send(more(outside[len(greek):][:4])),
			}, fails(1007)},
		{"6.4.2 fail fast: the message ends at the first bad byte", "8.1",
			talk{
				send(first(text(outside[:at])), ping("good so far")), want(pong("good so far")),
				send(more(outside[at:][:1])),
			}, fails(1007)},
		{"6.4.3 fail fast: the frame ends at the piece with the bad byte", "8.1",
			talk{send(whole(greek)), send(piece(len(greek), len(greek)+4))}, fails(1007)},
		{"6.4.4 fail fast: the frame ends at the first bad byte", "8.1",
			talk{send(whole(outside[:at])), send(piece(at, at+1))}, fails(1007)},
		{"6.4.4 … all in one segment", "8.1", talk{send(whole(outside[:at+1]))}, fails(1007)},
		{"6.4.4 … byte by byte", "8.1", talk{sendIn(1, whole(outside[:at+1]))}, fails(1007)},
		{"6.4.4 … in a continuation", "8.1",
			talk{
				send(first(text(outside[:at])), ping("good so far")), want(pong("good so far")),
				send(unfinished{last(outside[at:][:1]), 100}),
			}, fails(1007)},
		{"6.4.4 … in the first byte of a long frame", "8.1", talk{send(unfinished{text("\xff"), 65000})}, fails(1007)},
		{"6.4.4 … behind a text that has come back", "8.1",
			talk{send(text(greek)), want(text(greek)), send(unfinished{text("\xff"), 2})}, fails(1007)},

		{"a fragment that stops within a rune is good", "8.1",
			talk{send(first(text("\xf0\x9f")), ping("")), want(pong("")), send(last("\x98\x80")), want(text("😀"))}, stays},
		{"a text that stops within a rune is bad", "8.1", talk{send(text("\xf0\x9f\x98"))}, fails(1007)},
		{"… which an empty last fragment tells", "8.1",
			talk{send(first(text("\xf0\x9f\x98")), ping("")), want(pong("")), send(last(""))}, fails(1007)},
		{"… and the next message does not mend", "8.1",
			talk{send(first(text("\xf0\x9f")), last("\x98")), send(text("\x80"))}, fails(1007)},
		{"a rune does not go on behind another message", "8.1",
			talk{send(blob("\xf0\x9f")), want(blob("\xf0\x9f")), send(unfinished{text("\x98"), 2})}, fails(1007)},
		{"a ping within a rune", "5.4",
			talk{send(first(text("\xe2\x82")), ping("\xac"), last("\xac")), want(pong("\xac"), text("€"))}, stays},
		{"a binary is not read as text", "5.6", talk{send(blob(bad)), want(blob(bad))}, stays},
		{"a binary in fragments neither", "5.6",
			talk{send(first(blob("\xff")), more("\xfe"), last("\x80")), want(blob("\xff\xfe\x80"))}, stays},
	})
}

// firstBad returns the index of the first byte of s behind which nothing can make it UTF-8: len(s) if s is only
// cut short, -1 if it is good.
func firstBad(s string) int {
	for n := 1; n <= len(s); n++ {
		if rest := open(s[:n]); rest != "" && utf8.FullRuneInString(rest) {
			return n - 1 // FullRune takes for full what is beyond mending
		}
	}
	if open(s) != "" {
		return len(s)
	}
	return -1
}

// open returns what is left of s behind its good runes.
func open(s string) string {
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			return s
		}
		s = s[n:]
	}
	return ""
}

// TestFirstBad holds firstBad against a list of all the runes there are.
func TestFirstBad(t *testing.T) {
	whole, begun := map[string]bool{"": true}, make(map[string]bool)
	for r := range rune(utf8.MaxRune + 1) {
		s := string(r)
		if !utf8.ValidRune(r) {
			continue // string makes another of it
		}
		if len(s) < 3 {
			whole[s] = true
		}
		for i := range min(len(s), 3) {
			begun[s[:i]] = true
		}
	}
	for x := range 1 << 16 {
		s := string([]byte{byte(x >> 8), byte(x)})
		want := len(s)
		switch {
		case whole[s], whole[s[:1]] && whole[s[1:]]:
			want = -1
		case begun[s], whole[s[:1]] && begun[s[1:]]:
		case begun[s[:1]], whole[s[:1]]:
			want = 1
		default:
			want = 0
		}
		if got := firstBad(s); got != want {
			t.Errorf("firstBad(% x) = %d, want %d", s, got, want)
		}
	}
	const greek = "κ\u1f79σμε"
	for s, want := range map[string]int{
		"": -1, greek: -1, greek + "\xed\xa0\x80": 12, greek + "\xf4\x90\x80\x80": 12,
		"\xe0\xa0": 2, "a\xe0\x9f": 2, "\xf0\x90\x80\xc0": 3, "\xf0\x90\x80": 3, "ab\xff": 2,
	} {
		if got := firstBad(s); got != want {
			t.Errorf("firstBad(% x) = %d, want %d", s, got, want)
		}
	}
}
