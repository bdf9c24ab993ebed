package hub

import (
	"sync/atomic"
	"time"
)

// A room is a log and the members that read it. It exists while it has members.
type room struct {
	// Immutable.
	name string

	log log

	// paused is set while publishers wait; stored with log.mu held.
	paused atomic.Bool

	// Guarded by Hub.mu.
	members int // including those on their way in

	// Guarded by log.mu.
	shelves  []*shelf // one for each stripe that ever had a member of the room
	slowest  uint64   // every shelf has been offered everything below
	observed *segment // where observedAt is
	frame    int      // first frame of observed whose writing was not yet reported
	waiters  []Waiter // publishers to be woken
	lagging  int64    // memberships that lag, each counted in Hub.lagBytes
	warm     bool     // is listed in Hub.warm: its log holds bytes
}

func newRoom(name string) *room {
	r := &room{name: name}
	r.log.init()
	r.observed = r.log.tail
	return r
}

// A shelf is the members of one room that live in one stripe, and the cursor they share at rest:
// every member of the shelf that does not lag is at done or ahead of it.
type shelf struct {
	// Immutable.
	room   *room
	stripe *stripe

	// done is the offset up to which all members have been offered the log.
	// Stored by the writer that serves the shelf.
	done atomic.Uint64

	// queued is set while the shelf is in the ready queue or served by a writer.
	queued atomic.Bool

	// Guarded by stripe.mu.
	members []*membership

	// Owned by the writer that serves the shelf; handed on through the ready queue.
	seg   *segment // holds done
	seq   uint64   // frames of the log up to done
	round round

	next *shelf // guarded by queue.mu
}

// shelfIn returns the room's shelf in a stripe, making it if there is none yet.
func (r *room) shelfIn(st *stripe) *shelf {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	for _, sh := range r.shelves {
		if sh.stripe == st {
			return sh
		}
	}
	sh := &shelf{room: r, stripe: st, seg: r.log.tail, seq: r.log.seq}
	sh.done.Store(r.log.head.Load())
	r.shelves = append(r.shelves, sh)
	return sh
}

// publish appends one frame and sees to it that every shelf gets a round.
func (h *Hub) publish(r *room, head, body []byte, now time.Duration) uint64 {
	n := int64(len(head) + len(body))
	r.log.mu.Lock()
	pos := r.log.appendLocked(head, body, now)
	if r.lagging > 0 {
		h.lagBytes.Add(n * r.lagging)
	}
	if pos-r.slowest > uint64(h.cfg.Backlog) && !r.paused.Load() {
		r.paused.Store(true)
		h.paused.Add(1)
		h.pauses.Add(1)
	}
	warm := r.warm
	r.warm = true
	shelves := r.shelves // only ever appended to
	r.log.mu.Unlock()

	if !warm {
		h.warmMu.Lock()
		h.warm = append(h.warm, r)
		h.warmMu.Unlock()
	}
	h.published.Add(1)
	h.publishedBytes.Add(n)
	h.ready.push(shelves)
	return pos
}

// admit answers Sent if publishers of the room may go on; otherwise it keeps w, to be woken once.
func (h *Hub) admit(r *room, w Waiter) Answer {
	if !r.paused.Load() {
		return Sent
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if !r.paused.Load() {
		return Sent
	}
	r.waiters = append(r.waiters, w)
	h.waiting.Add(1)
	return Behind
}

// settle accounts for a shelf that has finished a round: what has now been offered to everybody is
// reported, and publishers are woken when the room has caught up.
func (h *Hub) settle(r *room, now time.Duration) {
	r.log.mu.Lock()
	slowest := r.log.head.Load()
	for _, sh := range r.shelves {
		slowest = min(slowest, sh.done.Load())
	}
	r.slowest = slowest
	r.reportLocked(slowest, now, h.cfg.OnWritten)
	var wake []Waiter
	if r.paused.Load() && r.log.head.Load()-slowest <= uint64(h.cfg.Backlog)/2 {
		r.paused.Store(false)
		h.paused.Add(-1)
		wake, r.waiters = r.waiters, nil
		h.waiting.Add(-int64(len(wake)))
	}
	r.log.mu.Unlock()
	for _, w := range wake {
		w.Resume()
	}
}

// reportLocked tells how long each frame below slowest took that was not told of before.
func (r *room) reportLocked(slowest uint64, now time.Duration, tell func(time.Duration)) {
	for {
		s := r.observed
		for ; r.frame < len(s.marks) && s.start+uint64(s.marks[r.frame].end) <= slowest; r.frame++ {
			tell(now - s.published(r.frame))
		}
		next := s.next.Load()
		if r.frame < len(s.marks) || next == nil || next.start > slowest {
			return
		}
		r.observed, r.frame = next, 0
	}
}

// segment returns the one that holds pos, where a member at rest is.
func (r *room) segment(pos uint64) *segment {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	assert(r.observed.start <= pos, "a member at rest is behind what all have been offered")
	return r.observed.at(pos)
}

// rest lets go of the room's log if nobody has published for a while and everybody has been offered
// all of it. It reports whether the room's log is now, or was already, without bytes.
func (h *Hub) rest(r *room, now time.Duration) bool {
	r.log.mu.Lock()
	head := r.log.head.Load()
	if now-r.log.last < h.cfg.RestAfter || r.slowest < head {
		r.log.mu.Unlock()
		return false
	}
	r.log.restLocked(now)
	r.reportLocked(head, now, h.cfg.OnWritten)
	r.warm = false
	shelves := r.shelves
	r.log.mu.Unlock()
	h.ready.push(shelves) // their writers move the shared cursor to the resting point
	return true
}
