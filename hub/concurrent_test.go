package hub

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// generous is how long a test waits for what must happen. Reaching it means a lost wake-up.
const generous = time.Minute

// A network is the kernel's side of many sockets: it makes room where there was none, and says so once.
type network struct {
	t       testing.TB
	h       *Hub
	full    chan *socket // sockets that have refused bytes, each at most once
	readers sync.WaitGroup
}

// newNetwork starts the goroutines that read at the other end of the sockets.
func newNetwork(t testing.TB, cfg Config) *network {
	n := &network{t: t, h: New(cfg), full: make(chan *socket, 1<<14)}
	for i := range 3 {
		n.readers.Go(func() { n.read(rand.New(rand.NewPCG(uint64(i), 2))) })
	}
	return n
}

// read takes bytes out of full sockets, and tells their members. It never does so unasked: a member that
// waits for room without having been refused any waits for ever.
func (n *network) read(r *rand.Rand) {
	for s := range n.full {
		s.mu.Lock()
		s.refused = false
		s.room += 1 + r.IntN(3000)
		if r.IntN(8) == 0 {
			s.room += resumeBudget + r.IntN(1<<20)
		}
		s.mu.Unlock()
		if s.member.Resume() == Again {
			s.mu.Lock()
			again := !s.refused
			s.refused = true
			s.mu.Unlock()
			if again {
				n.full <- s
			}
		}
	}
}

// end drains and closes the hub, and checks that nothing is left when all have left.
func (n *network) end() {
	n.t.Helper()
	n.drain()
	s := n.h.Stats()
	if s.Lagging != 0 || s.LagBytes != 0 || s.Waiting != 0 || s.Rooms != 0 || s.Queue != 0 || n.h.Paused() {
		n.t.Errorf("when everybody has left: %+v, paused %v", s, n.h.Paused())
	}
	for i := range n.h.stripes {
		if k := len(n.h.stripes[i].lagging); k != 0 {
			n.t.Errorf("when everybody has left stripe %d lists %d that lag", i, k)
		}
	}
	n.h.Close()
	close(n.full)
	n.readers.Wait()
}

func (n *network) drain() {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), generous)
	defer cancel()
	if err := n.h.Drain(ctx); err != nil {
		n.t.Fatalf("drain: %v; %+v", err, n.h.Stats())
	}
}

// A note is one message as it arrived: which room's, whose, and which of theirs.
type note struct {
	room   byte
	by     uint32
	number uint32
}

// A socket is the transport of one member. Its room is used up by writes and given back by the network.
type socket struct {
	net    *network
	member Member

	mu sync.Mutex

	// Guarded by mu.
	room    int
	refused bool // and is in network.full
	dead    int  // bytes after which it is dead; 0: never
	silent  bool // nobody reads it
	off     bool // the member is detached: nobody may write
	buf     []byte
	hello   bool
	last    bool
	between int
	notes   []note
	taken   int
	fault   string

	evictions atomic.Int32
	leaves    atomic.Int32
	onEvict   func(Cause)
}

func (n *network) socket(room int) *socket {
	s := &socket{net: n, room: room}
	n.h.Attach(&s.member, s)
	return s
}

func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.off {
		s.fault = "written to after its end"
	}
	if s.dead > 0 && s.taken >= s.dead {
		return 0, errDead
	}
	n := min(len(p), s.room)
	s.room -= n
	s.taken += n
	s.parseLocked(p[:n])
	if n < len(p) && !s.refused && !s.silent {
		s.refused = true
		s.net.full <- s
	}
	return n, nil
}

func (s *socket) Evict(c Cause, _ error) {
	s.evictions.Add(1)
	if s.onEvict != nil {
		s.onEvict(c)
	}
}

