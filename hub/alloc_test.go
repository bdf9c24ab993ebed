package hub

import (
	"runtime"
	"testing"
	"time"
	"unsafe"
	"weak"
)

// A drain is a transport that takes everything and counts the writes.
type drain struct {
	member Member
	writes int
	bytes  int
}

func (d *drain) Write(p []byte) (int, error) {
	d.writes++
	d.bytes += len(p)
	return len(p), nil
}

func (d *drain) Evict(Cause, error) {}

// drained is a hub without writers, its clock, and a room full of drains.
func drained(members int) (h *Hub, now *time.Duration, ds []*drain) {
	now = new(time.Duration)
	h = New(Config{Writers: -1, Stripes: 4, Now: func() time.Duration { return *now }})
	for range members {
		d := new(drain)
		h.Attach(&d.member, d)
		h.Join(&d.member, "room", nil)
		ds = append(ds, d)
	}
	return h, now, ds
}

func TestSizes(t *testing.T) {
	// Each is paid once a connection: docs/architecture.md adds them up.
	if n := unsafe.Sizeof(Member{}); n > 96 {
		t.Errorf("a Member takes %d bytes", n)
	}
	if n := unsafe.Sizeof(membership{}); n > 48 {
		t.Errorf("a membership takes %d bytes", n)
	}
}

// A delivery allocates nothing, and a publish only the log.
func TestAllocations(t *testing.T) {
	h, _, ds := drained(1000)
	head, body := make([]byte, 4), make([]byte, 124)
	round := func() {
		ds[0].member.Publish(head, body, 0)
		for h.step() {
		}
	}
	round()
	if n := testing.AllocsPerRun(200, round); n >= 1 {
		t.Errorf("a message to %d members allocates %v times", len(ds), n)
	}

	h, _, ds = drained(4)
	const messages = 20_000
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range messages {
		round()
	}
	runtime.ReadMemStats(&after)
	logged := messages * (len(head) + len(body))
	segments := logged/maxSegment + 1
	// A segment, its bytes, and its marks, which double: to 512 takes about ten times.
	if n := int(after.Mallocs - before.Mallocs); n > 16*segments {
		t.Errorf("%d messages in %d segments: %d allocations", messages, segments, n)
	}
	// The bytes once, and at most 40 for each message's mark and what it outgrew.
	if n := int(after.TotalAlloc - before.TotalAlloc); n > logged*11/10+40*messages {
		t.Errorf("%d bytes published: %d allocated", logged, n)
	}
}

// A burst is one write for each member: the log is contiguous.
func TestOneWriteABurst(t *testing.T) {
	h, _, ds := drained(300)
	publish := func(n int) {
		for range n {
			ds[0].member.Publish(make([]byte, 4), make([]byte, 124), 0)
		}
		for h.step() {
		}
	}
	publish(2 * maxSegment / 128) // a busy room
	for _, d := range ds {
		d.writes, d.bytes = 0, 0
	}
	room := h.rooms["room"]
	for room.log.head.Load()-room.log.tail.start > maxSegment/2 {
		publish(1)
		for _, d := range ds {
			d.writes, d.bytes = 0, 0
		}
	}
	publish(16)
	for _, d := range ds {
		if d.writes != 1 || d.bytes != 16*128 {
			t.Fatalf("16 messages of 128 bytes: %d writes of %d bytes in all", d.writes, d.bytes)
		}
	}
}

// What waits for a member that does not read is bounded.
func TestInterjectionsAreBounded(t *testing.T) {
	h := New(Config{Writers: -1})
	var m Member
	h.Attach(&m, &pipe{room: 1})
	ping := modelFrame(kindBetween, nil)
	taken := 0
	for m.Interject(ping) != Again {
		taken++
		if taken*len(ping) > 2*maxInterjections {
			t.Fatal("no end of what is taken")
		}
	}
	if n := len(m.between.next); n > maxInterjections || n < maxInterjections-len(ping) {
		t.Errorf("%d bytes wait, of at most %d", n, maxInterjections)
	}
}

// A room that has been quiet holds no byte of its log, and takes part in no sweep.
func TestRoomAtRest(t *testing.T) {
	h, now, ds := drained(100)
	var segments []weak.Pointer[segment]
	for range 3 {
		first := h.rooms["room"].log.tail
		for range 5000 {
			ds[0].member.Publish(nil, make([]byte, 128), *now)
		}
		for h.step() {
		}
		for s := first.next.Load(); s != nil; s = s.next.Load() {
			segments = append(segments, weak.Make(s))
		}
		h.Sweep()
		if len(h.warm) != 1 {
			t.Fatalf("%d rooms are warm right after a publish", len(h.warm))
		}
		*now += h.cfg.RestAfter
		h.Sweep()
		for h.step() {
		}
		if len(h.warm) != 0 {
			t.Fatalf("%d rooms are warm after a rest", len(h.warm))
		}
	}
	runtime.GC()
	for i, w := range segments {
		if s := w.Value(); s != nil {
			t.Errorf("segment %d of %d, %d bytes, is still held", i, len(segments), len(s.buf))
		}
	}
	runtime.KeepAlive(ds)
}
