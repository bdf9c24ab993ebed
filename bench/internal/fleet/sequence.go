package fleet

// A sequence is what one client has seen of the messages 1, 2, 3 … The first that comes tells where it came in. The
// zero value has seen nothing.
type sequence struct {
	first uint64
	next  uint64 // 0 before the first message
	gaps  *gaps  // what is missing below next; nil if nothing is
}

// gaps are ranges of messages that have not come, ascending.
type gaps struct {
	ranges [][2]uint64 // first, and one behind the last
	given  int64       // messages that are forgotten to be missing; see maxGaps
}

// maxGaps bounds what a client remembers of its gaps. The oldest are then given up as lost, and what comes of them later counts as
// doubled.
const maxGaps = 64

// What a message is to its sequence.
type order uint8

const (
	inOrder   order = iota
	ahead           // some before it are missing
	reordered       // it was missing: one sent later was here before
	early           // the same, and it was sent before the first that came: it is not among those that count
	doubled         // it was here before
)

// see takes the next message.
func (s *sequence) see(seq uint64) order {
	switch {
	case s.next == 0:
		s.first, s.next = seq, seq+1
		return inOrder
	case seq == s.next:
		s.next = seq + 1
		return inOrder
	case seq < s.first:
		return early
	case seq > s.next:
		if s.gaps == nil {
			s.gaps = new(gaps)
		}
		s.gaps.add(s.next, seq)
		s.next = seq + 1
		return ahead
	case s.gaps != nil && s.gaps.remove(seq):
		return reordered
	default:
		return doubled
	}
}

// missing returns how many messages between the first seen and the last have not come.
func (s *sequence) missing() int64 {
	if s.gaps == nil {
		return 0
	}
	n := s.gaps.given
	for _, r := range s.gaps.ranges {
		n += int64(r[1] - r[0])
	}
	return n
}

func (g *gaps) add(first, end uint64) {
	for len(g.ranges) >= maxGaps {
		g.given += int64(g.ranges[0][1] - g.ranges[0][0])
		g.ranges = append(g.ranges[:0], g.ranges[1:]...)
	}
	g.ranges = append(g.ranges, [2]uint64{first, end})
}

// remove reports whether seq was missing, and forgets it.
func (g *gaps) remove(seq uint64) bool {
	for i, r := range g.ranges {
		if seq < r[0] || seq >= r[1] {
			continue
		}
		// What is left of the range on both sides; a side may be empty.
		var left [][2]uint64
		if r[0] < seq {
			left = append(left, [2]uint64{r[0], seq})
		}
		if seq+1 < r[1] {
			left = append(left, [2]uint64{seq + 1, r[1]})
		}
		g.ranges = append(g.ranges[:i:i], append(left, g.ranges[i+1:]...)...)
		return true
	}
	return false
}
