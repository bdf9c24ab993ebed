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
	over := n.conns.len() - n.cfg.MaxConnections
	if over >= turnedAway {
		n.turnAway(fd, Full)
		return
	}
	if over >= 0 {
		c.set(surplus)
	}
	now := n.clock.Load()
	c.seen.Store(now)
	c.since.Store(now)
	n.hub.Attach(&c.member, c)
	n.conns.add(c, fd)
	if err := n.pollers[int(n.turn.Add(1))%len(n.pollers)].Add(c, fd); err != nil {
		n.conns.remove(c)
		n.cfg.Log.Error("register a connection", "err", err)
		n.turnAway(fd, NoDescriptors)
		return
	}
	if n.dismissed.Load() {
		c.drop(Draining)
	}
}

// turnAway tells a peer no without waiting for its request, and closes. It may lose the answer to a reset
// if the peer's request is already there: better than to be held up by who cannot be let in.
func (n *Node) turnAway(fd int, why Denial) {
	n.denials[why].Add(1)
	_, _ = netpoll.Write(fd, denied[why].bytes())
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
	BadRequest:      {status: http.StatusBadRequest, text: "no HTTP/1.1 request"},
	NotFound:        {status: http.StatusNotFound, text: "nothing here"},
	UpgradeRequired: {status: http.StatusUpgradeRequired, header: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", text: "this is a WebSocket endpoint: connect with version 13"},
	Origin:          {status: http.StatusForbidden, text: "pages of this origin may not connect"},
	Full:            {status: http.StatusServiceUnavailable, header: "Retry-After: 5\r\n", text: "the node is full"},
	NoDescriptors:   {status: http.StatusServiceUnavailable, header: "Retry-After: 5\r\n", text: "the node is out of descriptors"},
	Draining:        {status: http.StatusServiceUnavailable, header: "Retry-After: 1\r\n", text: "the node is about to stop"},
}

func (a answer) bytes() []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s\n",
		a.status, http.StatusText(a.status), len(a.text)+1, a.header, a.text)
}
