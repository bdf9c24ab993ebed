package hub

import (
	"math"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// Segment sizes in bytes. A log that comes out of rest starts small, so that a room with a message now
// and then costs little, and doubles while it is busy. The smallest holds a burst of some small messages, which
// is one write to a member only if it lies in one segment.
const (
	minSegment = 4 << 10
	maxSegment = 64 << 10
)

// A log is the append-only sequence of a room's frames, as segments linked forward. Offsets only grow.
//
// Bytes below head never change: who has loaded head may read them without a lock. Nothing points
// backward, so a segment is collected as soon as every cursor has passed it.
type log struct {
	// head is the offset behind the last whole frame. Stored with mu held, after the bytes.
	head atomic.Uint64

	mu sync.Mutex

	// Guarded by mu.
	tail *segment
	seq  uint64        // frames appended so far
	last time.Duration // when the last one was
}

// A segment holds contiguous whole frames. One without buf is the resting point of an idle log.
type segment struct {
	// Immutable.
	start uint64 // offset in the log of buf[0]
	seq   uint64 // frames of the log before this segment
	born  time.Duration

	buf  []byte // written by the publisher above head, read by anyone below it
	next atomic.Pointer[segment]

	// Guarded by log.mu.
	marks []mark
}

// A mark is where a frame of a segment ends and when it was published.
type mark struct {
	end uint32 // relative to segment.start
	at  uint32 // microseconds since segment.born
}

func (l *log) init() { l.tail = &segment{} }

// appendLocked adds one frame, given as two parts, and returns the offset behind it.
func (l *log) appendLocked(head, body []byte, now time.Duration) uint64 {
	n := len(head) + len(body)
	at := l.head.Load()
	t := l.tail
	if int(at-t.start)+n > len(t.buf) || now-t.born > math.MaxUint32*time.Microsecond {
		size := max(min(2*len(t.buf), maxSegment), minSegment, n)
		t = l.linkLocked(at, make([]byte, size), now)
	}
	off := int(at - t.start)
	copy(t.buf[off:], head)
	copy(t.buf[off+len(head):], body)
	t.marks = append(t.marks, mark{uint32(off + n), uint32(max(now-t.born, 0) / time.Microsecond)})
	l.seq++
	l.last = now
	l.head.Store(at + uint64(n))
	return at + uint64(n)
}

// restLocked ends the log with a segment without bytes, so that the last one with bytes can be collected.
func (l *log) restLocked(now time.Duration) { l.linkLocked(l.head.Load(), nil, now) }

func (l *log) linkLocked(at uint64, buf []byte, now time.Duration) *segment {
	s := &segment{start: at, seq: l.seq, buf: buf, born: now}
	l.tail.next.Store(s)
	l.tail = s
	return s
}

// at returns the segment that holds the byte at pos, or where the next byte at pos will be found,
// going forward from s. It wants s.start <= pos <= head.
func (s *segment) at(pos uint64) *segment {
	for {
		next := s.next.Load()
		if next == nil || pos < next.start {
			return s
		}
		s = next
	}
}

// bytes returns what s holds of [pos, target). It wants pos inside s and target <= head.
func (s *segment) bytes(pos, target uint64) []byte {
	if next := s.next.Load(); next != nil && next.start < target {
		target = next.start
	}
	return s.buf[pos-s.start : target-s.start : target-s.start]
}

// frameLocked returns the index in s.marks of the frame that holds the byte at pos.
// If there is none yet it is len(s.marks).
func (s *segment) frameLocked(pos uint64) int {
	rel := uint32(pos - s.start)
	return sort.Search(len(s.marks), func(i int) bool { return s.marks[i].end > rel })
}

// frameEnd returns the offset where the frame ends that is begun before pos, and pos itself if
// pos is between two frames.
func (l *log) frameEnd(s *segment, pos uint64) uint64 {
	if pos == s.start {
		return pos
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := s.frameLocked(pos)
	if s.marks[i-min(i, 1)].end == uint32(pos-s.start) {
		return pos
	}
	return s.start + uint64(s.marks[i].end)
}

// seqAt returns the number of the log's frames that end at or before pos.
func (l *log) seqAt(s *segment, pos uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return s.seq + uint64(s.frameLocked(pos))
}

// age returns how long ago the frame at pos was published; 0 if there is none.
func (l *log) age(s *segment, pos uint64, now time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	s = s.at(pos)
	i := s.frameLocked(pos)
	if i == len(s.marks) {
		return 0
	}
	return now - s.published(i)
}

func (s *segment) published(i int) time.Duration {
	return s.born + time.Duration(s.marks[i].at)*time.Microsecond
}
