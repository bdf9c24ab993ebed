package fleet

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"crier/internal/frame"
	"crier/netpoll"
)

// chosen reports whether client i is among an evenly spread part of all; client 0 is not, unless all are.
func chosen(i int, percent float64) bool {
	return int(float64(i+1)*percent/100) > int(float64(i)*percent/100)
}

// A fleet is a number of clients in one process.
//
// Serve, on the workers of pool, owns what is in a client. The dialer has a goroutine, and so has the search for handshakes that
// take too long. Everything else is called by the face of the fleet, the [Worker]. mu guards who is in; it is taken once a
// connection and once a phase, not once a message.
type fleet struct {
	// Immutable.
	cfg     Config
	clock   Clock
	format  format
	op      ws.OpCode
	hello   []byte // frames, masked
	answers map[string][]byte
	frames  frame.Config
	pool    *netpoll.Pool
	pollers []*netpoll.Poller

	handshakes recorder
	deliveries [4]recorder // several, so that workers do not wait for each other

	checked checked
	totals  totals
	pending atomic.Int64  // messages that are due at clients that have heard something; see expect
	told    chan int64    // the moment at which pending came down to 0
	vacant  chan int32    // slots to be dialed; each at most once
	refill  atomic.Bool   // slots of mobile clients are dialed again when they fall vacant
	places  chan struct{} // holds one for each handshake under way
	closing chan struct{} // closed at the end
	halting chan struct{} // closed when no more is to be sent
	running sync.WaitGroup

	failures reasons // of handshakes
	endings  reasons // of clients that were in
	slowEnds reasons // of slow clients that were in
	faults   reasons // of the generator's own machine

	dialed int32 // slots that openAll has dialed; it belongs to that, which is called by one after the other

	mu sync.Mutex
	// Guarded by mu.
	slots        []*client         // as many as there are to be clients; nil for one that was never dialed
	asking       map[*client]int64 // on their way in, and since when
	open         int               // that are in
	members      int               // that are in and have heard something
	unheard      int               // that are in, have heard nothing, and should
	joins        int               // so far
	slowJoins    int               // of them slow ones
	failedInARow int               // handshakes, since one has succeeded
	hopeless     bool              // nobody gets in any more: no more is tried
	lastJoin     int64             // on the clock
	ordered      int               // orders to leave
	cuts         int               // clients that have left by order
	goal         uint64            // the last message that everybody has to get
	announced    bool              // expect has made something due, and await has not been called since
	missed       int64             // what clients that have ended had missed
	flow         Flow
	publishers   map[uint16]*client
	dismissed    map[uint16]bool
	removed      []int64 // when slow clients were noticed to be removed, on the clock
}

// totals are what all clients got.
type totals struct {
	received, doubled, reordered, damaged, other, stray atomic.Int64
}

// A tally is what one client got from one read.
type tally struct {
	Received, Doubled, Reordered, Damaged, Other, Stray int64

	// The last messages, which were all to be sent at one moment: they are recorded together.
	due int64
	n   int64
}

// took records when messages came. One that was due at another moment than those before is kept until the next call.
func (t *tally) took(r *recorder, due, now int64) {
	if due != t.due && t.n > 0 {
		r.record(time.Duration(now-t.due), t.n)
		t.n = 0
	}
	t.due = due
	t.n++
}

func newFleet(cfg Config) (f *fleet, err error) {
	f = &fleet{
		cfg: cfg, format: newFormat(cfg.Run, cfg.Size), op: ws.OpBinary, answers: make(map[string][]byte),
		frames: frame.Config{MaxMessage: max(16<<20, 2*cfg.Size), Client: true},
		pool:   netpoll.NewPool(2), handshakes: newRecorder(),
		told: make(chan int64, 1), vacant: make(chan int32, cfg.Clients), places: make(chan struct{}, cfg.Connecting), closing: make(chan struct{}), halting: make(chan struct{}),
		slots: make([]*client, cfg.Clients), asking: make(map[*client]int64), publishers: make(map[uint16]*client), dismissed: make(map[uint16]bool),
	}
	made := f
	defer func() {
		if err != nil {
			made.close()
		}
	}()
	if f.clock, err = NewClock(); err != nil {
		return nil, err
	}
	if cfg.Text {
		f.op = ws.OpText
	}
	for i := range f.deliveries {
		f.deliveries[i] = newRecorder()
	}
	for _, text := range cfg.Hello {
		f.hello = frame.AppendMasked(f.hello, ws.OpText, mask(), []byte(text))
	}
	for _, a := range cfg.Answers {
		f.answers[a.To] = []byte(a.With)
	}
	for range 2 {
		p, err := netpoll.NewPoller(f.pool, func(err error) { f.fault(err) })
		if err != nil {
			return nil, err
		}
		f.pollers = append(f.pollers, p)
	}
	f.running.Go(f.dialer)
	f.running.Go(f.expirer)
	return f, nil
}

// recorder returns where a client's deliveries are recorded.
func (f *fleet) recorder(c *client) *recorder { return &f.deliveries[int(c.slot)%len(f.deliveries)] }

// fault keeps what this machine, not the server, has done wrong.
func (f *fleet) fault(err error) { f.faults.add(err.Error()) }

