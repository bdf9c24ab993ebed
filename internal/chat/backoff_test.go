package chat

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	b := backoff{min: 250 * time.Millisecond, max: 15 * time.Second}
	for _, test := range []struct {
		failures int
		random   float64
		want     time.Duration
	}{
		{0, 0, 0},
		{0, 0.5, 125 * time.Millisecond},
		{1, 0.5, 250 * time.Millisecond},
		{5, 0.5, 4 * time.Second},
		{6, 0.5, 7500 * time.Millisecond},
		{1 << 40, 0.5, 7500 * time.Millisecond},
	} {
		if got := b.pause(test.failures, test.random); got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
	if got := (backoff{min: time.Minute, max: time.Second}).pause(3, 0.5); got != 500*time.Millisecond {
		t.Errorf("a smaller max: got %v", got)
	}
	if b.failures(4, held-1) != 4 || b.failures(4, held) != 0 {
		t.Error("only a connection that held is a new start")
	}
}
