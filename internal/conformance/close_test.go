package conformance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"crier/internal/node"
)

// TestClose is category 7, without the codes.
func TestClose(t *testing.T) {
	hi := text("Hello!")
	bye := closing(1000, "")
	empty := frame{fin | opClose, ""}
	cut := func(f frame, n int) frame { return frame{f.head, f.payload[:n]} }
	const bad = "κ\u1f79σμε\xed\xa0\x80edited"
	converse(t, start(t, node.Config{}), []exchange{
		{"7.1.1 a message, then a close", "5.5.1", talk{send(hi), want(hi), send(bye)}, closed(1000)},
		{"7.1.2 of two closes the first is answered", "5.5.1", talk{send(bye, empty)}, closed(1000)},
		{"7.1.2 … in segments of their own", "5.5.1", talk{send(bye), send(closing(1001, ""))}, closed(1000)},
		{"7.1.3 a ping behind a close is not answered", "5.5.1", talk{send(bye, ping("ping me"))}, closed(1000)},
		{"7.1.3 … in a segment of its own", "5.5.1", talk{send(bye), send(ping("ping me"))}, closed(1000)},
		{"7.1.4 a text behind a close is not echoed", "5.5.1", talk{send(bye, hi)}, closed(1000)},
		{"7.1.4 … in a segment of its own", "5.5.1", talk{send(bye), send(hi)}, closed(1000)},
		{"7.1.4 not even a bad one", "5.5.1", talk{send(bye, unmasked{with(rsv1, text("\xff"))})}, closed(1000)},
		{"7.1.5 a close between two fragments", "5.4",
			talk{send(first(text("Hel")), bye, last("lo!"))}, closed(1000)},
		{"7.1.5 … and nothing behind it", "5.4", talk{send(first(text("Hel")), bye)}, closed(1000)},
		{"7.1.5 … within a rune", "5.4", talk{send(first(text("\xe2\x82")), bye)}, closed(1000)},

		{"7.3.1 a close without a body is answered by one without", "5.5.1", talk{send(empty)}, closed(noCode)},
		{"7.3.2 half a code", "5.5.1", talk{send(cut(bye, 1))}, fails(1002)},
		{"7.3.3 a code", "5.5.1", talk{send(bye)}, closed(1000)},
		{"7.3.3 … byte by byte", "5.5.1", talk{sendIn(1, bye)}, closed(1000)},
		{"7.3.4 a code and a reason", "5.5.1", talk{send(closing(1000, "Good night"))}, closed(1000)},
		{"7.3.4 a reason in UTF-8", "5.5.1", talk{send(closing(1000, "Καληνύχτα 😴"))}, closed(1000)},
		{"7.3.5 a reason of 123 bytes", "5.5", talk{send(closing(1000, strings.Repeat("*", 123)))}, closed(1000)},
		{"7.3.5 … byte by byte", "5.5", talk{sendIn(1, closing(1000, strings.Repeat("*", 123)))}, closed(1000)},
		{"7.3.6 a reason of 124 bytes", "5.5", talk{send(closing(1000, strings.Repeat("*", 124)))}, fails(1002)},
		{"7.3.6 … which the header tells", "5.5", talk{send(unfinished{empty, 126})}, fails(1002)},
		{"7.3.6 … and a frame of 64 KiB", "5.5", talk{send(unfinished{empty, 65536})}, fails(1002)},
		{"7.5.1 a reason that is not UTF-8", "8.1", talk{send(closing(1000, bad))}, fails(1007)},
		{"7.5.1 … byte by byte", "8.1", talk{sendIn(1, closing(1000, bad))}, fails(1007)},
		{"7.5.1 a reason that stops within a rune", "8.1", talk{send(closing(1000, "\xe2\x82"))}, fails(1007)},
	})
}

// TestCloseCodes is categories 7.7, 7.9 and 7.13: which codes may stand in a close frame. Beside Autobahn's it has
// those that the registry got later, 1012 to 1014, and both sides of every bound.
func TestCloseCodes(t *testing.T) {
	good := []int{
		1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, // 7.7.1 to 7.7.13
		1012, 1013, 1014, 3001, 4001,
	}
	bad := []int{
		0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, // 7.9.1 to 7.9.9
		1, 1015, 1999, 32768, 65534,
	}
	undefined := []int{5000, 65535} // 7.13.1 and 7.13.2, which Autobahn does not judge
	number := func(category string, i, autobahns int) string {
		if i < autobahns {
			return fmt.Sprintf("%s.%d", category, i+1)
		}
		return category
	}
	var table []exchange
	for i, code := range good {
		name := fmt.Sprintf("%s %d", number("7.7", i, 13), code)
		table = append(table,
			exchange{name + " is answered", "7.4", talk{send(closing(code, ""))}, closed(code)},
			exchange{name + " is answered with a reason too", "7.4", talk{send(closing(code, "reason"))}, closed(code)},
		)
	}
	for i, code := range bad {
		name := fmt.Sprintf("%s %d", number("7.9", i, 9), code)
		table = append(table,
			exchange{name + " is not on the wire", "7.4", talk{send(closing(code, ""))}, fails(1002)},
			exchange{name + " is not on the wire with a reason either", "7.4", talk{send(closing(code, "reason"))}, fails(1002)},
		)
	}
	for i, code := range undefined {
		table = append(table, exchange{
			fmt.Sprintf("7.13.%d %d is nobody's", i+1, code), "7.4.2", talk{send(closing(code, ""))}, fails(1002),
		})
	}
	converse(t, start(t, node.Config{}), table)
}

// TestMessageThenClose is 7.1.6, of which the RFC leaves open how many of the messages before a close are still
// echoed: those that are come whole and in order, then the close frame, and the ping behind it gets nothing.
func TestMessageThenClose(t *testing.T) {
	p := join(t, start(t, node.Config{MaxMessage: 1 << 20}))
	messages := []frame{text(filled("BAsd7&jh23", 256<<10)), text("Hello!")}
	if err := p.do(send(messages[0], messages[1], closing(1000, ""), ping("ping me"))); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		f, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		if f == closing(1000, "") {
			break
		}
		if i == len(messages) || f != messages[i] {
			t.Fatalf("got %v behind %d messages", f, i)
		}
	}
	if f, err := p.next(); err != io.EOF {
		t.Fatalf("behind the close frame came %v, %v", f, err)
	}
}

// TestNodeEndsTCP: a server closes first (section 7.1.1), and a peer that does not follow is cut off, whatever it
// still sends.
func TestNodeEndsTCP(t *testing.T) {
	n := start(t, node.Config{CloseTimeout: 100 * time.Millisecond})
	for _, x := range []exchange{
		{"a peer that stays behind the closing handshake", "7.1.1", talk{send(closing(1000, ""))}, closed(1000)},
		{"a peer that stays behind its fault", "7.1.7", talk{send(unmasked{text("x")})}, fails(1002)},
	} {
		t.Run(x.name+", section "+x.section, func(t *testing.T) {
			p := join(t, n)
			if err := p.have(x); err != nil {
				t.Fatal(err)
			}
			_ = p.SetWriteDeadline(time.Now().Add(limit))
			junk := text("still here").wire()
			for {
				if _, err := p.Write(junk); err != nil {
					var timeout net.Error
					if errors.As(err, &timeout) && timeout.Timeout() {
						t.Fatalf("the connection is still there: %v", err)
					}
					return
				}
			}
		})
	}
}
