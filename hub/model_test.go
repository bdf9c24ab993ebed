package hub

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func init() { checks = true }

// pipe is a transport with as much room as a test gives it.
type pipe struct {
	room    int
	dead    bool
	got     []byte
	writes  int
	evicted []Cause
	onEvict func()
}

var errDead = errors.New("pipe: dead")

func (p *pipe) Write(b []byte) (int, error) {
	p.writes++
	if p.dead {
		return 0, errDead
	}
	n := min(len(b), p.room)
	p.room -= n
	p.got = append(p.got, b[:n]...)
	return n, nil
}

func (p *pipe) Evict(c Cause, _ error) {
	p.evicted = append(p.evicted, c)
	if p.onEvict != nil {
		p.onEvict()
	}
}

// The model's frames: kind, length of payload (4 bytes), payload. A message's payload begins with room and number.
const (
	kindMessage = 'm'
	kindBetween = 'i'
	kindLast    = 'l'
	kindHello   = 'h'
)

func modelFrame(kind byte, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	return append(b, payload...)
}

func modelMessage(room byte, number uint32, size int) []byte {
	p := binary.BigEndian.AppendUint32([]byte{room}, number)
	for i := range size {
		p = append(p, byte(i)^byte(number))
	}
	return modelFrame(kindMessage, p)
}

// A modelRoom is all a room ever said; a modelMember is where in that it came in.
type modelRoom struct {
	name string
	said [][]byte
}

type modelMember struct {
	m       *Member
	p       *pipe
	joined  map[byte]int // first message it must get, by room
	between int          // interjections that were taken, and so must arrive
	left    bool
	last    bool
	owed    map[byte]int // of one that left with room for everything: what must have come before, by room
}

type world struct {
	t       testing.TB
	h       *Hub
	now     time.Duration
	rooms   []*modelRoom
	members []*modelMember
	gone    []*modelMember
	arrived int64 // messages, over all members; counted by check
}

func newWorld(t testing.TB) *world {
	w := &world{t: t}
	w.h = New(Config{
		Writers: -1, Stripes: 2, Backlog: 1 << 30, MaxLag: -1, MaxLagAge: -1,
		Now: func() time.Duration { return w.now },
	})
	for i := range 3 {
		w.rooms = append(w.rooms, &modelRoom{name: fmt.Sprintf("room%d", i)})
	}
	return w
}

// step serves one handful, as a writer would.
func (h *Hub) step() bool {
	sh := h.ready.take(false)
	if sh == nil {
		return false
	}
	h.ready.giveBack(sh, h.turn(sh))
	return true
}

func (w *world) connect() *modelMember {
	mm := &modelMember{m: new(Member), p: &pipe{}, joined: map[byte]int{}}
	w.h.Attach(mm.m, mm.p)
	w.members = append(w.members, mm)
	return mm
}

// do carries out one operation, chosen by the bytes of a script.
func (w *world) do(op, a, b byte) {
	w.now += time.Duration(a) * time.Millisecond
	if op%12 == 0 || len(w.members) == 0 {
		if len(w.members) < 150 {
			w.connect()
		}
		return
	}
	mm := w.members[int(a)%len(w.members)]
	id := b % 3
	room := w.rooms[id]
	switch op % 12 {
	case 1, 2:
		_, in := mm.joined[id]
		hello := modelFrame(kindHello, []byte{id})
		a, err := w.h.Join(mm.m, room.name, hello)
		if err != nil || a == Gone {
			w.t.Fatalf("join: %v %v", a, err)
		}
		if !in {
			// A room that nobody is in does not exist: what it said before is nobody's.
			mm.joined[id] = len(room.said)
		}
	case 3, 4, 5:
		if len(mm.joined) == 0 {
			return
		}
		size := int(b) * int(b) / 4
		if b > 250 {
			size = 70_000 + int(b)
		}
		// To all rooms the member is in, which the model does room by room: so only members of one room speak.
		if len(mm.joined) != 1 {
			return
		}
		for id := range mm.joined {
			r := w.rooms[id]
			f := modelMessage(id, uint32(len(r.said)), size)
			r.said = append(r.said, f)
			if got := mm.m.Publish(f[:5], f[5:], w.now); got != Sent {
				w.t.Fatalf("publish: %v", got)
			}
		}
	case 6:
		mm.p.room += int(b) * int(b)
		mm.m.Resume()
	case 7:
		mm.p.room += 1 + int(b)
		mm.m.Resume()
	case 8:
		if mm.m.Interject(modelFrame(kindBetween, []byte{b})) != Again {
			mm.between++
		}
	case 9:
		for range b % 8 {
			w.h.step()
		}
	case 10:
		if b < 100 {
			return
		}
		var last []byte
		if b%2 == 0 {
			last = modelFrame(kindLast, []byte{b})
			mm.last = true
		}
		blocked := mm.m.blocked
		switch answer := mm.m.Leave(last); {
		case answer == Gone:
			w.t.Fatal("the first Leave answered Gone")
		case answer == Sent && last != nil && !blocked:
			mm.owed = map[byte]int{}
			for id := range mm.joined {
				mm.owed[id] = len(w.rooms[id].said)
			}
		}
		if mm.m.Leave(last) != Gone {
			w.t.Fatal("the second Leave did not answer Gone")
		}
		mm.left = true
		i := int(a) % len(w.members)
		w.members = append(w.members[:i], w.members[i+1:]...)
		w.gone = append(w.gone, mm)
	case 11:
		w.now += time.Duration(b) * 20 * time.Millisecond
		w.h.Sweep()
	}
}

