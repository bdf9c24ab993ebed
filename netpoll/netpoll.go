package netpoll

import (
	"errors"
	"sync/atomic"
)

// ErrUnsupported is returned on systems without epoll.
var ErrUnsupported = errors.New("netpoll: needs Linux (epoll)")

// An Event is a set of reasons to look at a connection.
type Event uint32

const (
	Readable Event = 1 << (iota + eventShift) // there may be bytes, or the end, to read
	Writable                                  // there may be room to write
	Hangup                                    // the peer has closed at least its half, or an error waits: read until told
	Kicked                                    // somebody called Kick

	eventShift = 3
	eventMask  = Readable | Writable | Hangup | Kicked
)

// A Handler owns a connection. It is a struct that embeds [Conn].
type Handler interface {
	// Serve looks at the connection. It runs on a worker, which it must not block. It reads until EAGAIN,
	// or until it has had its share: what it returns is what it still wants to be served, after others
	// had their turn; 0 means that it waits for the next event.
	Serve(w *Worker, ev Event) Event

	conn() *Conn
}

// A Conn is one descriptor registered with a poller. The zero value is ready to be added, once.
type Conn struct {
	// Immutable after Add.
	poller *Poller
	fd     int32

	// state holds the phase, the met bit, and the events not yet served.
	state atomic.Uint32
}

// The phase of a connection. Events that come while it is held, queued or served make it be served (again).
const (
	held   uint32 = iota // not added yet, or a worker serves it: events gather, and whoever holds it looks at them
	idle                 // waits for an event
	queued               // in the pool's queue
	closed               // its descriptor is closed, or was never added: nothing is ever done again

	phaseMask = 3
	met       = 1 << 2 // has had an event or has been served
)

func (c *Conn) conn() *Conn { return c }

// FD returns the descriptor. It may be used in Serve, before Close, and by whoever its owner keeps from
// running beside Close.
func (c *Conn) FD() int { return int(c.fd) }

// post adds events. It reports whether the connection must now be queued.
func (c *Conn) post(ev Event) bool {
	for {
		s := c.state.Load()
		if s&phaseMask == closed {
			return false
		}
		n := s | uint32(ev)
		if s&phaseMask == idle {
			n = n&^phaseMask | queued
		}
		if n == s {
			return false
		}
		if c.state.CompareAndSwap(s, n) {
			return s&phaseMask == idle
		}
	}
}

// begin takes the events that wait, for a worker that has taken the connection from the queue.
func (c *Conn) begin() Event {
	s := c.state.Swap(held | met)
	assert(s&phaseMask == queued, "begin: not in the queue")
	return Event(s) & eventMask
}

// finish lets go of a connection that is held: a Serve has ended and wants more, or it was added. It
// reports whether the connection must be queued.
func (c *Conn) finish(more Event) bool {
	for {
		s := c.state.Load()
		if s&phaseMask == closed {
			return false
		}
		assert(s&phaseMask == held, "finish: not held")
		n := s&^phaseMask | uint32(more&eventMask)
		again := Event(n)&eventMask != 0
		if again {
			n |= queued
		} else {
			n |= idle
		}
		if c.state.CompareAndSwap(s, n) {
			return again
		}
	}
}

// ready is what the epoll loop calls for each event.
func ready(h Handler, ev Event) {
	c := h.conn()
	if c.state.Load()&met == 0 && c.state.Or(met)&met == 0 && ev == Writable {
		// Registering a socket that can be written to is an event, and says nothing: whatever could wait
		// for room must have been served before, and what was served is met.
		return
	}
	if c.post(ev) {
		c.poller.pool.push(h)
	}
}

// Kick makes a worker serve h soon, with the event Kicked. It may be called from anywhere and at any
// time: before h is added the event waits for that, and when h is closed it does nothing.
func Kick(h Handler) {
	if c := h.conn(); c.post(Kicked) {
		c.poller.pool.push(h)
	}
}
