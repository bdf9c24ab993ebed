package fleet

import (
	"errors"
	"sync"

	"crier/netpoll"
)

// An outbox holds what a client has to send and the kernel has not taken. Its lock also keeps who sends from a descriptor that
// Serve closes.
type outbox struct {
	room chan struct{} // told when the outbox is empty again, or the client has ended

	mu   sync.Mutex
	rest []byte // guarded by mu
	gone bool   // guarded by mu
}

var errEnded = errors.New("the connection has ended")

// outbox returns the client's, and makes it if there is none. It may be called from anywhere.
func (c *client) outbox() *outbox {
	if o := c.out.Load(); o != nil {
		return o
	}
	o := &outbox{room: make(chan struct{}, 1)}
	if c.out.CompareAndSwap(nil, o) {
		return o
	}
	return c.out.Load()
}

// send sends b behind what waits already, as far as there is room, and keeps a copy of the rest. It reports whether nothing is left.
// It may be called from anywhere; the client's Serve calls it with nothing when there is room again.
func (o *outbox) send(c *client, b []byte) (empty bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return false, errEnded
	}
	waited := len(o.rest) > 0
	if waited {
		o.rest = append(o.rest, b...)
		b = o.rest
	}
	n, err := netpoll.Write(c.FD(), b)
	if err != nil {
		return false, err
	}
	o.rest = append(o.rest[:0], b[n:]...)
	if len(o.rest) > 0 {
		return false, nil
	}
	o.rest = nil
	if waited {
		o.tell()
	}
	return true, nil
}

// waiting returns how many bytes the kernel has not taken.
func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.rest)
}

func (o *outbox) tell() {
	select {
	case o.room <- struct{}{}:
	default:
	}
}

// close closes the client's connection.
func (o *outbox) close(c *client) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone, o.rest = true, nil
	o.tell()
	return c.Close()
}
