package hub

import "time"

// A membership lags while its cursor has a segment of its own. The four functions here are all that
// changes that, and keep the counts exact. Member.mu is held.

// lag begins to lag with the cursor in seg.
func (ms *membership) lag(seg *segment) {
	r, st := ms.shelf.room, ms.shelf.stripe
	ms.seg = seg
	st.mu.Lock()
	st.lagging[ms] = struct{}{}
	st.mu.Unlock()
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.lagging++
	st.hub.lagging.Add(1)
	st.hub.lagBytes.Add(int64(r.log.head.Load() - ms.pos))
}

// advance moves the cursor by n bytes, to or before the end of seg.
func (ms *membership) advance(seg *segment, n int) {
	ms.pos += uint64(n)
	if ms.seg != nil {
		ms.seg = seg
		ms.shelf.stripe.hub.lagBytes.Add(-int64(n))
	}
}

// catchUp ends to lag: the cursor is where its neighbours are, or does not matter any more.
func (ms *membership) catchUp() {
	r, st := ms.shelf.room, ms.shelf.stripe
	ms.seg = nil
	st.mu.Lock()
	delete(st.lagging, ms)
	st.mu.Unlock()
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	r.lagging--
	st.hub.lagging.Add(-1)
	st.hub.lagBytes.Add(-int64(r.log.head.Load() - ms.pos))
}

// Behind returns how many bytes m is behind in the room in which it lags most; 0 if it does not lag.
func (m *Member) Behind() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	most := uint64(0)
	for ms := range m.memberships {
		if ms.seg != nil {
			most = max(most, ms.shelf.room.log.head.Load()-ms.pos)
		}
	}
	return int(most)
}

// tooFar tells whether a lagging member has to go.
func (ms *membership) tooFar() bool {
	bound := ms.shelf.stripe.hub.cfg.MaxLag
	return bound > 0 && ms.shelf.room.log.head.Load()-ms.pos > uint64(bound)
}

// sweepLag evicts the members of a stripe that are too far behind, which a round sees only when there is one,
// or whose oldest message is too old.
func (h *Hub) sweepLag(st *stripe, now time.Duration) {
	st.mu.Lock()
	lagging := make([]*membership, 0, len(st.lagging))
	for ms := range st.lagging {
		lagging = append(lagging, ms)
	}
	st.mu.Unlock()
	for _, ms := range lagging {
		m := ms.member
		m.mu.Lock()
		lags := ms.seg != nil
		far := lags && ms.tooFar()
		old := lags && h.cfg.MaxLagAge > 0 && ms.shelf.room.log.age(ms.seg, ms.pos, now) > h.cfg.MaxLagAge
		m.mu.Unlock()
		switch {
		case far:
			m.sink.Evict(TooFarBehind, nil)
		case old:
			m.sink.Evict(TooOld, nil)
		}
	}
}
