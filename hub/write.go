package hub

// resumeBudget is how many bytes one Resume writes for one member before others get their turn.
const resumeBudget = 256 << 10

// visit offers ms what the round is about. It returns the messages and bytes that the transport took.
func (rd *round) visit(ms *membership) (messages, bytes int64) {
	m := ms.member
	m.mu.Lock()
	var a Answer
	var err error
	switch {
	case m.phase != attached || ms.pos >= rd.target:
		m.mu.Unlock()
		return 0, 0

	case m.blocked:
		if ms.seg == nil {
			ms.lag(rd.seg.at(ms.pos))
		}
		far := ms.tooFar()
		m.mu.Unlock()
		if far {
			m.sink.Evict(TooFarBehind, nil)
		}
		return 0, 0

	case ms.pos == rd.from && rd.bytes != nil:
		// The common case: at rest with its neighbours, and the round is one piece of memory.
		var n int
		n, err = m.sink.Write(rd.bytes)
		if n == len(rd.bytes) {
			ms.pos = rd.target
			m.mu.Unlock()
			return rd.messages, int64(n)
		}
		messages, a = ms.tookLocked(rd.seg, n, err)
		bytes = int64(n)

	default:
		assert(ms.seg == nil && ms.pos >= rd.from, "a member that is not blocked is behind its shelf")
		messages, bytes, a, err = ms.sendLocked(rd.seg.at(ms.pos), rd.target, int(rd.target-rd.from))
	}
	m.mu.Unlock()
	if a == Gone {
		m.sink.Evict(Broken, err)
	}
	return messages, bytes
}

// tookLocked moves the cursor, which was in seg, past n bytes that a write has taken. The write was
// short or failed: the member is blocked and lags, so that rounds pass it by until it resumes or leaves.
func (ms *membership) tookLocked(seg *segment, n int, err error) (messages int64, a Answer) {
	log := &ms.shelf.room.log
	before := log.seqAt(seg, ms.pos)
	ms.advance(seg, n)
	messages = int64(log.seqAt(seg, ms.pos) - before)
	if ms.seg == nil {
		ms.lag(seg)
	}
	ms.member.blocked = true
	if err != nil {
		return messages, Gone
	}
	return messages, Behind
}

// sendLocked writes the log from the cursor, which is in seg, to target or until the transport is full
// or budget bytes are written. A membership that reaches target is at rest.
func (ms *membership) sendLocked(seg *segment, target uint64, budget int) (messages, bytes int64, a Answer, err error) {
	log := &ms.shelf.room.log
	before := log.seqAt(seg, ms.pos)
	for ms.pos < target {
		if bytes >= int64(budget) {
			a = Again
			break
		}
		seg = seg.at(ms.pos)
		p := seg.bytes(ms.pos, target)
		var n int
		n, err = ms.member.sink.Write(p)
		ms.advance(seg, n)
		bytes += int64(n)
		if err != nil {
			a = Gone
			break
		}
		if n < len(p) {
			a = Behind
			break
		}
	}
	messages = int64(log.seqAt(seg, ms.pos) - before)
	switch a {
	case Sent:
		if ms.seg != nil {
			ms.catchUp()
		}
	case Behind, Again, Gone:
		if ms.seg == nil {
			ms.lag(seg)
		}
		ms.member.blocked = true
	}
	return messages, bytes, a, err
}

// Resume goes on with a member whose transport was full and may no longer be. It answers Sent when there
// is nothing left to send, Behind when the transport is full again, Again when it should be called again
// after others had their turn, Gone when the member is detached or its transport is dead.
func (m *Member) Resume() Answer {
	m.mu.Lock()
	if m.phase == detached {
		m.mu.Unlock()
		return Gone
	}
	if !m.blocked {
		m.mu.Unlock()
		return Sent
	}
	a, err := m.driveLocked()
	m.mu.Unlock()
	if a == Gone {
		m.sink.Evict(Broken, err)
	}
	return a
}

