package netpoll

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

func TestConnTable(t *testing.T) {
	const r, w, k = uint32(Readable), uint32(Writable), uint32(Kicked)
	post := func(ev Event) func(*Conn) bool { return func(c *Conn) bool { return c.post(ev) } }
	finish := func(ev Event) func(*Conn) bool { return func(c *Conn) bool { return c.finish(ev) } }
	for _, tc := range []struct {
		name   string
		from   uint32
		do     func(*Conn) bool
		to     uint32
		queues bool
	}{
		{"an event before Add gathers", held, post(Kicked), held | k, false},
		{"an event wakes the idle", idle | met, post(Readable), queued | met | r, true},
		{"an event joins the queued", queued | met | r, post(Writable), queued | met | r | w, false},
		{"an event twice is one", queued | met | r, post(Readable), queued | met | r, false},
		{"an event reaches the served", held | met, post(Readable), held | met | r, false},
		{"an event after the end is nothing", closed, post(Readable), closed, false},
		{"added without events", held, finish(0), idle, false},
		{"added with events", held | met | r, finish(0), queued | met | r, true},
		{"added after a Kick, not met", held | k, finish(0), queued | k, true},
		{"served to the end", held | met, finish(0), idle | met, false},
		{"served, wants more", held | met, finish(Writable), queued | met | w, true},
		{"served, and an event meanwhile", held | met | r, finish(0), queued | met | r, true},
		{"served, both", held | met | r, finish(Writable), queued | met | r | w, true},
		{"served, wants what is no event", held | met, finish(1), idle | met, false},
		{"closed in Serve", closed, finish(Readable), closed, false},
		{"closed in Serve, then a callback", closed | met, finish(Readable), closed | met, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c Conn
			c.state.Store(tc.from)
			if got := tc.do(&c); got != tc.queues {
				t.Errorf("queues: %v, want %v", got, tc.queues)
			}
			if got := c.state.Load(); got != tc.to {
				t.Errorf("state %#x, want %#x", got, tc.to)
			}
		})
	}

	t.Run("begin takes all", func(t *testing.T) {
		var c Conn
		c.state.Store(queued | r | k)
		if got := c.begin(); got != Readable|Kicked {
			t.Errorf("events %#x", got)
		}
		if got := c.state.Load(); got != held|met {
			t.Errorf("state %#x", got)
		}
	})
	for name, f := range map[string]func(*Conn){
		"begin of the idle":   func(c *Conn) { c.state.Store(idle); c.begin() },
		"begin of the closed": func(c *Conn) { c.state.Store(closed); c.begin() },
		"finish of the idle":  func(c *Conn) { c.state.Store(idle); c.finish(0) },
	} {
		t.Run(name+" is caught", func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("nobody noticed")
				}
			}()
			f(new(Conn))
		})
	}
}

// A naive is what a connection promises, said as plainly as it goes.
type naive struct {
	added, failed, closed bool
	inQueue, inServe      bool
	met                   bool
	owed                  Event // posted and not served
}

func (n *naive) post(ev Event) {
	if n.closed || n.failed {
		return
	}
	n.owed |= ev
	n.settle()
}

func (n *naive) settle() {
	if n.added && !n.closed && !n.inServe && n.owed != 0 {
		n.inQueue = true
	}
}

// playConn drives a connection and the naive one with the same operations, one a byte.
func playConn(t *testing.T, ops []byte) {
	pool := queueOnly()
	poller := &Poller{pool: pool}
	h := &probe{}
	c := &h.Conn
	var n naive
	for i, op := range ops {
		ev := Event(op>>4) << eventShift & eventMask
		switch op & 7 {
		case 0, 1: // epoll
			if c.poller == nil && !n.failed || ev == 0 {
				continue // there is no callback yet
			}
			first := !n.met && !n.closed && !n.failed
			n.met = true
			if !first || ev != Writable {
				n.post(ev)
			}
			ready(h, ev)
		case 2:
			n.post(Kicked)
			Kick(h)
		case 3: // the parts of Add: what comes between them meets a connection half added
			if c.poller == nil && !n.failed {
				c.poller = poller
			} else if !n.added && !n.failed {
				if ev&Hangup != 0 {
					n.failed = true
					c.state.Store(closed)
					c.poller = nil
					n.owed = 0
					continue
				}
				n.added = true
				n.settle()
				if c.finish(0) {
					pool.push(h)
				}
			}
		case 4, 5: // a worker begins
			if !n.inQueue || n.inServe {
				continue
			}
			if got := pool.take(); got != Handler(h) {
				t.Fatalf("op %d: took %v", i, got)
			}
			n.inQueue, n.inServe, n.met = false, true, true
			if got := c.begin(); got != n.owed {
				t.Fatalf("op %d: served %#x, want %#x", i, got, n.owed)
			}
			n.owed = 0
		case 6: // and ends
			if !n.inServe {
				continue
			}
			n.inServe = false
			if !n.closed {
				n.owed |= ev
				n.settle()
			}
			if c.finish(ev) {
				pool.push(h)
			}
		case 7: // Serve closes
			if !n.inServe {
				continue
			}
			n.closed, n.owed = true, 0
			c.state.Swap(closed)
		}
		queue := 0
		if n.inQueue {
			queue = 1
		}
		if got := pool.Len(); got != queue {
			t.Fatalf("op %d (%#x): in the queue %d times, want %d (%+v)", i, op, got, queue, n)
		}
	}
}