// parseLocked takes the stream apart into frames as it comes.
func (s *socket) parseLocked(p []byte) {
	s.buf = append(s.buf, p...)
	for len(s.buf) >= 5 {
		n := 5 + int(binary.BigEndian.Uint32(s.buf[1:]))
		if len(s.buf) < n {
			return
		}
		f := s.buf[5:n]
		switch kind := s.buf[0]; {
		case s.last:
			s.fault = "bytes behind the last words"
		case kind == kindHello:
			s.hello = true
		case !s.hello:
			s.fault = "bytes before the greeting"
		case kind == kindBetween:
			s.between++
		case kind == kindLast:
			s.last = true
		case kind == kindMessage && len(f) >= 9:
			s.notes = append(s.notes, note{f[0], binary.BigEndian.Uint32(f[1:]), binary.BigEndian.Uint32(f[5:])})
			for i, x := range f[9:] {
				if x != byte(i)^f[8] {
					s.fault = "a message was changed on its way"
				}
			}
		default:
			s.fault = fmt.Sprintf("torn frames: kind %q, %d bytes", kind, n)
		}
		s.buf = s.buf[:copy(s.buf, s.buf[n:])]
		if s.fault != "" {
			return
		}
	}
}

func (s *socket) join(rooms ...string) {
	for _, r := range rooms {
		if a, err := s.net.h.Join(&s.member, r, modelFrame(kindHello, nil)); a == Gone {
			s.net.t.Errorf("join: %v, %v", a, err)
		}
	}
}

// leave takes the member out; without last words the socket must not be written to from then on.
func (s *socket) leave(last []byte) {
	if a := s.member.Leave(last); a == Gone {
		return
	}
	s.leaves.Add(1)
	if last != nil {
		return
	}
	s.mu.Lock()
	s.off = true
	s.mu.Unlock()
}

// got returns what has arrived, and fails the test if the stream was not sound.
func (s *socket) got(t testing.TB) []note {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != "" {
		t.Fatal(s.fault)
	}
	return append([]note(nil), s.notes...)
}

// speakers publish to one room each and know how far each of them is.
type speakers struct {
	rooms          []byte
	sockets        []*socket
	started, ended []atomic.Uint32
}

func roomName(id byte) string { return fmt.Sprintf("room%d", id) }

// newSpeakers makes speakers that get what they say themselves, without bound, and so know the order.
func newSpeakers(n *network, rooms ...byte) *speakers {
	sp := &speakers{rooms: rooms, started: make([]atomic.Uint32, len(rooms)), ended: make([]atomic.Uint32, len(rooms))}
	for _, id := range rooms {
		s := n.socket(1 << 40)
		s.join(roomName(id))
		sp.sockets = append(sp.sockets, s)
	}
	return sp
}

// say publishes the next message of speaker i.
func (sp *speakers) say(i, size int) {
	number := sp.started[i].Add(1) - 1
	p := binary.BigEndian.AppendUint32([]byte{sp.rooms[i]}, uint32(i))
	p = binary.BigEndian.AppendUint32(p, number)
	for k := range size {
		p = append(p, byte(k)^byte(number))
	}
	f := modelFrame(kindMessage, p)
	s := sp.sockets[i]
	if a := s.member.Publish(f[:5], f[5:], s.net.h.cfg.Now()); a != Sent {
		s.net.t.Errorf("publish: %v", a)
	}
	sp.ended[i].Add(1)
}

func counts(c []atomic.Uint32) []uint32 {
	v := make([]uint32, len(c))
	for i := range c {
		v[i] = c[i].Load()
	}
	return v
}

// A stay is what the speakers had said when a socket joined and when it left.
type stay struct {
	s             *socket
	rooms         []byte
	before, after []uint32 // ended before Join was called, started when it had returned
	left          bool
}

func (sp *speakers) stay(s *socket, rooms ...byte) *stay {
	st := &stay{s: s, rooms: rooms, before: counts(sp.ended)}
	for _, id := range rooms {
		s.join(roomName(id))
	}
	st.after = counts(sp.started)
	return st
}

