package netpoll

import (
	"sync"
	"sync/atomic"
)

// BufferSize is the size of a worker's buffer in bytes.
const BufferSize = 64 << 10

// A Worker is what Serve may use while it runs.
type Worker struct {
	// Buf has BufferSize bytes, shared by all connections that the worker serves one after the other.
	Buf []byte
}

// A Pool is a fixed number of workers and the queue of connections they serve, first come first served.
// A connection is in the queue at most once, which bounds it.
type Pool struct {
	workers sync.WaitGroup
	length  atomic.Int64

	mu   sync.Mutex
	work sync.Cond

	// Guarded by mu.
	ring    []Handler // a ring of a power of two
	first   int
	count   int
	waiting int // workers that wait for work
	closed  bool
}

const minRing = 1 << 8

// NewPool starts the workers.
func NewPool(workers int) *Pool {
	p := &Pool{ring: make([]Handler, minRing)}
	p.work.L = &p.mu
	for range max(workers, 1) {
		p.workers.Go(p.run)
	}
	return p
}

// Len returns how many connections wait for a worker.
func (p *Pool) Len() int { return int(p.length.Load()) }

// Close ends the workers, when each has served the connection it is at, and waits for them.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.work.Broadcast()
	p.mu.Unlock()
	p.workers.Wait()
}

func (p *Pool) run() {
	w := &Worker{Buf: make([]byte, BufferSize)}
	for h := p.take(); h != nil; h = p.take() {
		c := h.conn()
		if c.finish(h.Serve(w, c.begin())) {
			p.push(h)
		}
	}
}

func (p *Pool) push(h Handler) {
	p.mu.Lock()
	if p.count == len(p.ring) {
		p.resizeLocked(2 * len(p.ring))
	}
	p.ring[(p.first+p.count)&(len(p.ring)-1)] = h
	p.count++
	p.length.Store(int64(p.count))
	if p.waiting > 0 {
		p.work.Signal()
	}
	p.mu.Unlock()
}

func (p *Pool) take() Handler {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.count == 0 && !p.closed {
		p.waiting++
		p.work.Wait()
		p.waiting--
	}
	if p.closed {
		return nil
	}
	h := p.ring[p.first]
	p.ring[p.first] = nil
	p.first = (p.first + 1) & (len(p.ring) - 1)
	p.count--
	p.length.Store(int64(p.count))
	if p.count == 0 && len(p.ring) > 64*minRing {
		p.resizeLocked(minRing)
	}
	return h
}

func (p *Pool) resizeLocked(n int) {
	ring := make([]Handler, n)
	for i := range p.count {
		ring[i] = p.ring[(p.first+i)&(len(p.ring)-1)]
	}
	p.ring, p.first = ring, 0
}
