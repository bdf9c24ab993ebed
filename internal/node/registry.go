package node

import (
	"sync"

	"crier/netpoll"
)

// A registry lists the connections that have a descriptor, for the sweep and for the end.
type registry struct {
	mu sync.Mutex

	// Guarded by mu.
	conns []*conn
	addrs map[*conn]string // nil unless leaves are logged
	empty chan struct{}    // closed when conns is empty, once somebody waits for that
}

func (r *registry) add(c *conn, fd int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.slot = uint32(len(r.conns))
	r.conns = append(r.conns, c)
	if r.addrs != nil {
		r.addrs[c] = netpoll.PeerAddr(fd) // later the kernel may have forgotten
	}
}

// remove takes c off the list. The last one takes its place: a pass goes from the end, see hub's shelves.
func (r *registry) remove(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.conns) - 1
	r.conns[c.slot] = r.conns[last]
	r.conns[c.slot].slot = c.slot
	r.conns[last] = nil
	r.conns = r.conns[:last]
	delete(r.addrs, c)
	if k := cap(r.conns); k > 1024 && last < k/4 {
		r.conns = append(make([]*conn, 0, k/2), r.conns...)
	}
	if last == 0 && r.empty != nil {
		close(r.empty)
		r.empty = nil
	}
}

func (r *registry) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

func (r *registry) addr(c *conn) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addrs[c]
}

// copyBelow copies the connections just below index next into batch. It returns how many, and the next index.
func (r *registry) copyBelow(next int, batch []*conn) (n, below int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next = min(next, len(r.conns))
	below = max(next-len(batch), 0)
	return copy(batch, r.conns[below:next]), below
}

// whenEmpty returns a channel that is closed when there are no connections.
func (r *registry) whenEmpty() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.conns) == 0 {
		done := make(chan struct{})
		close(done)
		return done
	}
	if r.empty == nil {
		r.empty = make(chan struct{})
	}
	return r.empty
}