// join counts a client in. OnServe.
func (f *fleet) join(c *client) {
	f.mu.Lock()
	defer f.mu.Unlock()
	<-f.places
	delete(f.asking, c)
	c.in = true
	f.open++
	f.joins++
	f.failedInARow = 0
	if c.slow {
		f.slowJoins++
	}
	f.lastJoin = f.clock.Now()
	if !c.slow {
		f.unheard++
	}
}

// hear takes the first message that a client gets: from now on it is that publisher's. It reports false if the publisher was dismissed. OnServe.
func (f *fleet) hear(c *client, s stamp) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dismissed[s.publisher] {
		return false
	}
	c.heard, c.publisher = true, s.publisher
	f.members++
	f.unheard--
	f.missed += f.flow.before(s.seq, c.began+int64(joinGrace))
	f.pending.Add(int64(f.goal) + 1 - int64(s.seq))
	return true
}

// listensTo reports whether a client takes a message of another publisher than its own: if its own was dismissed. All publishers send the
// same numbers at the same time, so that it goes on where it was. OnServe.
func (f *fleet) listensTo(c *client, s stamp, got *tally) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.dismissed[s.publisher]:
		return false
	case !f.dismissed[c.publisher]:
		got.Stray++
		return false
	}
	c.publisher = s.publisher
	return s.seq >= c.seen.next
}

// dismiss takes a publisher back that was heard by those who hear another one. What it has sent counts as nobody's.
func (f *fleet) dismiss(id uint16) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dismissed[id] = true
	delete(f.publishers, id)
	f.totals.stray.Store(0)
}

// leave settles what a client leaves behind: why is nil for one that was told to leave. OnServe.
func (f *fleet) leave(c *client, was phase, why error) {
	switch {
	case why == nil:
	case was < joined:
		f.failures.add(why.Error())
	case c.slow:
		f.slowEnds.add(why.Error())
	default:
		f.endings.add(why.Error())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if was < joined {
		<-f.places
		delete(f.asking, c)
		f.failedInARow++
	} else {
		c.in = false
		f.open--
		f.leaveLocked(c)
	}
	if c.mobile && f.refill.Load() {
		f.vacateLocked(c.slot, why != nil)
	}
	if c.order.Load()&toLeave != 0 {
		f.cuts++
	}
}

func (f *fleet) leaveLocked(c *client) {
	switch {
	case c.heard:
		f.members--
		f.missed += c.seen.missing()
		f.settle(int64(f.goal) + 1 - int64(c.seen.next) + c.seen.missing())
	case !c.slow:
		f.unheard--
		f.missed += f.flow.between(c.began+int64(joinGrace), f.clock.Now()-int64(joinGrace))
	}
}

// noteRemoval keeps when a slow client was told that its connection is over. OnServe.
func (f *fleet) noteRemoval() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removed = append(f.removed, f.clock.Now())
}

// add adds up what a client got, and tells if that was the last of what is due.
func (f *fleet) add(got *tally) {
	for _, n := range [...]struct {
		to *atomic.Int64
		n  int64
	}{
		{&f.totals.received, got.Received}, {&f.totals.doubled, got.Doubled}, {&f.totals.reordered, got.Reordered},
		{&f.totals.damaged, got.Damaged}, {&f.totals.other, got.Other}, {&f.totals.stray, got.Stray},
	} {
		if n.n != 0 {
			n.to.Add(n.n)
		}
	}
	if got.Received != 0 {
		f.settle(got.Received)
	}
}

// A Sum is what the clients of a fleet got over its whole life.
type Sum struct {
	Received, Lost, Doubled, Reordered, Damaged int64

	Other  int64          // messages of somebody else
	Stray  int64          // messages of another publisher than a client's first
	Ended  map[string]int // connections that the server has ended
	Faults map[string]int // of the machine that the fleet ran on
}

// sum returns what the clients got, and what they should have got and did not; only what others behind it have come if not all that is
// expected has been sent. It closes the fleet for good.
func (f *fleet) sum(allSent bool) (t Sum) {
	f.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	t = Sum{
		Received: f.totals.received.Load(), Doubled: f.totals.doubled.Load(), Reordered: f.totals.reordered.Load(),
		Damaged: f.totals.damaged.Load(), Other: f.totals.other.Load(), Stray: f.totals.stray.Load(), Lost: f.missed,
		Ended: f.endings.copy(), Faults: f.faults.copy(),
	}
	for _, c := range f.slots {
		if c == nil || !c.in || c.slow {
			continue
		}
		t.Lost += c.seen.missing()
		if !allSent {
			continue
		}
		if c.heard {
			t.Lost += max(int64(f.goal)+1-int64(c.seen.next), 0)
		} else {
			t.Lost += f.flow.before(f.goal+1, c.began+int64(joinGrace))
		}
	}
	return t
}

// close ends everything and cuts all clients off. A second call does nothing.
func (f *fleet) close() {
	select {
	case <-f.closing:
		return
	default:
		close(f.closing)
	}
	for _, p := range f.pollers {
		if err := p.Close(); err != nil {
			f.fault(err)
		}
	}
	f.pool.Close()
	f.running.Wait()
	var errs []error
	for _, c := range f.slots {
		if c != nil && c.phase != ended {
			errs = append(errs, c.outbox().close(c))
		}
	}
	if err := errors.Join(errs...); err != nil {
		f.fault(fmt.Errorf("close the clients: %w", err))
	}
}
