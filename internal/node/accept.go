package node

import (
	"fmt"
	"net/http"

	"crier/netpoll"
)

// accept takes over a new descriptor. It runs on the worker that serves the listener.
func (n *Node) accept(fd int) {
	n.accepted.Add(1)
	c := &conn{node: n}
	if why, ok := c.admit(fd); !ok {
		n.turnAway(fd, why)
		return
	}
	now := n.clock.Load()
	c.seen.Store(now)
	c.since.Store(now)
	c.control = meter(now)
	n.hub.Attach(&c.member, c)
	n.conns.add(c, fd)
	if err := n.pollers[int(n.turn.Add(1))%len(n.pollers)].Add(c, fd); err != nil {
		n.conns.remove(c)
		c.leavePlace()
		n.cfg.Log.Error("register a connection", "err", err)
		if c.move(handshaking, dead) {
			n.turnAway(fd, NoDescriptors)
		} else {
			_ = netpoll.CloseFD(fd) // dropped meanwhile, and counted
		}
		return
	}
	if n.dismissed.Load() {
		c.drop(Draining)
	}
}

// admit takes a connection in, if only to tell it no: then it bears a flag that says why. A few of those are enough:
// it reports whether this one is not to be taken in at all.
func (c *conn) admit(fd int) (why Denial, ok bool) {
	n := c.node
	over := n.conns.len() - n.cfg.MaxConnections
	if over >= 0 {
		c.set(surplus)
		return Full, over < turnedAway
	}
	if !n.from.bounded() {
		return 0, true
	}
	peer := netpoll.Peer(fd)
	if !peer.IsValid() {
		return HandshakeGone, false // reset before it was accepted: nobody to tell, and nobody to count
	}
	p, why, ok := n.from.admit(peer.Addr(), n.start.Add(n.now()))
	if ok {
		c.limits = &limits{place: p}
		return 0, true
	}
	if n.refused.Add(1) > turnedAway {
		n.refused.Add(-1)
		return why, false
	}
	if why == AddressRate {
		c.set(hasty)
	} else {
		c.set(crowded)
	}
	return why, true
}

// leavePlace is the end of what admit counts.
func (c *conn) leavePlace() {
	if c.is(crowded | hasty) {
		c.node.refused.Add(-1)
	}
	if c.limits != nil && c.limits.place != nil {
		c.node.from.release(c.limits.place)
	}
}

// turnAway tells a peer no without waiting for its request, and closes. What of the request is there already is
// read, or the kernel would answer it with a reset that may overtake the no. What comes later has that risk: better
// than to be held up by who cannot be let in.
func (n *Node) turnAway(fd int, why Denial) {
	n.denials[why].Add(1)
	if why == HandshakeGone {
		_ = netpoll.CloseFD(fd)
		return
	}
	_, _ = netpoll.Write(fd, denied[why].bytes())
	_ = netpoll.CloseWrite(fd)
	var b [512]byte
	for range 16 {
		if k, err := netpoll.Read(fd, b[:]); err != nil || k < len(b) {
			break
		}
	}
	_ = netpoll.CloseFD(fd)
}

// An answer is an HTTP answer that refuses.
type answer struct {
	status int
	header string // lines ended by CRLF
	text   string
}

// denied are the answers of those denials that have always the same.
var denied = [denials]answer{
	NotFound:           {status: http.StatusNotFound, text: "nothing here"},
	Origin:             {status: http.StatusForbidden, text: "pages of this origin may not connect"},
	Full:               {status: http.StatusServiceUnavailable, header: "Retry-After: 5\r\n", text: "the node is full"},
	AddressConnections: {status: http.StatusTooManyRequests, header: "Retry-After: 30\r\n", text: "too many connections from this address"},
	AddressRate:        {status: http.StatusTooManyRequests, header: "Retry-After: 2\r\n", text: "too many new connections from this address"},
	NoDescriptors:      {status: http.StatusServiceUnavailable, header: "Retry-After: 5\r\n", text: "the node is out of descriptors"},
	Draining:           {status: http.StatusServiceUnavailable, header: "Retry-After: 1\r\n", text: "the node is about to stop"},
}

func (a answer) bytes() []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s\n",
		a.status, http.StatusText(a.status), len(a.text)+1, a.header, a.text)
}
