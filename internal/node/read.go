package node

import (
	"io"
	"time"

	"github.com/gobwas/ws"

	"crier/hub"
	"crier/internal/frame"
	"crier/netpoll"
)

// readShare is how many buffers one Serve reads before other connections have their turn.
const readShare = 4

// bite is how many bytes one Serve reads while members lag and somebody waits for a worker. What is read is to be written
// to all: with a whole share each, a few publishers would outrun the workers, and the members whose sockets were full for a
// moment would fall behind for the node's own sake.
const bite = 4 << 10

// read takes what an open connection has sent.
func (c *conn) read(w *netpoll.Worker, ev netpoll.Event) netpoll.Event {
	for range readShare {
		if !c.mayRead() {
			return 0
		}
		buf := w.Buf
		if c.node.hub.Lagging() && c.node.pool.Len() > 0 {
			buf = buf[:bite]
		}
		n, err := netpoll.Read(c.FD(), buf)
		switch {
		case err == netpoll.ErrAgain:
			return 0
		case err == io.EOF:
			c.abort(PeerGone)
			return 0
		case err != nil:
			c.abort(Reset)
			return 0
		}
		c.heard()
		now := c.node.now()
		if why, ok := c.spend(n, 0, now); !ok {
			c.leave(why, ws.StatusPolicyViolation, "too much at once")
			return 0
		}
		c.feed(w.Buf[:n], now)
		if c.life() != open {
			return 0
		}
		if n < len(buf) && ev&(netpoll.Hangup|netpoll.Kicked) == 0 {
			// A short read has emptied the socket (epoll(7)), and what comes now is a new edge. But the
			// end of the stream that was announced with these bytes is not: it must be read. So must what
			// was announced while the connection was parked, which a kick stands for.
			return 0
		}
		if len(buf) < len(w.Buf) {
			break
		}
	}
	return netpoll.Readable | ev&(netpoll.Hangup|netpoll.Kicked)
}

// mayRead reports whether the connection is to be read. If the node does not keep up it is parked: it is not read,
// which slows its peer by TCP, until the hub calls Resume. If it is itself more than the backlog behind with what
// it gets it is choked, until it has read: nobody publishes faster than he reads, and so not much faster than others can,
// while nobody waits for a reader but himself. A node that is about to stop takes nothing more.
func (c *conn) mayRead() bool {
	if c.is(parked|choked) || c.node.draining.Load() {
		return false
	}
	if c.member.Behind() > c.node.hub.Backlog() {
		// It hears itself too late. It lags, so that an event tells when it can be written to again.
		c.set(choked)
		return false
	}
	if !c.node.hub.Paused() {
		return true
	}
	c.set(parked) // before asking: Resume may come before the answer
	if c.member.MayPublish(c) == hub.Sent {
		c.unset(parked)
		return true
	}
	return false
}

func (c *conn) heard() {
	if now := c.node.clock.Load(); now != c.seen.Load() {
		c.seen.Store(now)
	}
	if c.is(pinged) {
		c.unset(pinged)
	}
}

// feed takes bytes of the stream of frames: it publishes each message that they complete and keeps what
// is left of one that they do not. b is unmasked in place. now is when they came.
func (c *conn) feed(b []byte, now time.Duration) {
	p := c.partial
	if p == nil {
		p = partials.Get().(*partial)
	}
	n := c.node
	var whole bool
	for {
		ev, rest, err := p.decoder.Next(b, &n.frames)
		if err != nil {
			c.leave(leaveOf(err))
			break
		}
		if ev.Kind == frame.None {
			break
		}
		if ev.Kind == frame.Ping || ev.Kind == frame.Pong || ev.Kind == frame.Empty {
			if cfg := &n.cfg; cfg.ControlRate > 0 && !c.control.take(millis(now), uint32(1000/cfg.ControlRate)) {
				c.leave(ControlRate, ws.StatusPolicyViolation, "too many control frames")
				break
			}
		}
		switch ev.Kind {
		case frame.Message:
			whole = true
			if why, ok := c.spend(0, 1, now); !ok {
				c.leave(why, ws.StatusPolicyViolation, "too many messages")
				break
			}
			var header [ws.MaxHeaderSize]byte
			n.received.Add(1)
			n.receivedBytes.Add(int64(len(ev.Payload)))
			c.member.Publish(frame.AppendHeader(header[:0], ev.Op, len(ev.Payload)), ev.Payload, now)
		case frame.Ping:
			var pong [ws.MaxControlFramePayloadSize + 2]byte
			if c.member.Interject(append(frame.AppendHeader(pong[:0], ws.OpPong, len(ev.Payload)), ev.Payload...)) == hub.Again {
				n.droppedPongs.Add(1)
			}
		case frame.Close:
			c.leave(PeerClosed, ev.Code, "")
		}
		if c.life() != open {
			break
		}
		b = rest
	}
	if p.decoder.Idle() || c.life() != open {
		if c.is(partly) {
			c.unset(partly)
		}
		c.partial = nil
		p.release()
		return
	}
	if whole || c.partial == nil {
		c.since.Store(n.clock.Load())
		c.set(partly)
	}
	c.partial = p
}