// Interject sends p, whole frames of their own, between two frames. It answers Sent, Behind when p was
// copied and goes with a later Resume, Again when so much waits already that p was not kept, or Gone.
func (m *Member) Interject(p []byte) Answer {
	m.mu.Lock()
	if m.phase != attached {
		m.mu.Unlock()
		return Gone
	}
	a, err := m.interjectLocked(p)
	m.mu.Unlock()
	if a == Gone {
		m.sink.Evict(Broken, err)
	}
	return a
}

func (m *Member) interjectLocked(p []byte) (Answer, error) {
	if m.between == nil && !m.blocked {
		n, err := m.sink.Write(p)
		if err != nil {
			return Gone, err
		}
		if n < len(p) {
			m.blocked = true
			m.between = &between{begun: append([]byte(nil), p[n:]...)}
			return Behind, nil
		}
		return Sent, nil
	}
	if m.between == nil {
		m.between = new(between)
	}
	if len(m.between.next)+len(p) > maxInterjections {
		return Again, nil
	}
	m.between.next = append(m.between.next, p...)
	return Behind, nil
}

// driveLocked writes what waits, in the order that keeps frames whole: the frame begun, what goes between
// frames, then the rooms. It leaves blocked set unless nothing is left.
func (m *Member) driveLocked() (a Answer, err error) {
	var messages, bytes int64
	m.blocked = true
	defer func() {
		if a == Sent {
			m.blocked = false
		}
		h := m.stripe.hub
		h.delivered.Add(messages)
		h.deliveredBytes.Add(bytes)
	}()
	if a, err = m.sendBetweenLocked(false); a != Sent {
		return a, err
	}
	if m.between != nil || m.first.next != nil {
		for ms := range m.memberships {
			if ms.seg == nil {
				continue
			}
			end := ms.shelf.room.log.frameEnd(ms.seg, ms.pos)
			if end == ms.pos {
				continue
			}
			p := ms.seg.bytes(ms.pos, end)
			n, err := m.sink.Write(p)
			ms.advance(ms.seg, n)
			bytes += int64(n)
			if err != nil {
				return Gone, err
			}
			if n < len(p) {
				return Behind, nil
			}
			messages++
		}
	}
	if a, err = m.sendBetweenLocked(true); a != Sent || m.phase != attached {
		return a, err
	}
	for ms := range m.memberships {
		if ms.seg == nil {
			continue
		}
		// head is loaded with mu held: it is not before the target of any round that has passed here.
		mm, bb, a, err := ms.sendLocked(ms.seg, ms.shelf.room.log.head.Load(), resumeBudget)
		messages += mm
		bytes += bb
		if a != Sent {
			return a, err
		}
	}
	return Sent, nil
}

// catchUpLocked sends a member at rest what has been published and no round has brought yet, as far as the
// transport takes it.
func (m *Member) catchUpLocked() {
	var messages, bytes int64
	for ms := range m.memberships {
		r := ms.shelf.room
		head := r.log.head.Load()
		if ms.pos == head {
			continue
		}
		mm, bb, a, _ := ms.sendLocked(r.segment(ms.pos), head, int(head-ms.pos))
		messages += mm
		bytes += bb
		if a != Sent {
			break
		}
	}
	h := m.stripe.hub
	h.delivered.Add(messages)
	h.deliveredBytes.Add(bytes)
}

// sendBetweenLocked writes the rest of what was begun between frames, and with more the frames that
// wait behind it.
func (m *Member) sendBetweenLocked(more bool) (Answer, error) {
	b := m.between
	if b == nil {
		return Sent, nil
	}
	for {
		if len(b.begun) > 0 {
			n, err := m.sink.Write(b.begun)
			b.begun = b.begun[n:]
			if b.message {
				m.stripe.hub.deliveredBytes.Add(int64(n))
			}
			if err != nil {
				return Gone, err
			}
			if len(b.begun) > 0 {
				return Behind, nil
			}
			if b.message {
				m.stripe.hub.delivered.Add(1)
				b.message = false
			}
		}
		if len(b.next) == 0 {
			m.between = nil
			return Sent, nil
		}
		if !more {
			return Sent, nil
		}
		b.begun, b.next = b.next, nil
	}
}