// finish lets everything through and checks what everybody got.
func (w *world) finish() {
	all := append(append([]*modelMember(nil), w.members...), w.gone...)
	for _, mm := range all {
		mm.p.room = 1 << 40
	}
	for w.h.step() {
	}
	for _, mm := range all {
		for mm.m.Resume() == Again {
		}
	}
	for w.h.step() {
	}
	for _, mm := range all {
		w.check(mm)
	}
	if got := w.h.Stats().Delivered; got != w.arrived {
		w.t.Fatalf("%d deliveries are counted, %d messages have arrived", got, w.arrived)
	}
	for _, mm := range w.members {
		mm.m.Leave(nil)
	}
	for w.h.step() {
	}
	s := w.h.Stats()
	if s.Lagging != 0 || s.LagBytes != 0 || s.Rooms != 0 || s.Queue != 0 {
		w.t.Fatalf("when everybody has left: %+v", s)
	}
	w.now += time.Hour
	w.h.Sweep()
	if len(w.h.warm) != 0 {
		w.t.Fatalf("%d rooms hold log bytes an hour later", len(w.h.warm))
	}
}

func (w *world) check(mm *modelMember) {
	next := map[byte]int{}
	for id, first := range mm.joined {
		next[id] = first
	}
	between, last := 0, false
	for b := mm.p.got; len(b) > 0; {
		if last {
			w.t.Fatalf("%d bytes after the last words", len(b))
		}
		if len(b) < 5 || len(b) < 5+int(binary.BigEndian.Uint32(b[1:])) {
			if mm.left && !mm.last {
				return // cut off in the middle, as Leave without last words may
			}
			w.t.Fatalf("a frame is cut off: % x", b[:min(len(b), 16)])
		}
		n := 5 + int(binary.BigEndian.Uint32(b[1:]))
		f := b[:n]
		b = b[n:]
		switch f[0] {
		case kindMessage:
			id := f[5]
			i, in := next[id]
			if !in {
				w.t.Fatalf("got a message of room %d without being in it", id)
			}
			if i >= len(w.rooms[id].said) || !bytes.Equal(f, w.rooms[id].said[i]) {
				w.t.Fatalf("room %d: wanted message %d, got %d (%d bytes)", id, i, binary.BigEndian.Uint32(f[6:]), n)
			}
			next[id]++
			w.arrived++
		case kindBetween:
			between++
		case kindLast:
			last = true
		case kindHello:
		default:
			w.t.Fatalf("torn frames: % x", f[:min(n, 16)])
		}
	}
	if last != mm.last {
		w.t.Fatalf("last words arrived: %v, wanted %v", last, mm.last)
	}
	for id, n := range mm.owed {
		if next[id] != n {
			w.t.Fatalf("room %d: left, with room for everything, with messages up to %d of %d", id, next[id], n)
		}
	}
	if mm.left {
		return
	}
	if between != mm.between {
		w.t.Fatalf("%d interjections arrived of %d taken", between, mm.between)
	}
	for id, i := range next {
		if i != len(w.rooms[id].said) {
			w.t.Fatalf("room %d: got messages up to %d of %d", id, i, len(w.rooms[id].said))
		}
	}
}

func (w *world) run(script []byte) {
	for ; len(script) >= 3; script = script[3:] {
		w.do(script[0], script[1], script[2])
	}
	w.finish()
}

// FuzzHub drives the hub, without sockets or writers, by a list of operations, against the naive model.
func FuzzHub(f *testing.F) {
	for seed := range uint64(16) {
		f.Add(randomScript(seed, 600))
	}
	f.Fuzz(func(t *testing.T, script []byte) { newWorld(t).run(script[:min(len(script), 6000)]) })
}

func TestRandomOperations(t *testing.T) {
	for seed := range uint64(300) {
		newWorld(t).run(randomScript(seed, 3000))
	}
}

func randomScript(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
