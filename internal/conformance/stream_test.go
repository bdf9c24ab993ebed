package conformance

import (
	"fmt"
	"strings"
	"testing"

	"crier/internal/node"
)

// TestRequestAndFrames: a segment may be a byte, or the request and the frames behind it. A client is to wait for
// the answer (section 4.1); what one that does not has sent is read all the same, behind the answer.
func TestRequestAndFrames(t *testing.T) {
	n := start(t, node.Config{})
	hi := text("Hello!")
	ask := raw(request)
	kept := frame{fin | opText, strings.Repeat("*", 60000)}
	table := []exchange{
		{"a text in the segment of the request", "4.1", talk{send(ask, hi), answered, want(hi)}, stays},
		{"several frames in it", "4.1",
			talk{send(ask, ping("1"), first(text("Hel")), ping("2"), last("lo!")), answered, want(pong("1"), pong("2"), hi)}, stays},
		{"half a frame in it", "4.1", talk{send(ask, raw(hi.wire()[:5])), answered, send(raw(hi.wire()[5:])), want(hi)}, stays},
		{"half a header in it", "4.1", talk{send(ask, raw(hi.wire()[:1])), answered, send(raw(hi.wire()[1:])), want(hi)}, stays},
		{"more behind it than is read at once", "4.1", talk{send(ask, kept, hi), answered, want(kept, hi)}, stays},
		{"a close in it", "5.5.1", talk{send(ask, closing(1000, "")), answered}, closed(1000)},
		{"a ping and a close in it", "5.5.1", talk{send(ask, ping("1"), closing(1001, "")), answered, want(pong("1"))}, closed(1001)},
		{"a fault in it", "5.1", talk{send(ask, unmasked{hi}), answered}, fails(1002)},
		{"a bad text in it, and not its end", "8.1", talk{send(ask, unfinished{text("\xff"), 2}), answered}, fails(1007)},
		{"too large a message in it", "10.4", talk{send(ask, unfinished{text(""), 64<<10 + 1}), answered}, fails(1009)},
		{"the request byte by byte", "4.1", talk{sendIn(1, ask), answered, send(hi), want(hi)}, stays},
		{"the request and the frames byte by byte", "4.1",
			talk{sendIn(1, ask, ping("1"), first(text("Hel")), ping("2"), last("lo!")), answered, want(pong("1"), pong("2"), hi)}, stays},
		{"the request byte by byte, then frames byte by byte", "4.1",
			talk{
				sendIn(1, ask), answered, sendIn(1, hi), want(hi), sendIn(1, ping("1")), want(pong("1")), sendIn(1, blob("\xff")), want(blob("\xff")),
			}, stays},
	}
	// The cut is before each byte of the request and of a frame behind it.
	stream := append([]byte(request), hi.wire()...)
	for i := 1; i < len(stream); i++ {
		table = append(table, exchange{
			fmt.Sprintf("a request and a text cut at byte %d", i), "4.1",
			talk{send(raw(stream[:i])), send(raw(stream[i:])), answered, want(hi)}, stays,
		})
	}
	for _, x := range table {
		t.Run(x.name+", section "+x.section, func(t *testing.T) {
			if err := connect(t, n).have(x); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestCuts: a stream means the same wherever it is cut.
func TestCuts(t *testing.T) {
	n := start(t, node.Config{})
	long := blob(filled("\x00\xfe\x23\xfa\xf0", 300)) // its length is in 16 bits
	said := bytesOf([]sendable{
		ping("1"), first(text("Grüße ")), ping("2"), more("\xf0\x9f"), pong("3"), last("\x98\x80"), long,
	})
	heard := []frame{pong("1"), pong("2"), text("Grüße 😀"), long}
	var table []exchange
	for i := 1; i < len(said); i++ {
		table = append(table, exchange{
			fmt.Sprintf("in two segments, cut at byte %d", i), "5.2",
			talk{send(raw(said[:i])), send(raw(said[i:])), want(heard...)}, stays,
		})
	}
	for size := 1; size < 20; size++ {
		table = append(table, exchange{
			fmt.Sprintf("in segments of %d", size), "5.2", talk{sendIn(size, raw(said)), want(heard...)}, stays,
		})
	}
	converse(t, n, table)
}
