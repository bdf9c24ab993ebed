package chat

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxShown  = 64 << 10 // bytes of one message that go to a terminal
	maxReason = 200      // bytes of a server's words that go into an error
	maxHex    = 16       // bytes of a binary message that are spelled out
	indent    = "  "     // before the second and further lines of a message
)

// escapeMessage makes the text of a message safe and readable on a terminal.
func escapeMessage(text []byte) string {
	whole := len(text)
	if whole > maxShown {
		text = text[:runeStart(text, maxShown)]
	}
	var b strings.Builder
	b.Grow(len(text))
	rest := strings.ReplaceAll(string(text), "\r\n", "\n")
	for {
		line, after, another := strings.Cut(rest, "\n")
		escape(&b, line)
		if !another {
			break
		}
		b.WriteString("\n" + indent)
		rest = after
	}
	if whole > maxShown {
		fmt.Fprintf(&b, "\n%s[cut: %d bytes in all]", indent, whole)
	}
	return b.String()
}

// escapeLine makes a server's words fit for one line of an error.
func escapeLine(text string) string {
	cut := len(text) > maxReason
	if cut {
		text = text[:runeStart([]byte(text), maxReason)]
	}
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if i > 0 {
			b.WriteString(`\n`)
		}
		escape(&b, line)
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}

// escape appends a line, with what could steer a terminal spelled out.
func escape(b *strings.Builder, line string) {
	for i, width := 0, 0; i < len(line); i += width {
		var r rune
		r, width = utf8.DecodeRuneInString(line[i:])
		switch {
		case r == utf8.RuneError && width == 1:
			fmt.Fprintf(b, `\x%02x`, line[i])
		case r == '\t':
			b.WriteByte('\t')
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(b, `\x%02x`, r)
		case steers(r):
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteString(line[i : i+width])
		}
	}
}

// steers tells whether a character outside ASCII does something other than
// to appear: C1 controls, line separators, and the marks that reorder text.
func steers(r rune) bool {
	return r >= 0x80 && r < 0xa0 ||
		r == 0x061c || r == 0x200e || r == 0x200f ||
		r >= 0x2028 && r <= 0x202e ||
		r >= 0x2066 && r <= 0x2069 ||
		r == 0xfeff
}

// runeStart returns the last start of a character at or before n.
func runeStart(text []byte, n int) int {
	for i := n; i > n-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return n
}

// describe says of a binary message what fits on a line.
func describe(data []byte) string {
	unit := "bytes"
	if len(data) == 1 {
		unit = "byte"
	}
	text := fmt.Sprintf("[binary, %d %s]", len(data), unit)
	for _, c := range data[:min(len(data), maxHex)] {
		text += " " + hex.EncodeToString([]byte{c})
	}
	if len(data) > maxHex {
		text += " …"
	}
	return text
}
