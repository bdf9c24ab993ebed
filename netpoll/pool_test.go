package netpoll

import (
	"math/rand/v2"
	"sync"
	"testing"
)

func TestQueueOrder(t *testing.T) {
	p := queueOnly()
	rng := rand.New(rand.NewPCG(1, 2))
	var want []Handler
	for range 20000 {
		if rng.IntN(100) < 52 {
			h := new(probe)
			p.push(h)
			want = append(want, h)
		} else if len(want) > 0 {
			if got := p.take(); got != want[0] {
				t.Fatalf("with %d in the queue another one came out", len(want))
			}
			want = want[1:]
		}
		if p.Len() != len(want) {
			t.Fatalf("length %d, want %d", p.Len(), len(want))
		}
	}
	for p.Len() > 0 {
		p.take()
	}
	for i, h := range p.ring {
		if h != nil {
			t.Fatalf("slot %d still holds a connection", i)
		}
	}
}

func TestQueueGrowsAndShrinks(t *testing.T) {
	const many = 64*minRing + 1
	p := queueOnly()
	for range minRing / 2 { // so that it wraps around when it grows
		p.push(new(probe))
		p.take()
	}
	var want []Handler
	for range many {
		h := new(probe)
		p.push(h)
		want = append(want, h)
	}
	if len(p.ring) < many || len(p.ring)&(len(p.ring)-1) != 0 {
		t.Errorf("ring of %d for %d", len(p.ring), many)
	}
	for i, h := range want {
		if p.take() != h {
			t.Fatalf("number %d is another one", i)
		}
	}
	if len(p.ring) != minRing {
		t.Errorf("ring of %d is kept", len(p.ring))
	}
}

// TestTurns has one connection that always wants more, and others that want one turn: each has it.
func TestTurns(t *testing.T) {
	pool := queueOnly()
	poller := &Poller{pool: pool}
	var order []int
	var all [4]*probe
	for i := range all {
		h := &probe{serve: func(*Worker, Event) Event {
			order = append(order, i)
			if i == 0 && len(order) < 8 {
				return Readable
			}
			return 0
		}}
		h.poller = poller
		h.finish(0)
		all[i] = h
	}
	for _, h := range all {
		Kick(h)
	}
	done := make(chan struct{})
	end := &probe{serve: func(*Worker, Event) Event { close(done); return 0 }}
	end.poller = poller
	end.finish(0)
	pool.workers.Go(pool.run)
	// Behind the others; the greedy one is served on, between them and beyond.
	Kick(end)
	within(t, done, "turn")
	pool.Close()
	if len(order) < 4 || order[0] != 0 || order[1] != 1 || order[2] != 2 || order[3] != 3 {
		t.Errorf("order %v", order)
	}
}

func TestPoolCloseBesidePushes(t *testing.T) {
	pool := NewPool(3)
	poller := &Poller{pool: pool}
	var all [16]*probe
	for i := range all {
		h := &probe{serve: func(*Worker, Event) Event { return Readable }} // never has enough
		h.poller = poller
		h.finish(0)
		all[i] = h
	}
	started := make(chan struct{}, len(all))
	stop := make(chan struct{})
	var kicking sync.WaitGroup
	for _, h := range all {
		kicking.Go(func() {
			for first := true; ; first = false {
				Kick(h)
				if first {
					started <- struct{}{}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range all {
		within(t, started, "kick")
	}
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }()
	within(t, closed, "end of the pool")
	close(stop)
	kicking.Wait()
	if n := pool.Len(); n > len(all) {
		t.Errorf("%d in the queue, more than there are", n)
	}
	pool.Close() // a second time does nothing
}
