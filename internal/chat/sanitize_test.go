package chat

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEscapeMessage(t *testing.T) {
	for in, want := range map[string]string{
		"plain, ünï 日本 👩‍👩‍👧":                 "plain, ünï 日本 👩‍👩‍👧",
		"a\tb":                                "a\tb",
		"\x1b[2J\x07":                         `\x1b[2J\x07`,
		"\x7f\x00":                            `\x7f\x00`,
		"\u009b31m":                           `\u009b31m`,
		"\x9b31m":                             `\x9b31m`,
		"a\nb\r\nc\rd":                        "a\n  b\n  c\\rd",
		"\u202eevil\u2066":                    `\u202eevil\u2066`,
		"a\u2028b":                            `a\u2028b`,
		"\xff":                                `\xff`,
		"\ufffd":                              "\ufffd",
		"":                                    "",
		strings.Repeat("x", maxShown-1) + "é": strings.Repeat("x", maxShown-1) + "\n  [cut: 65537 bytes in all]",
	} {
		if got := escapeMessage([]byte(in)); got != want {
			t.Errorf("%.40q: got %.80q, want %.80q", in, got, want)
		}
	}
}

func TestEscapeLine(t *testing.T) {
	if got := escapeLine(" a\nb\x1b "); got != `a\nb\x1b` {
		t.Errorf("got %q", got)
	}
	if got := escapeLine(strings.Repeat("é", maxReason)); got != strings.Repeat("é", maxReason/2)+"…" {
		t.Errorf("got %q", got)
	}
}

func TestDescribe(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "[binary, 0 bytes]",
		"\x01\xff":              "[binary, 2 bytes] 01 ff",
		strings.Repeat("a", 17): "[binary, 17 bytes]" + strings.Repeat(" 61", 16) + " …",
	} {
		if got := describe([]byte(in)); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

func FuzzEscapeMessage(f *testing.F) {
	f.Add([]byte("a\x1b[31m\r\n\xc2\x9b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, r := range escapeMessage(in) {
			if unicode.IsControl(r) && r != '\n' && r != '\t' {
				t.Fatalf("%q lets %q through", in, r)
			}
		}
		if !utf8.ValidString(escapeMessage(in)) {
			t.Fatalf("%q: not UTF-8", in)
		}
	})
}