// check holds what a socket got against what was said: everything of its rooms that was begun after it had
// joined, nothing that was over before, no hole, nothing twice, and in the order in which a speaker that was
// there from the beginning got it.
func (sp *speakers) check(t testing.TB, st *stay) {
	t.Helper()
	notes := st.s.got(t)
	for _, id := range st.rooms {
		var order []note
		for i, r := range sp.rooms {
			if r == id {
				order = sp.sockets[i].got(t)
				break
			}
		}
		var mine []note
		for _, m := range notes {
			if m.room == id {
				mine = append(mine, m)
			}
		}
		first := 0
		if len(mine) > 0 {
			for first < len(order) && order[first] != mine[0] {
				first++
			}
		} else {
			first = len(order)
		}
		if len(mine) > len(order)-first {
			t.Fatalf("room %d: got %d messages from place %d on, of %d", id, len(mine), first, len(order))
		}
		for k, m := range mine {
			if order[first+k] != m {
				t.Fatalf("room %d: in place %d wanted %v, got %v", id, first+k, order[first+k], m)
			}
		}
		if st.left {
			continue
		}
		if first+len(mine) != len(order) {
			t.Fatalf("room %d: the last %d of %d are missing", id, len(order)-first-len(mine), len(order))
		}
		for k, m := range order {
			if k < first && m.number >= st.after[m.by] {
				t.Fatalf("room %d: missed %v, which was begun after the join", id, m)
			}
			if k >= first && m.number < st.before[m.by] {
				t.Fatalf("room %d: got %v, which was over before the join", id, m)
			}
		}
	}
}

func (sp *speakers) leave() {
	for _, s := range sp.sockets {
		s.leave(nil)
	}
}

// TestEverythingAtOnce joins, leaves, publishes, interjects and resumes from many goroutines, over transports
// that are nearly always full.
func TestEverythingAtOnce(t *testing.T) {
	n := newNetwork(t, Config{Writers: 3, Stripes: 4, Backlog: 1 << 30, MaxLag: -1, MaxLagAge: -1, RestAfter: time.Microsecond})
	sp := newSpeakers(n, 0, 0, 1, 1)
	var stays []*stay
	for i := range 90 {
		stays = append(stays, sp.stay(n.socket(i*10), [][]byte{{0}, {1}, {0, 1}}[i%3]...))
	}
	var taken [90]int
	var mu sync.Mutex
	var passing []*stay

	var publishing, others sync.WaitGroup
	for i := range sp.rooms {
		publishing.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 3))
			for range 150 {
				size := r.IntN(300)
				if r.IntN(40) == 0 {
					size = maxSegment + r.IntN(2000)
				}
				sp.say(i, size)
			}
		})
	}
	for g := range 3 {
		others.Go(func() { // guests
			r := rand.New(rand.NewPCG(uint64(g), 4))
			for range 60 {
				st := sp.stay(n.socket(r.IntN(2000)), [][]byte{{0}, {1}, {1, 0}}[r.IntN(3)]...)
				sp.say(g, r.IntN(100))
				st.left = true
				switch r.IntN(3) {
				case 0:
					st.s.leave(nil)
				case 1:
					st.s.leave(modelFrame(kindLast, nil))
				default:
					st.s.leave(modelFrame(kindLast, nil))
					st.s.member.Detach()
					st.s.mu.Lock()
					st.s.off = true
					st.s.mu.Unlock()
				}
				mu.Lock()
				passing = append(passing, st)
				mu.Unlock()
			}
		})
	}
	others.Go(func() {
		r := rand.New(rand.NewPCG(5, 5))
		for range 2000 {
			i := r.IntN(len(stays))
			if stays[i].s.member.Interject(modelFrame(kindBetween, []byte{1})) != Again {
				taken[i]++
			}
		}
	})
	others.Go(func() {
		for range 200 {
			n.h.Sweep()
		}
	})
	others.Go(func() { // who resumes for no reason does no harm
		r := rand.New(rand.NewPCG(6, 6))
		for range 2000 {
			stays[r.IntN(len(stays))].s.member.Resume()
		}
	})
	publishing.Wait()
	others.Wait()
	n.drain()
	for _, st := range append(stays, passing...) {
		sp.check(t, st)
	}
	for i, st := range stays {
		// What goes between frames is no message: that it has gone is seen when the member is not blocked.
		for waiting := true; waiting; {
			st.s.member.mu.Lock()
			waiting = st.s.member.blocked
			st.s.member.mu.Unlock()
			runtime.Gosched()
		}
		if st.s.between != taken[i] {
			t.Errorf("%d interjections arrived of %d taken", st.s.between, taken[i])
		}
		st.s.leave(nil)
	}
	sp.leave()
	n.end()
}

