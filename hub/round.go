package hub

import "runtime"

// handful is how many members a writer serves at a turn. Between two turns it lets go of the shelf and
// of the processor: a push to one user or a handshake waits for some handfuls, not for a whole round.
const handful = 64

// A round takes all members of a shelf from one offset of the log to another. It goes on over many turns.
type round struct {
	active       bool
	from, target uint64
	seg          *segment // holds from
	bytes        []byte   // [from, target) if it lies in one segment
	messages     int64    // in [from, target)
	seq          uint64   // frames of the log up to target
	index        int      // members below it are still to be visited
}

// write is a writer: it serves one handful after the other until the hub is closed.
func (h *Hub) write() {
	for {
		sh := h.ready.take(true)
		if sh == nil {
			return
		}
		h.ready.giveBack(sh, h.turn(sh))
		runtime.Gosched()
	}
}

// turn serves one handful of a shelf. It reports whether the shelf wants another turn.
func (h *Hub) turn(sh *shelf) bool {
	rd := &sh.round
	if !rd.active && !sh.begin() {
		// Clean, unless a publisher has come between the look at the log and here, or the log was put to rest.
		seg := sh.seg
		sh.queued.Store(false)
		return (sh.room.log.head.Load() > sh.done.Load() || seg.next.Load() != nil) && sh.queued.CompareAndSwap(false, true)
	}
	var batch [handful]*membership
	sh.stripe.mu.Lock()
	end := min(rd.index, len(sh.members))
	rd.index = max(end-handful, 0)
	n := copy(batch[:], sh.members[rd.index:end])
	sh.stripe.mu.Unlock()

	var messages, bytes int64
	for i := n - 1; i >= 0; i-- {
		mm, bb := rd.visit(batch[i])
		messages += mm
		bytes += bb
	}
	h.delivered.Add(messages)
	h.deliveredBytes.Add(bytes)
	if rd.index == 0 {
		sh.end()
		h.settle(sh.room, h.cfg.Now())
	}
	return true
}

// begin starts a round to the head of the log. It reports false if the shelf is there already.
func (sh *shelf) begin() bool {
	rd, log := &sh.round, &sh.room.log
	from := sh.done.Load()
	log.mu.Lock()
	target, seq := log.head.Load(), log.seq
	log.mu.Unlock()
	sh.seg = sh.seg.at(from)
	if target == from {
		return false
	}
	rd.active = true
	rd.from, rd.target = from, target
	rd.seg = sh.seg
	rd.bytes = nil
	if p := rd.seg.bytes(from, target); uint64(len(p)) == target-from {
		rd.bytes = p
	}
	rd.messages = int64(seq - sh.seq)
	rd.seq = seq
	sh.stripe.mu.Lock()
	rd.index = len(sh.members)
	sh.stripe.mu.Unlock()
	return true
}

// end finishes the round: everybody on the shelf has been offered everything up to its target.
func (sh *shelf) end() {
	rd := &sh.round
	sh.seg = rd.seg.at(rd.target)
	sh.seq = rd.seq
	sh.done.Store(rd.target)
	*rd = round{}
}
