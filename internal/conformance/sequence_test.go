package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"crier/internal/node"
)

// rulesOfUTF8 is the second part of category 6: RFC 3629 as a table. The sequences of a rule are numbered from 1;
// those of 6.x are not Autobahn's.
var rulesOfUTF8 = []struct {
	number, rule string
	verdict      string // + is good, - is bad: one for each sequence, or one for all
	sequences    []string
}{
	{number: "6.5", rule: "a rune of each length within ASCII, and a word",
		verdict: "+", sequences: []string{"hello$world", "hello¢world", "hello€world", "hello𤭢world", "κ\u1f79σμε"}},
	{number: "6.6", rule: "a text cut at a rune is good, within one it is bad",
		verdict: "-+--+-+-+-+", sequences: cuts("κ\u1f79σμε")},
	{number: "6.7", rule: "the least of each length",
		verdict: "+", sequences: []string{"\x00", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"}},
	{number: "6.8", rule: "the least of five and six bytes, which there are not",
		verdict: "-", sequences: []string{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}},
	{number: "6.9", rule: "the greatest of each length",
		verdict: "+", sequences: []string{"\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"}},
	{number: "6.10", rule: "what four, five and six bytes could hold and do not",
		verdict: "-", sequences: []string{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}},
	{number: "6.11", rule: "around the surrogates and the end of Unicode",
		verdict:   "++++-",
		sequences: []string{"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80"}},
	{number: "6.12", rule: "a continuation byte that continues nothing",
		verdict: "-", sequences: []string{
			"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80",
			"\x80\xbf\x80\xbf\x80\xbf", span(0x80, 0xbf, ""),
		}},
	{number: "6.13", rule: "leading bytes that lead nothing",
		verdict: "-", sequences: []string{
			span(0xc0, 0xdf, " "), span(0xe0, 0xef, " "), span(0xf0, 0xf7, " "), span(0xf8, 0xfb, " "), span(0xfc, 0xfd, " "),
		}},
	{number: "6.14", rule: "the last byte is missing", verdict: "-", sequences: cutShort},
	{number: "6.15", rule: "all of these in a row", verdict: "-", sequences: []string{strings.Join(cutShort, "")}},
	{number: "6.16", rule: "bytes that are in no UTF-8", verdict: "-", sequences: []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}},
	{number: "6.17", rule: "a slash in more bytes than it needs",
		verdict: "-", sequences: []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"}},
	{number: "6.18", rule: "the greatest that needs a byte less",
		verdict: "-", sequences: []string{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"}},
	{number: "6.19", rule: "NUL in more bytes than it needs",
		verdict: "-", sequences: []string{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"}},
	{number: "6.20", rule: "a surrogate", verdict: "-", sequences: slices.Concat(highs, lows)},
	{number: "6.21", rule: "a pair of surrogates", verdict: "-", sequences: pairs(highs, []string{lows[0], lows[2]})},
	{number: "6.22", rule: "noncharacters are characters to UTF-8", verdict: "+", sequences: noncharacters()},
	{number: "6.23", rule: "specials, the replacement character among them",
		verdict: "+", sequences: []string{"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"}},
	{number: "6.x", rule: "every byte that begins no rune",
		verdict: "-", sequences: each(span(0x80, 0xc1, "") + span(0xf5, 0xff, ""))},
	{number: "6.x", rule: "one below and one above what may be second", verdict: "-", sequences: []string{
		"\xc2\x7f", "\xc2\xc0", "\xdf\x7f", "\xdf\xc0", "\xe0\x9f", "\xe0\xc0", "\xe1\x7f", "\xe1\xc0",
		"\xec\x7f", "\xec\xc0", "\xed\x7f", "\xed\xa0", "\xee\x7f", "\xee\xc0", "\xef\x7f", "\xef\xc0",
		"\xf0\x8f", "\xf0\xc0", "\xf1\x7f", "\xf1\xc0", "\xf3\x7f", "\xf3\xc0", "\xf4\x7f", "\xf4\x90",
	}},
	{number: "6.x", rule: "one below and one above what may be third or fourth", verdict: "-", sequences: []string{
		"\xe0\xa0\x7f", "\xed\x9f\xc0", "\xef\xbf\x7f", "\xef\xbf\xc0", "\xf0\x90\x7f", "\xf0\x90\xc0", "\xf4\x8f\x7f",
		"\xf4\x8f\xc0", "\xf0\x90\x80\x7f", "\xf0\x90\x80\xc0", "\xf4\x8f\xbf\x7f", "\xf4\x8f\xbf\xc0",
	}},
	{number: "6.x", rule: "a byte order mark is a character like others",
		verdict: "+", sequences: []string{"\ufeff", "\ufeffhello", "hello\ufeff"}},
}

var (
	highs = []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf"}
	lows  = []string{"\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"}

	// The least and the greatest of two to six bytes, less the last byte.
	cutShort = []string{
		"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf",
	}
)

// cuts returns the beginnings of s, the shortest first.
func cuts(s string) (ss []string) {
	for i := range len(s) {
		ss = append(ss, s[:i+1])
	}
	return ss
}

// each is every byte of s alone.
func each(s string) (ss []string) {
	for i := range len(s) {
		ss = append(ss, s[i:i+1])
	}
	return ss
}

// span is the bytes from one to another, each with something behind it.
func span(from, to int, behind string) string {
	var b []byte
	for x := from; x <= to; x++ {
		b = append(append(b, byte(x)), behind...)
	}
	return string(b)
}

func pairs(as, bs []string) (ss []string) {
	for _, a := range as {
		for _, b := range bs {
			ss = append(ss, a+b)
		}
	}
	return ss
}

// noncharacters are the last two of each plane.
func noncharacters() (ss []string) {
	for plane := range rune(17) {
		ss = append(ss, string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	return ss
}

// TestSequences sends every sequence whole, byte by byte, and a byte a fragment with a ping behind each: the
// pongs prove that nothing is held against it up to the byte that is expected to break it, at which the frame
// is not finished yet.
func TestSequences(t *testing.T) {
	n := start(t, node.Config{})
	for _, r := range rulesOfUTF8 {
		var table []exchange
		for i, s := range r.sequences {
			bad := firstBad(s)
			if good := r.verdict[i%len(r.verdict)] == '+'; good != (bad < 0) {
				t.Errorf("%s.%d: % x: bad at %d, verdict %s", r.number, i+1, s, bad, r.verdict)
			}
			name := fmt.Sprintf("%s.%d %s, % x", r.number, i+1, r.rule, s[:min(len(s), 12)])
			for _, way := range ways(s, bad) {
				way.name, way.section = name+": "+way.name, "8.1"
				table = append(table, way)
			}
		}
		converse(t, n, table)
	}
}

// ways are the exchanges about s as a text: of each only how it is sent is named.
func ways(s string, bad int) []exchange {
	switch bad {
	case -1:
		return []exchange{
			{name: "whole", talk: talk{send(text(s)), want(text(s))}, end: stays},
			{name: "byte by byte", talk: talk{sendIn(1, text(s)), want(text(s))}, end: stays},
			{name: "a byte a fragment", talk: append(proven(s), send(last("")), want(text(s))), end: stays},
		}
	case len(s):
		return []exchange{
			{name: "whole", talk: talk{send(text(s))}, end: fails(1007)},
			{name: "byte by byte", talk: talk{sendIn(1, text(s))}, end: fails(1007)},
			{name: "a byte a fragment, bad at the end", talk: append(proven(s), send(last(""))), end: fails(1007)},
		}
	}
	breaking := unfinished{frame{opContinuation, s[bad:][:1]}, len(s) + 10}
	if bad == 0 {
		breaking.head = opText
	}
	return []exchange{
		{name: "whole", talk: talk{send(text(s))}, end: fails(1007)},
		{name: "up to the bad byte", talk: talk{send(unfinished{text(s[:bad+1]), len(s) + 10})}, end: fails(1007)},
		{name: "up to the bad byte, byte by byte", talk: talk{sendIn(1, unfinished{text(s[:bad+1]), len(s) + 10})}, end: fails(1007)},
		{name: "a byte a fragment, up to the bad one", talk: append(proven(s[:bad]), send(breaking)), end: fails(1007)},
	}
}

// proven sends s as the beginning of a text, a byte a fragment, and proves that the node still listens behind
// each.
func proven(s string) (ts talk) {
	for i := range len(s) {
		f := more(s[i : i+1])
		if i == 0 {
			f = first(text(s[:1]))
		}
		ts = append(ts, send(f, ping(s[:i+1])), want(pong(s[:i+1])))
	}
	return ts
}
