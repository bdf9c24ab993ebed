package node

import (
	"time"

	"github.com/gobwas/ws"

	"crier/hub"
	"crier/internal/frame"
	"crier/netpoll"
)

// The sweep looks at a slice of the connections every tick, so that each is looked at once a pass.
const (
	tick     = 100 * time.Millisecond
	minPass  = tick
	maxPass  = 5 * time.Second
	hubSweep = time.Second
)

// sweep is the node's only clock: it ends what takes too long and pings the silent.
func (n *Node) sweep() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	s := sweeper{node: n, ticks: int(n.pass() / tick)}
	var last time.Duration
	for {
		select {
		case <-n.stop:
			return
		case <-ticker.C:
		}
		now := n.now()
		n.clock.Store(millis(now))
		n.listener.Retry()
		s.tick()
		if now-last >= hubSweep {
			last = now
			n.hub.Sweep()
			n.from.expire(n.start.Add(now))
		}
	}
}

// pass is how long a pass takes: an eighth of the shortest deadline, within bounds. A deadline is kept to
// within one pass.
func (n *Node) pass() time.Duration {
	shortest := min(n.cfg.HandshakeTimeout, n.cfg.MessageTimeout, n.cfg.CloseTimeout)
	if n.cfg.PingAfter > 0 {
		shortest = min(shortest, n.cfg.PingAfter, n.cfg.PongTimeout)
	}
	return min(max(shortest/8, minPass), maxPass)
}

func millis(d time.Duration) uint32 { return uint32(d / time.Millisecond) }

// A sweeper is the state of the sweep. One goroutine owns it.
type sweeper struct {
	node  *Node
	ticks int // of a pass
	next  int // connections of the registry below it are still to be looked at in this pass
	share int // connections to look at each tick
	batch [256]*conn
}

// tick looks at one slice.
func (s *sweeper) tick() {
	if s.next == 0 {
		s.next = s.node.conns.len()
		s.share = (s.next + s.ticks - 1) / max(s.ticks, 1)
	}
	now := s.node.clock.Load()
	for left := s.share; left > 0 && s.next > 0; {
		var n int
		n, s.next = s.node.conns.copyBelow(s.next, s.batch[:min(left, len(s.batch))])
		for i, c := range s.batch[:n] {
			c.look(now)
			s.batch[i] = nil
		}
		left -= max(n, 1)
	}
}

// pingDue returns after how many milliseconds of silence a connection is pinged: after up to a quarter less
// than it may be silent, spread evenly over those that fell silent at once, as after a broadcast or when all have come
// back together. fd tells those apart, and seen their turns.
func pingDue(after, fd, seen uint32) uint32 {
	h := (fd*0x9e3779b1 ^ seen) * 0x85ebca6b
	h ^= h >> 15
	return after - uint32(uint64(h)*uint64(after/4)>>32)
}

var ping = frame.AppendHeader(nil, ws.OpPing, 0)

// look ends the connection, or pings its peer, if it is time. now is the node's clock.
func (c *conn) look(now uint32) {
	cfg := &c.node.cfg
	s := c.state.Load()
	waits := now - c.since.Load() // the clock wraps around, the difference does not
	silent := now - c.seen.Load()
	switch life(s & lifeMask) {
	case handshaking:
		if waits > millis(cfg.HandshakeTimeout) {
			c.drop(HandshakeTimeout)
		}
	case open:
		due := pingDue(millis(cfg.PingAfter), uint32(c.FD()), c.seen.Load())
		switch {
		case s&(parked|choked) != 0:
			// Not read for the node's sake: neither silent nor late.
		case s&partly != 0 && waits > millis(cfg.MessageTimeout):
			c.leave(MessageTimeout, ws.StatusPolicyViolation, "message not finished in time")
		case cfg.PingAfter < 0 || silent <= due:
		case s&pinged == 0:
			c.set(pinged)
			if c.member.Interject(ping) != hub.Gone {
				c.node.pings.Add(1)
			}
		case silent > due+millis(cfg.PongTimeout):
			c.leave(PingTimeout, ws.StatusGoingAway, "no answer to a ping")
		}
	case closing:
		if waits > millis(cfg.CloseTimeout) {
			c.set(overdue)
			if c.move(closing, dead) {
				netpoll.Kick(c)
			}
		}
	}
}
