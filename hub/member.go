package hub

import (
	"sync"
	"time"
)

// A phase is where a member is in its life. It only goes forward.
type phase uint8

const (
	attached phase = iota // may be in rooms; gets their messages
	leaving               // has left its rooms; the rest of a frame and its last words may still be sent
	detached              // its sink is not touched any more
)

// A Member is one transport's place in the hub. It is meant to be embedded in its owner's state for a
// connection. Attach makes it ready. It must not be copied.
type Member struct {
	// Immutable after Attach.
	sink   Sink
	stripe *stripe

	// mu is held across Sink.Write: it keeps frames whole and in order.
	mu sync.Mutex

	// Guarded by mu.
	first   membership // of a list; first.shelf is nil while in no room
	between *between   // nil at rest
	phase   phase
	blocked bool // the transport was full, or still has more to take: Resume goes on, others keep off
}

// between is what goes between frames, while it waits.
type between struct {
	begun   []byte // the rest of a frame of which a part has been sent; goes before everything else
	message bool   // begun is a room's, of a member that has left
	next    []byte // whole frames
}

// maxInterjections bounds the bytes of interjections that wait for one member: eight of the largest
// control frames of a server (RFC 6455 section 5.5: 125 bytes and a header of two).
const maxInterjections = 8 * 127

// Attach makes m, which must be zero, a member with the given transport, in no room yet.
func (h *Hub) Attach(m *Member, sink Sink) {
	m.sink = sink
	m.stripe = &h.stripes[h.spread.Add(1)%uint32(len(h.stripes))]
	m.first.member = m
}

// Join makes m a member of the room, which appears with its first member. greeting, if any, is written
// before the room's first message; whoever has read it gets all that is published from then on.
// It answers Sent, Behind (the rest of greeting goes with Resume), or Gone if m has left or, with Write's
// error, if the transport is dead: then m should Leave. Again means that m is in, but so much waits to be
// sent that greeting was not kept, which cannot be in its first room.
// Joining a room that m is in changes nothing.
func (h *Hub) Join(m *Member, room string, greeting []byte) (Answer, error) {
	r := h.take(room)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phase != attached || m.in(r) {
		h.release(r)
		if m.phase != attached {
			return Gone, nil
		}
		return m.interjectLocked(greeting)
	}
	ms := &m.first
	if ms.shelf != nil {
		ms = &membership{member: m, next: m.first.next}
		m.first.next = ms
	}
	ms.shelf = r.shelfIn(m.stripe)
	ms.shelf.enter(ms)
	if len(greeting) == 0 {
		return Sent, nil
	}
	return m.interjectLocked(greeting)
}

func (m *Member) in(r *room) bool {
	for ms := range m.memberships {
		if ms.shelf.room == r {
			return true
		}
	}
	return false
}

// memberships yields the rooms m is in. The caller holds mu, or is the one that made m leave.
func (m *Member) memberships(yield func(*membership) bool) {
	if m.first.shelf == nil {
		return
	}
	for ms := &m.first; ms != nil; ms = ms.next {
		if !yield(ms) {
			return
		}
	}
}

// Publish appends one frame, given as header and payload, to every room that m is in. Both are copied;
// together they must be less than 2 GiB. now is Config.Now's time. It answers Sent, or Gone if m has left.
// Before it publishes more than a little, a publisher must ask MayPublish.
func (m *Member) Publish(head, body []byte, now time.Duration) Answer {
	m.mu.Lock()
	if m.phase != attached || m.first.shelf == nil {
		m.mu.Unlock()
		return Gone
	}
	first, more := m.first.shelf.room, m.first.next
	m.mu.Unlock()
	m.stripe.hub.publish(first, head, body, now)
	for ; more != nil; more = more.next {
		m.stripe.hub.publish(more.shelf.room, head, body, now)
	}
	return Sent
}

// MayPublish answers Sent if the node keeps up with m's rooms, and Behind if m should not publish
// now: then w.Resume is called once, when it may be worth asking again.
func (m *Member) MayPublish(w Waiter) Answer {
	m.mu.Lock()
	first, more := m.first.shelf, m.first.next
	m.mu.Unlock()
	if first == nil {
		return Sent
	}
	a := m.stripe.hub.admit(first.room, w)
	for ; a == Sent && more != nil; more = more.next {
		a = m.stripe.hub.admit(more.shelf.room, w)
	}
	return a
}

// Leave takes m out of all its rooms. Only the first call does; any other answers Gone.
//
// With last words, what was published before goes first, unless the transport is full: then only the frame that was
// begun does. Nothing goes after them. The answer is Sent when all is written, Behind when Resume must go on and will tell
// more, Gone when the transport is dead. Without, m is detached at once and the answer is Sent.
func (m *Member) Leave(last []byte) Answer {
	m.mu.Lock()
	if m.phase != attached {
		m.mu.Unlock()
		return Gone
	}
	if last != nil && !m.blocked {
		m.catchUpLocked()
	}
	m.phase = leaving
	var rest []byte
	for ms := range m.memberships {
		if ms.seg != nil {
			if end := ms.shelf.room.log.frameEnd(ms.seg, ms.pos); end > ms.pos {
				rest = ms.seg.bytes(ms.pos, end)
			}
			ms.catchUp()
		}
		ms.shelf.exit(ms)
	}
	a := Sent
	if last == nil {
		m.phase = detached
		m.between = nil
	} else {
		b := &between{begun: rest, message: rest != nil, next: last}
		if m.between != nil && rest == nil {
			b.begun = m.between.begun
		}
		m.between = b
		if m.blocked {
			a = Behind
		} else {
			a, _ = m.driveLocked()
		}
	}
	m.mu.Unlock()
	for ms := range m.memberships {
		m.stripe.hub.release(ms.shelf.room)
	}
	return a
}

// Detach ends all use of the sink: once it has returned, Write is not called any more.
// The member must have left.
func (m *Member) Detach() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.phase = detached
	m.between = nil
}
