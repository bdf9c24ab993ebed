package chat

import (
	"hash/maphash"
	"sync"
	"time"
)

// window is how many lines may be out at a time.
const window = 1 << 16

// patience is how many waits may pass without an own line coming back while
// others are heard.
const patience = 6

// A ledger knows which own lines are out: sent, and not come back yet. It
// keeps a hash of each. The sender adds, the receiver strikes off.
type ledger struct {
	// Immutable.
	seed    maphash.Seed
	slots   chan struct{} // holds one token for each line reserved or out
	changed chan struct{} // gets a token when out turns empty or no longer is

	mu sync.Mutex

	// Guarded by mu.
	out   []uint64       // hashes, oldest first
	count map[uint64]int // how often each hash is in out
	early map[uint64]int // how many of those were heard before their turn
	ahead int            // sum of early
	sent  int
	own   time.Time // an own line came back last, or the first went out
	sign  time.Time // anything arrived last, or a write ended
	busy  bool      // a write is under way
}

func newLedger() *ledger {
	return &ledger{
		seed:    maphash.MakeSeed(),
		slots:   make(chan struct{}, window),
		changed: make(chan struct{}, 1),
		count:   make(map[uint64]int),
		early:   make(map[uint64]int),
	}
}

// reserve waits for room for one more line. It is false if stop came first.
func (l *ledger) reserve(stop <-chan struct{}) bool {
	select {
	case l.slots <- struct{}{}:
		return true
	case <-stop:
		return false
	}
}

// release gives back a reservation that was not used.
func (l *ledger) release() { <-l.slots }

// sending uses a reservation: the line is about to be written.
func (l *ledger) sending(line []byte, now time.Time) {
	hash := maphash.Bytes(l.seed, line)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.out) == 0 {
		l.own, l.sign = now, now
		l.signal()
	}
	l.out = append(l.out, hash)
	l.count[hash]++
	l.sent++
	l.busy = true
}

// wrote says how the write of the line last told to sending ended. If it
// failed the line is not out.
func (l *ledger) wrote(line []byte, now time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	l.sign = now
	if err == nil {
		return
	}
	last := len(l.out) - 1
	if last < 0 || l.out[last] != maphash.Bytes(l.seed, line) {
		return // taken for a stranger's same words
	}
	hash := l.out[last]
	l.out = l.out[:last]
	l.sent--
	l.forgetLocked(hash)
}

// arrived strikes off the oldest line that is out if this is its text.
func (l *ledger) arrived(text []byte, now time.Time) {
	hash := maphash.Bytes(l.seed, text)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sign = now
	switch {
	case len(l.out) > 0 && l.out[0] == hash:
		l.own = now
		l.out = l.out[1:]
		l.forgetLocked(hash)
	case l.count[hash] > l.early[hash]:
		// Either a stranger said the same, or what is before it was lost.
		l.own = now
		l.early[hash]++
		l.ahead++
	}
}

// heard notes the arrival of something that cannot be an own line.
func (l *ledger) heard(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sign = now
}

// forgetLocked clears up after a hash that was taken from out.
func (l *ledger) forgetLocked(hash uint64) {
	l.count[hash]--
	if l.early[hash] > l.count[hash] {
		l.early[hash]--
		l.ahead--
	}
	if l.count[hash] == 0 {
		delete(l.count, hash)
		delete(l.early, hash)
	}
	if len(l.out) == 0 {
		l.signal()
	}
	<-l.slots
}

func (l *ledger) signal() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// settled tells whether no line is out.
func (l *ledger) settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.out) == 0
}

// missing returns how many lines have not been heard, of how many sent.
func (l *ledger) missing() (missing, sent int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.out) - l.ahead, l.sent
}

// drop gives up what is out, because its connection is gone, and returns how
// many of those lines had not been heard.
func (l *ledger) drop() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	missing := len(l.out) - l.ahead
	for range l.out {
		<-l.slots
	}
	l.out, l.ahead, l.busy = nil, 0, false
	clear(l.count)
	clear(l.early)
	return missing
}

// deadline returns when to give up, and false as long as nothing is out.
func (l *ledger) deadline(wait time.Duration) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.out) == 0 || wait < 0 {
		return time.Time{}, false
	}
	return giveUp(l.own, l.sign, l.busy, wait), true
}

// giveUp is the policy: a wait since the last sign of life, and in any case
// some waits since an own line came back. A write under way is life.
func giveUp(own, sign time.Time, busy bool, wait time.Duration) time.Time {
	last := own.Add(patience * wait)
	if soon := sign.Add(wait); !busy && soon.Before(last) {
		return soon
	}
	return last
}