func TestConnModel(t *testing.T) {
	for seed := range uint64(5000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		ops := make([]byte, 60)
		for i := range ops {
			ops[i] = byte(rng.Uint32())
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playConn(t, ops) })
		if t.Failed() {
			return
		}
	}
}

func FuzzConn(f *testing.F) {
	f.Add([]byte{2, 3, 3, 4, 0x16, 4, 7, 6})
	f.Add([]byte{3, 0x20, 0x10, 3, 4, 6, 0x20, 4, 6})
	f.Fuzz(playConn)
}

// Whoever was served by a Kick before epoll's first event may have filled its socket: the event that says
// that there is room again must not be taken for the meaningless first one.
func TestWritableAfterKick(t *testing.T) {
	pool := queueOnly()
	h := &probe{}
	h.poller = &Poller{pool: pool}
	h.finish(0)
	Kick(h)
	pool.take()
	h.begin()
	h.finish(0)
	ready(h, Writable)
	if pool.Len() != 1 {
		t.Error("the event is lost")
	}
}

// TestOneServe has many goroutines kick many connections, and looks for two workers at one, and for a kick
// that nobody served.
func TestOneServe(t *testing.T) {
	const conns, kickers, kicks = 32, 8, 2000
	pool := NewPool(4)
	defer pool.Close()
	type tested struct {
		probe
		busy   atomic.Bool
		kicks  atomic.Int64
		serves int // not atomic: one worker at a time, and the next one sees it
		done   chan struct{}
	}
	poller := &Poller{pool: pool}
	all := make([]*tested, conns)
	for i := range all {
		c := &tested{done: make(chan struct{})}
		c.serve = func(_ *Worker, ev Event) (more Event) {
			if c.busy.Swap(true) {
				t.Error("served by two at once")
			}
			if ev == 0 {
				t.Error("served for nothing")
			}
			c.serves++
			if c.serves%3 == 0 {
				more = Readable
			}
			seen := c.kicks.Load() == kickers*kicks
			c.busy.Store(false)
			if seen && ev&Kicked != 0 {
				h := c.done
				c.serve = func(*Worker, Event) Event { t.Error("served again"); return 0 }
				c.state.Store(closed)
				close(h)
				return Readable
			}
			return more
		}
		all[i] = c
	}
	var kicking sync.WaitGroup
	for k := range kickers {
		kicking.Go(func() {
			for i := range conns * kicks {
				c := all[(i+k)%conns]
				c.kicks.Add(1)
				Kick(c)
			}
		})
	}
	// Added while they are kicked already.
	for _, c := range all {
		c.poller = poller
		if c.finish(0) {
			pool.push(c)
		}
	}
	for _, c := range all {
		within(t, c.done, "last kick served")
	}
	kicking.Wait()
	for _, c := range all {
		Kick(c)
	}
	if n := pool.Len(); n != 0 {
		t.Errorf("%d closed connections in the queue", n)
	}
}

func TestServingAllocatesNothing(t *testing.T) {
	pool := queueOnly()
	h := &probe{serve: func(*Worker, Event) Event { return 0 }}
	h.poller = &Poller{pool: pool}
	h.finish(0)
	if n := testing.AllocsPerRun(1000, func() {
		ready(h, Readable)
		Kick(h)
		h := pool.take()
		if c := h.conn(); c.finish(h.Serve(nil, c.begin())) {
			t.Fatal("wants more")
		}
	}); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}
