package chat

import (
	"testing"
	"time"
)

func TestLedger(t *testing.T) {
	now := time.Unix(1000, 0)
	for _, test := range []struct {
		name, sent, heard string
		missing           int
		settled           bool
	}{
		{"all", "abc", "abc", 0, true},
		{"none", "abc", "", 3, false},
		{"others between", "abc", "xaybzc", 0, true},
		{"one swallowed", "abc", "ac", 1, false},
		{"first swallowed", "abc", "bc", 1, false},
		{"a stranger says b before", "ab", "ba", 0, false},
		{"and then b comes", "ab", "bab", 0, true},
		{"same words", "aaa", "aa", 1, false},
		{"same words, early", "baa", "aaa", 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger()
			for _, c := range test.sent {
				l.reserve(nil)
				l.sending([]byte(string(c)), now)
				l.wrote([]byte(string(c)), now, nil)
			}
			for _, c := range test.heard {
				l.arrived([]byte(string(c)), now)
			}
			missing, sent := l.missing()
			if missing != test.missing || sent != len(test.sent) || l.settled() != test.settled {
				t.Errorf("missing %d of %d, settled %v", missing, sent, l.settled())
			}
			if len(l.slots) != len(l.out) {
				t.Errorf("%d slots for %d lines", len(l.slots), len(l.out))
			}
			if got := l.drop(); got != test.missing || len(l.slots) != 0 || !l.settled() {
				t.Errorf("dropped %d, %d slots left", got, len(l.slots))
			}
		})
	}
}

func TestLedgerFailedWrite(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLedger()
	l.reserve(nil)
	l.sending([]byte("a"), now)
	l.wrote([]byte("a"), now, errStopped)
	if missing, sent := l.missing(); missing != 0 || sent != 0 || len(l.slots) != 0 {
		t.Errorf("missing %d of %d, %d slots", missing, sent, len(l.slots))
	}
}

func TestGiveUp(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for _, test := range []struct {
		own, sign int
		busy      bool
		want      int
	}{
		{0, 0, false, 10},
		{0, 7, false, 17},  // others are heard
		{0, 55, false, 60}, // but not for ever
		{0, 0, true, 60},   // a write is under way
		{50, 55, false, 65},
	} {
		if got := giveUp(at(test.own), at(test.sign), test.busy, 10*time.Second); !got.Equal(at(test.want)) {
			t.Errorf("%+v: got %v", test, got.Unix())
		}
	}
}
