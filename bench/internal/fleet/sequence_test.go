package fleet

import (
	"math/rand/v2"
	"testing"
)

func TestSequence(t *testing.T) {
	for _, test := range []struct {
		seqs    []uint64
		want    []order
		missing int64
	}{
		{[]uint64{7, 8, 9}, []order{inOrder, inOrder, inOrder}, 0},
		{[]uint64{7, 9}, []order{inOrder, ahead}, 1},
		{[]uint64{7, 9, 8}, []order{inOrder, ahead, reordered}, 0},
		{[]uint64{7, 8, 8}, []order{inOrder, inOrder, doubled}, 0},
		{[]uint64{7, 8, 6, 9}, []order{inOrder, inOrder, early, inOrder}, 0}, // before it came in
		{[]uint64{1, 5, 3, 3, 2, 4, 6}, []order{inOrder, ahead, reordered, doubled, reordered, reordered, inOrder}, 0},
		{[]uint64{1, 5, 9, 8, 2}, []order{inOrder, ahead, ahead, reordered, reordered}, 4},
	} {
		var s sequence
		for i, seq := range test.seqs {
			if got := s.see(seq); got != test.want[i] {
				t.Errorf("%v: %d is %v, want %v", test.seqs, seq, got, test.want[i])
			}
		}
		if s.missing() != test.missing {
			t.Errorf("%v: %d are missing, want %d", test.seqs, s.missing(), test.missing)
		}
	}
}

// Against a model that remembers everything.
func TestSequenceAgainstModel(t *testing.T) {
	for range 2000 {
		var s sequence
		had := map[uint64]bool{}
		first, last := uint64(0), uint64(0)
		for range rand.IntN(60) {
			seq := last + 1
			if rand.IntN(3) == 0 {
				seq = max(first, 1) + rand.Uint64N(40)
			}
			want := inOrder
			switch {
			case first == 0:
				first = seq
			case seq < first:
				want = early
			case had[seq]:
				want = doubled
			case seq < last:
				want = reordered
			case seq > last+1:
				want = ahead
			}
			if got := s.see(seq); got != want {
				t.Fatalf("%d after %v: %v, want %v", seq, had, got, want)
			}
			if want == early {
				continue
			}
			had[seq] = true
			last = max(last, seq)
		}
		if missing := int64(last-first) + 1 - int64(len(had)); first > 0 && s.missing() != missing {
			t.Fatalf("%d are missing, want %d", s.missing(), missing)
		}
	}
}

func TestGapsAreBounded(t *testing.T) {
	var s sequence
	for i := range uint64(1000) {
		s.see(1 + 2*i)
	}
	if got := len(s.gaps.ranges); got > maxGaps {
		t.Errorf("%d gaps are kept, want at most %d", got, maxGaps)
	}
	if s.missing() != 999 {
		t.Errorf("%d are missing, want 999", s.missing())
	}
	if got := s.see(2); got != doubled { // given up: documented
		t.Errorf("one that was given up is %v", got)
	}
	if got := s.see(1998); got != reordered || s.missing() != 998 {
		t.Errorf("the last gap: %v, %d missing", got, s.missing())
	}
}
