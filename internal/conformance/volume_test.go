package conformance

import (
	"fmt"
	"strings"
	"testing"

	"crier/internal/node"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// large has room for the largest messages of category 9. A member may be behind by one and its header.
var large = node.Config{MaxMessage: 16 * mib, MaxLag: 32 * mib}

// Autobahn looks at the length of what comes back, this at every byte. Ten bytes a unit, so that every cut is
// somewhere else in a rune and in the mask.
var volumes = []struct {
	name string
	of   func(string) frame
	unit string
}{{"text", text, "😀€é!"}, {"binary", blob, "\x00\xfe\x23\xfa\xf0\xff\x80\x7f\xc0\x01"}}

// filled repeats unit as often as n bytes have room for, and fills the rest with stars.
func filled(unit string, n int) string {
	return strings.Repeat(unit, n/len(unit)) + strings.Repeat("*", n%len(unit))
}

func size(n int) string {
	switch {
	case n >= mib && n%mib == 0:
		return fmt.Sprintf("%d MiB", n/mib)
	case n >= kib && n%kib == 0:
		return fmt.Sprintf("%d KiB", n/kib)
	}
	return fmt.Sprintf("%d bytes", n)
}

// TestWhole is 9.1 and 9.2: large messages in one frame.
func TestWhole(t *testing.T) {
	n := start(t, large)
	for k, v := range volumes {
		for i, bytes := range []int{64 * kib, 256 * kib, mib, 4 * mib, 8 * mib, 16 * mib} {
			m := v.of(filled(v.unit, bytes))
			converse(t, n, []exchange{{
				fmt.Sprintf("9.%d.%d %s of %s", 1+k, i+1, v.name, size(bytes)), "5.2", talk{send(m), want(m)}, stays,
			}})
		}
	}
}

// TestPieces is 9.3 and 9.4: 4 MiB in fragments.
func TestPieces(t *testing.T) {
	n := start(t, large)
	for k, v := range volumes {
		m := v.of(filled(v.unit, 4*mib))
		for i, bytes := range []int{64, 256, kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, mib, 4 * mib} {
			converse(t, n, []exchange{{
				fmt.Sprintf("9.%d.%d 4 MiB of %s in fragments of %s", 3+k, i+1, v.name, size(bytes)), "5.4",
				talk{send(fragments(m, bytes)...), want(m)}, stays,
			}})
		}
	}
}

// TestSegments is 9.5 and 9.6: 1 MiB in one frame and many segments.
func TestSegments(t *testing.T) {
	n := start(t, large)
	for k, v := range volumes {
		m := v.of(filled(v.unit, mib))
		for i, bytes := range []int{64, 128, 256, 512, 1024, 2048} {
			converse(t, n, []exchange{{
				fmt.Sprintf("9.%d.%d 1 MiB of %s in segments of %s", 5+k, i+1, v.name, size(bytes)), "5.2",
				talk{sendIn(bytes, m), want(m)}, stays,
			}})
		}
	}
}

// TestRoundTrips is 9.7 and 9.8: messages one after the other, each sent when the one before has come back.
// Autobahn ends at 4096 bytes.
func TestRoundTrips(t *testing.T) {
	const times = 1000
	n := start(t, node.Config{})
	for k, v := range volumes {
		for i, bytes := range []int{0, 16, 64, 256, 1024, 4096, 16384} {
			m := v.of(filled(v.unit, bytes))
			there, back := send(m), want(m)
			var ts talk
			for range times {
				ts = append(ts, there, back)
			}
			converse(t, n, []exchange{{
				fmt.Sprintf("9.%d.%d %d times %s of %s", 7+k, i+1, times, v.name, size(bytes)), "5.2", ts, stays,
			}})
		}
	}
}
