package fleet

import "testing"

func TestFlowBefore(t *testing.T) {
	w := Flow{First: 100, Start: 1000, Interval: 10} // 100 at 1000, 101 at 1010 …
	for _, test := range []struct {
		seq    uint64
		moment int64
		want   int64
	}{
		{100, 0, 0},
		{105, 0, 5},
		{105, 999, 5},
		{105, 1000, 4}, // the one of that very moment may be missed
		{105, 1039, 1},
		{105, 1040, 0},
		{105, 5000, 0},
		{50, 0, 0},
	} {
		if got := w.before(test.seq, test.moment); got != test.want {
			t.Errorf("before message %d, after %d: %d, want %d", test.seq, test.moment, got, test.want)
		}
	}
	if got := (Flow{}).before(9, 0); got != 0 {
		t.Errorf("without a flow: %d", got)
	}
}
