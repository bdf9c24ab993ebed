package node

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/gobwas/ws"

	"crier/hub"
	"crier/internal/frame"
	"crier/netpoll"
)

// A life is where a connection is in its life. It only goes forward, and only (*conn).move sets it.
type life uint32

const (
	handshaking life = iota // its request is not whole yet; no member
	entering                // its answer is being sent; only its worker moves it on, to open
	open                    // a member
	closing                 // no member any more; last words may still go out, what comes in is thrown away
	dead                    // its worker closes the descriptor as soon as it can

	lifeMask = 7
)

// Flags beside the life, in the same word.
const (
	pinged   uint32 = 1 << (iota + 3) // was silent, and has been pinged
	partly                            // a message has begun and is not whole
	parked                            // waits, as a publisher, for the node to catch up
	choked                            // is too far behind with what it gets to say more: is not read until it has read
	finished                          // the sending half is closed
	settled                           // who ended it is through: last words are with the hub, counts and log are done
	overdue                           // did not end in time: nobody waits for what was not sent
	surplus                           // above MaxConnections: to be told no
	crowded                           // its address has too many connections: to be told no
	hasty                             // its address opens them too fast: to be told no
)

// A conn is all there is for one connection: 160 bytes while it is idle.
type conn struct {
	netpoll.Conn
	member hub.Member

	// Immutable.
	node *Node

	// Owned by the worker that serves it.
	partial *partial // what a head or message not yet whole needs; nil otherwise
	limits  *limits  // nil unless it is held to bounds that are not always set
	control meter

	state atomic.Uint32 // life and flags
	seen  atomic.Uint32 // when bytes last came, in the node's milliseconds
	since atomic.Uint32 // when the handshake, the unfinished message or the closing began

	slot uint32 // guarded by registry.mu
}

// A partial holds the bytes of what is not whole yet.
type partial struct {
	head    []byte
	decoder frame.Decoder
}

var partials = sync.Pool{New: func() any { return new(partial) }}

// keepBuffer is the largest buffer in bytes that goes back to the pool.
const keepBuffer = 16 << 10

func (p *partial) release() {
	p.decoder.Reset(keepBuffer)
	if cap(p.head) > keepBuffer {
		p.head = nil
	}
	p.head = p.head[:0]
	partials.Put(p)
}

func (c *conn) life() life { return life(c.state.Load() & lifeMask) }

// move sets the life to a later one if it is still from. It reports whether it did: of several who
// want to end a connection, one does.
func (c *conn) move(from, to life) bool {
	for {
		s := c.state.Load()
		if life(s&lifeMask) != from {
			return false
		}
		if c.state.CompareAndSwap(s, s&^lifeMask|uint32(to)) {
			return true
		}
	}
}

func (c *conn) is(flag uint32) bool { return c.state.Load()&flag != 0 }
func (c *conn) set(flag uint32)     { c.state.Or(flag) }
func (c *conn) unset(flag uint32)   { c.state.And(^flag) }

// Serve implements netpoll.Handler.
func (c *conn) Serve(w *netpoll.Worker, ev netpoll.Event) (more netpoll.Event) {
	const in = netpoll.Readable | netpoll.Hangup | netpoll.Kicked
	const out = netpoll.Writable | netpoll.Kicked
	if c.life() == handshaking && ev&in != 0 {
		more |= c.shake(w, ev)
	} else if c.life() == open {
		if ev&out != 0 {
			if c.member.Resume() == hub.Again {
				more |= netpoll.Writable
			}
			if c.is(choked) && c.member.Behind() <= c.node.hub.Backlog() {
				c.unread(choked)
				ev |= netpoll.Kicked // for what came meanwhile
			}
		}
		if ev&in != 0 && c.life() == open {
			more |= c.read(w, ev)
		}
	}
	// Whoever has ended it kicks when that is settled. Before, there is nothing to linger for.
	if c.is(settled) {
		if c.life() == closing {
			more |= c.linger(w, ev)
		}
		if c.life() == dead {
			c.end()
			return 0
		}
	}
	return more
}

// Write implements hub.Sink.
func (c *conn) Write(p []byte) (int, error) { return netpoll.Write(c.FD(), p) }

// Evict implements hub.Sink.
func (c *conn) Evict(cause hub.Cause, _ error) {
	switch cause {
	case hub.TooFarBehind:
		c.leave(SlowBytes, ws.StatusCode(1013), "too many bytes behind")
	case hub.TooOld:
		c.leave(SlowAge, ws.StatusCode(1013), "too long behind")
	default:
		c.abort(Reset)
	}
}

// Resume implements hub.Waiter.
func (c *conn) Resume() {
	c.unread(parked)
	netpoll.Kick(c)
}

// unread ends a time in which the connection was not read. Its silence was the node's doing.
func (c *conn) unread(flag uint32) {
	now := c.node.clock.Load()
	c.seen.Store(now)
	if c.life() == open {
		c.since.Store(now)
	}
	c.unset(flag) // last, or the sweep could see the old times
}

// leaveOf returns the reason that goes with an error of the decoder, and the close code to send.
func leaveOf(err error) (Reason, ws.StatusCode, string) {
	var fe *frame.Error
	if !errors.As(err, &fe) {
		return ProtocolError, ws.StatusProtocolError, "protocol error"
	}
	switch fe.Code {
	case ws.StatusInvalidFramePayloadData:
		return BadUTF8, fe.Code, fe.Reason
	case ws.StatusMessageTooBig:
		return TooBig, fe.Code, fe.Reason
	}
	return ProtocolError, fe.Code, fe.Reason
}
