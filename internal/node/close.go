package node

import (
	"log/slog"

	"github.com/gobwas/ws"

	"crier/hub"
	"crier/internal/frame"
	"crier/netpoll"
)

// leave is the door out for a connection that is open: it leaves the hub, is counted and logged, gets a
// close frame, and has CloseTimeout to end. Only the first call, of this and abort, does anything.
// It may be called from anywhere without locks held.
func (c *conn) leave(why Reason, code ws.StatusCode, text string) {
	if c.life() != open {
		return
	}
	c.since.Store(c.node.clock.Load()) // before the move, or the sweep could take an old time for this one's
	if c.move(open, closing) {
		c.unset(partly | parked | choked)
		c.left(why)
		c.member.Leave(frame.AppendClose(nil, code, text))
		c.settle()
	}
}

// abort is leave for a connection that is beyond words.
func (c *conn) abort(why Reason) {
	if c.move(open, dead) {
		c.left(why)
		c.member.Leave(nil)
		c.settle()
	}
}

// left counts and logs a leave, before the peer can know of it.
func (c *conn) left(why Reason) {
	n := c.node
	n.open.Add(-1)
	n.leaves[why].Add(1)
	if n.cfg.Log.Enabled(n.ctx, slog.LevelDebug) {
		n.cfg.Log.Debug("left", "addr", n.conns.addr(c), "reason", why.String())
	}
}

// settle lets the worker go on with a connection that has been ended.
func (c *conn) settle() {
	c.set(settled)
	netpoll.Kick(c)
}

// linger serves a connection that is closing: the last words go out, then the sending half is closed,
// and what the peer still sends is thrown away until it ends too. To close at once would let the kernel
// answer unread bytes with a reset, which can destroy the last words on their way (RFC 9112 section 9.6
// tells the same of HTTP).
func (c *conn) linger(w *netpoll.Worker, ev netpoll.Event) (more netpoll.Event) {
	switch c.member.Resume() {
	case hub.Again:
		more |= netpoll.Writable
	case hub.Behind:
	default:
		if !c.is(finished) {
			c.set(finished)
			if netpoll.CloseWrite(c.FD()) != nil {
				c.move(closing, dead)
				return 0
			}
		}
	}
	for range readShare {
		n, err := netpoll.Read(c.FD(), w.Buf)
		if err == netpoll.ErrAgain {
			return more
		}
		if err != nil {
			c.move(closing, dead)
			return 0
		}
		if n < len(w.Buf) && ev&(netpoll.Hangup|netpoll.Kicked) == 0 {
			return more
		}
	}
	return more | netpoll.Readable | ev&(netpoll.Hangup|netpoll.Kicked)
}

// end closes the descriptor of a dead connection. Its worker calls it, or Close when there are no workers.
func (c *conn) end() {
	c.member.Leave(nil) // for those that never were in a room
	c.member.Detach()   // no writer touches the descriptor from here on
	if c.partial != nil {
		c.partial.release()
		c.partial = nil
	}
	c.leavePlace()
	if c.is(overdue) {
		_ = netpoll.DropUnsent(c.FD()) // at worst the kernel keeps it a minute longer
	}
	if err := c.Conn.Close(); err != nil {
		c.node.cfg.Log.Error("close a connection", "err", err)
	}
	c.node.conns.remove(c)
}