// TestJoinersAndLeavers moves a room's list about all the time during long rounds. Who stays gets all.
func TestJoinersAndLeavers(t *testing.T) {
	n := newNetwork(t, Config{Writers: 2, Stripes: 2, MaxLag: -1, MaxLagAge: -1})
	sp := newSpeakers(n, 0)
	var stays []*stay
	guests := make([][]*stay, 4)
	for g := range guests {
		for range 100 { // mixed with those who stay, and in front of them
			guests[g] = append(guests[g], sp.stay(n.socket(1<<30), 0))
		}
		for range 60 {
			stays = append(stays, sp.stay(n.socket(1<<30), 0))
		}
	}
	var done atomic.Bool
	var wg sync.WaitGroup
	var mu sync.Mutex
	for g := range guests {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 7))
			for i := 0; i < 100 || !done.Load() && i < 3000; i++ {
				k := r.IntN(len(guests[g]))
				guests[g][k].left = true
				guests[g][k].s.leave(nil)
				sp.checkConcurrent(t, guests[g][k])
				guests[g][k] = sp.stay(n.socket(1<<30), 0)
				if r.IntN(20) == 0 {
					mu.Lock()
					stays = append(stays, sp.stay(n.socket(1<<30), 0))
					mu.Unlock()
				}
			}
		})
	}
	for range 300 {
		sp.say(0, 20)
	}
	done.Store(true)
	wg.Wait()
	n.drain()
	for _, g := range guests {
		stays = append(stays, g...)
	}
	for _, st := range stays {
		sp.check(t, st)
		st.s.leave(nil)
	}
	sp.leave()
	n.end()
}

// checkConcurrent checks, while all goes on, that a socket has got neither a hole nor anything twice of
// the only speaker there is.
func (sp *speakers) checkConcurrent(t testing.TB, st *stay) {
	for i, m := range st.s.got(t) {
		if i == 0 && (m.number < st.before[0] || m.number > st.after[0]) {
			t.Errorf("joined between %d and %d, but got %d first", st.before[0], st.after[0], m.number)
		}
		if i > 0 && m.number != st.s.notes[i-1].number+1 {
			t.Errorf("got %d after %d", m.number, st.s.notes[i-1].number)
		}
	}
}

// TestEvictedByWriters kills transports under way. Their owner lets the member leave from within Evict.
func TestEvictedByWriters(t *testing.T) {
	n := newNetwork(t, Config{Writers: 3, Stripes: 3, MaxLag: -1, MaxLagAge: -1})
	sp := newSpeakers(n, 0, 0)
	var stays, doomed []*stay
	r := rand.New(rand.NewPCG(8, 8))
	for range 200 {
		s := n.socket(r.IntN(4000))
		s.dead = 6 + r.IntN(60_000)
		s.onEvict = func(c Cause) {
			if c != Broken {
				t.Errorf("evicted for %v", c)
			}
			s.leave(nil)
		}
		doomed = append(doomed, sp.stay(s, 0))
		stays = append(stays, sp.stay(n.socket(r.IntN(4000)), 0))
	}
	var wg sync.WaitGroup
	for i := range sp.rooms {
		wg.Go(func() {
			for range 400 {
				sp.say(i, 200)
			}
		})
	}
	wg.Wait()
	n.drain()
	for _, st := range doomed {
		if st.s.leaves.Load() != 1 || st.s.evictions.Load() < 1 {
			t.Errorf("evicted %d times, left %d times", st.s.evictions.Load(), st.s.leaves.Load())
		}
		st.left = true
		sp.check(t, st)
	}
	for _, st := range stays {
		sp.check(t, st)
		st.s.leave(nil)
	}
	sp.leave()
	n.end()
}

