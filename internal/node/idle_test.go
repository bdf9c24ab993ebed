package node

import "testing"

// TestPingsAreSpread: connections that fell silent in the same millisecond are pinged evenly over a quarter
// of the time, whatever pattern their descriptor numbers have, and each again elsewhere in its next turn.
func TestPingsAreSpread(t *testing.T) {
	const after, connections, buckets = 55_000, 16_000, 16
	for _, step := range []uint32{1, 2, 4096} {
		for _, seen := range []uint32{0, 1, 123_456, 1<<32 - 1} {
			var count [buckets]int
			same := 0
			for i := range uint32(connections) {
				due := pingDue(after, i*step, seen)
				if due > after || due < after-after/4 {
					t.Fatalf("descriptor %d: due after %d ms, want %d to %d", i*step, due, after-after/4, after)
				}
				count[min((after-due)*buckets/(after/4), buckets-1)]++
				if due == pingDue(after, i*step, seen+due+1) {
					same++
				}
			}
			for b, n := range count {
				if n < connections/buckets*3/4 || n > connections/buckets*5/4 {
					t.Errorf("step %d, seen %d: %d of %d connections in part %d of %d: %v", step, seen, n, connections, b, buckets, count)
					break
				}
			}
			if same > connections/100 {
				t.Errorf("step %d, seen %d: %d connections keep their turn", step, seen, same)
			}
		}
	}
}
