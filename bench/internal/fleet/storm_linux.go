package fleet

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Comeback is what became of clients that were told to leave and were dialed again.
type Comeback struct {
	Cut, Failed int
	Missing     int   // that were there before and are not back
	Last        int64 // when the last of them was back, on the clock
	Handshakes  *hdrhistogram.Snapshot
	Failures    map[string]int
}

// storm cuts off all mobile clients at once, and waits until everybody is back, for limit at most.
func (f *fleet) storm(limit time.Duration) Comeback {
	return f.comeback(limit, func() {
		f.mu.Lock()
		crowd := slices.Clone(f.slots)
		f.mu.Unlock()
		for _, c := range crowd {
			f.cut(c)
		}
	})
}

// churn has mobile clients leave at a rate of so many a second for a time, and be replaced. It waits until everybody is back, for limit at most.
func (f *fleet) churn(perSecond float64, total, limit time.Duration) Comeback {
	return f.comeback(limit, func() {
		interval := time.Duration(float64(time.Second) / perSecond)
		slot := 0
		start := f.clock.Now()
		for i := range int64(total / interval) {
			if d := f.clock.Until(start + i*int64(interval)); d > 0 && !f.pause(d) {
				return
			}
			for range f.cfg.Clients {
				slot = (slot + 1) % f.cfg.Clients
				f.mu.Lock()
				c := f.slots[slot]
				f.mu.Unlock()
				if f.cut(c) {
					break
				}
			}
		}
	})
}

func (f *fleet) comeback(limit time.Duration, act func()) Comeback {
	f.handshakes.take()
	before := f.failures.copy()
	f.mu.Lock()
	full, cuts := f.open, f.cuts
	f.mu.Unlock()
	f.refill.Store(true)
	act()
	f.mu.Lock()
	told := f.ordered
	f.mu.Unlock()
	f.wait(limit, func() bool { return f.cuts >= told && f.open >= full })
	f.refill.Store(false)

	f.mu.Lock()
	defer f.mu.Unlock()
	c := Comeback{Cut: f.cuts - cuts, Missing: max(full-f.open, 0), Last: f.lastJoin, Handshakes: f.handshakes.export(), Failures: make(map[string]int)}
	for why, n := range f.failures.copy() {
		if n -= before[why]; n > 0 {
			c.Failures[why] = n
			c.Failed += n
		}
	}
	return c
}

// cut tells a client to leave if it is in and mobile, and reports whether it was.
func (f *fleet) cut(c *client) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c == nil || !c.in || !c.mobile || c.order.Load()&toLeave != 0 || f.publishesLocked(c) {
		return false
	}
	f.ordered++
	c.tell(toLeave)
	return true
}

// A Removal is what became of the slow clients.
type Removal struct {
	Members int
	Noticed []int64        // when a slow client was told that its connection is over, on the clock
	Closed  map[string]int // how the connections of all those had ended that are over, found by reading
}

// readSlow has the slow clients read what there is, until nothing more turns up about them or limit is over.
func (f *fleet) readSlow(limit time.Duration) Removal {
	f.mu.Lock()
	r := Removal{Members: f.slowJoins, Noticed: slices.Clone(f.removed)}
	for _, c := range f.slots {
		if c != nil && c.slow && c.in {
			c.tell(toRead)
		}
	}
	f.mu.Unlock()
	const quiet = 300 * time.Millisecond
	known, since := -1, time.Now()
	f.wait(limit, func() bool {
		if n := f.slowEnds.sum(); n != known {
			known, since = n, time.Now()
		}
		return known >= r.Members || time.Since(since) > quiet
	})
	r.Closed = f.slowEnds.copy()
	return r
}