// TestTooFarBehind has sockets that nobody reads: they go, by last words or without, and the rest get all.
func TestTooFarBehind(t *testing.T) {
	const maxLag = 40_000
	n := newNetwork(t, Config{Writers: 2, Stripes: 3, MaxLag: maxLag, MaxLagAge: -1, Backlog: 1 << 30})
	sp := newSpeakers(n, 0, 0)
	var stays, silent []*stay
	for i := range 60 {
		s := n.socket(5 + i*37) // the greeting fits
		s.silent = true
		s.onEvict = func(c Cause) {
			if c != TooFarBehind {
				t.Errorf("evicted for %v", c)
			}
			var last []byte
			if i%2 == 0 {
				last = modelFrame(kindLast, nil)
			}
			s.leave(last)
		}
		silent = append(silent, sp.stay(s, 0))
		stays = append(stays, sp.stay(n.socket(1<<40), 0))
	}
	var wg sync.WaitGroup
	for i := range sp.rooms {
		wg.Go(func() {
			for range 200 {
				sp.say(i, 500)
			}
		})
	}
	wg.Wait()
	if err := n.h.ready.drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	sp.say(0, 1) // the round that finds out about those who fell behind in the last one
	n.drain()    // only returns when those who never read are out
	for _, st := range silent {
		if st.s.leaves.Load() != 1 {
			t.Errorf("left %d times", st.s.leaves.Load())
		}
		st.left = true
		sp.check(t, st)
	}
	for _, st := range stays {
		if st.s.evictions.Load() != 0 {
			t.Error("who takes everything was evicted")
		}
		sp.check(t, st)
		st.s.leave(nil)
	}
	for _, st := range silent {
		st.s.member.Detach()
	}
	sp.leave()
	n.end()
}

// A gate is a publisher that waits.
type gate chan struct{}

func (g gate) Resume() { g <- struct{}{} }

// TestPausedPublishers lets publishers outrun the writers by far. Each Behind must be followed by one Resume.
func TestPausedPublishers(t *testing.T) {
	n := newNetwork(t, Config{Writers: 2, Stripes: 5, Backlog: 300, MaxLag: -1, MaxLagAge: -1})
	rooms := []byte{0, 0, 0, 1, 1, 2}
	sp := newSpeakers(n, rooms...)
	var stays []*stay
	for i := range 40 {
		stays = append(stays, sp.stay(n.socket(i*50), byte(i%2), 2))
	}
	var wg sync.WaitGroup
	late := time.After(generous)
	for i := range rooms {
		wg.Go(func() {
			w := make(gate, 1)
			for range 300 {
				for n.h.Paused() && sp.sockets[i].member.MayPublish(w) == Behind {
					select {
					case <-w:
					case <-late:
						t.Errorf("speaker %d was never woken", i)
						return
					}
				}
				sp.say(i, 90)
			}
			select {
			case <-w:
				t.Errorf("speaker %d was woken once too often", i)
			default:
			}
		})
	}
	wg.Wait()
	n.drain()
	if n.h.Stats().Pauses == 0 {
		t.Error("nobody was ever paused")
	}
	for _, st := range stays {
		sp.check(t, st)
		st.s.leave(nil)
	}
	sp.leave()
	n.end()
}

// TestPausedAgainAndAgain has publishers that are paused by every message and woken after it.
func TestPausedAgainAndAgain(t *testing.T) {
	n := newNetwork(t, Config{Writers: 2, Stripes: 2, Backlog: 1})
	sp := newSpeakers(n, 0, 0, 0)
	var wg sync.WaitGroup
	late := time.After(generous)
	for i := range sp.rooms {
		wg.Go(func() {
			w := make(gate, 1)
			for range 4000 {
				for sp.sockets[i].member.MayPublish(w) == Behind {
					select {
					case <-w:
					case <-late:
						t.Errorf("speaker %d was never woken", i)
						return
					}
				}
				sp.say(i, 0)
			}
		})
	}
	wg.Wait()
	n.drain()
	sp.leave()
	n.end()
}

