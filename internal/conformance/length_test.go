package conformance

import (
	"fmt"
	"strings"
	"testing"

	"crier/internal/node"
)

// TestLengths is category 1: a message of every form of length comes back as it was sent.
func TestLengths(t *testing.T) {
	sizes := []struct {
		bytes   int
		segment int // 0 for one
		form    string
	}{
		{0, 0, "nothing"},
		{125, 0, "the most in 7 bits"},
		{126, 0, "the least in 16 bits"},
		{127, 0, "16 bits, the value that marks 64"},
		{128, 0, "16 bits, over a signed byte"},
		{65535, 0, "the most in 16 bits"},
		{65536, 0, "the least in 64 bits"},
		{65536, 997, "64 bits, in segments of 997"},
	}
	kinds := []struct {
		name string
		of   func(string) frame
		unit string
	}{{"text", text, "*"}, {"binary", blob, "\xfe"}}
	var table []exchange
	for k, kind := range kinds {
		for i, size := range sizes {
			message := kind.of(strings.Repeat(kind.unit, size.bytes))
			table = append(table, exchange{
				fmt.Sprintf("1.%d.%d %s of %d bytes: %s", k+1, i+1, kind.name, size.bytes, size.form), "5.2",
				talk{sendIn(size.segment, message), want(message)}, stays,
			})
		}
	}
	converse(t, start(t, node.Config{}), table)
}