// TestNoPublishIsOverlooked publishes into the moment when a writer finds its shelf clean: nothing else comes
// that could make up for a lost wake-up.
func TestNoPublishIsOverlooked(t *testing.T) {
	n := newNetwork(t, Config{Writers: 1, Stripes: 1})
	sp := newSpeakers(n, 0)
	s := sp.sockets[0]
	r := rand.New(rand.NewPCG(9, 9))
	late := time.Now().Add(generous)
	for i := range 20_000 {
		sp.say(0, 0)
		for {
			s.mu.Lock()
			k := len(s.notes)
			s.mu.Unlock()
			if k == i+1 {
				break
			}
			if k == i && time.Now().After(late) {
				t.Fatalf("message %d has not come", i)
			}
			runtime.Gosched()
		}
		for range r.IntN(300) { // to come now before, now after the writer's last look
			s.member.Interject(nil)
		}
	}
	sp.leave()
	n.end()
}

// TestClose closes a hub in the middle of its rounds: then nothing is written any more.
func TestClose(t *testing.T) {
	n := newNetwork(t, Config{Writers: 3, Stripes: 3})
	sp := newSpeakers(n, 0)
	var sockets []*socket
	for range 500 {
		s := n.socket(1 << 40)
		s.join(roomName(0))
		sockets = append(sockets, s)
	}
	for range 20 {
		sp.say(0, 100)
	}
	n.h.Close()
	for _, s := range sockets {
		s.mu.Lock()
		s.off = true
		s.mu.Unlock()
	}
	sp.say(0, 100)
	for _, s := range sockets {
		for i, m := range s.got(t) {
			if m.number != uint32(i) {
				t.Fatalf("got %d in place %d", m.number, i)
			}
		}
		s.leave(nil)
	}
	sp.leave()
	close(n.full)
	n.readers.Wait()
	if s := n.h.Stats(); s.Rooms != 0 {
		t.Errorf("when everybody has left: %+v", s)
	}
}

// TestPausedRoomVanishes has everybody leave a room while a publisher waits for it.
func TestPausedRoomVanishes(t *testing.T) {
	n := newNetwork(t, Config{Writers: -1, Stripes: 2, Backlog: 100})
	sp := newSpeakers(n, 0, 0)
	sp.say(0, 200)
	w := make(gate, 1)
	if a := sp.sockets[1].member.MayPublish(w); a != Behind {
		t.Fatalf("may publish: %v", a)
	}
	sp.leave()
	for n.h.step() {
	}
	select {
	case <-w:
	default:
		t.Error("the publisher was not woken")
	}
	n.end()
}

// TestDrain publishes and drains: then everybody has got it, however slow they take it.
func TestDrain(t *testing.T) {
	n := newNetwork(t, Config{Writers: 3, Stripes: 4, MaxLag: -1, MaxLagAge: -1})
	sp := newSpeakers(n, 0)
	var stays []*stay
	for i := range 100 {
		stays = append(stays, sp.stay(n.socket(i*30), 0))
	}
	for range 30 {
		for range 5 {
			sp.say(0, 300)
		}
		n.drain()
		for _, st := range stays {
			sp.check(t, st)
			if k := uint32(len(st.s.got(t))); k != sp.ended[0].Load() {
				t.Fatalf("drained when a member had %d messages of %d", k, sp.ended[0].Load())
			}
		}
	}
	for _, st := range stays {
		st.s.leave(nil)
	}
	sp.leave()
	n.end()
}

// TestDrainGivesUp has one member that never reads.
func TestDrainGivesUp(t *testing.T) {
	n := newNetwork(t, Config{Writers: 2, Stripes: 2})
	sp := newSpeakers(n, 0)
	s := n.socket(5)
	s.silent = true
	s.join(roomName(0))
	sp.say(0, 10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.h.Drain(ctx); err != context.Canceled {
		t.Errorf("drain: %v", err)
	}
	s.leave(nil)
	sp.leave()
	n.end()
}
