package node

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gobwas/ws"

	"crier/hub"
	"crier/internal/handshake"
	"crier/netpoll"
)

// shake reads the request and, when its head is whole, answers it. Bytes behind the head are frames.
func (c *conn) shake(w *netpoll.Worker, ev netpoll.Event) netpoll.Event {
	have := 0
	if c.partial != nil {
		have = copy(w.Buf, c.partial.head)
	}
	n, err := netpoll.Read(c.FD(), w.Buf[have:handshake.MaxHead])
	if err == netpoll.ErrAgain {
		return 0
	}
	if err != nil {
		c.drop(HandshakeGone)
		return 0
	}
	c.heard()
	switch {
	case c.is(crowded):
		c.deny(AddressConnections, denied[AddressConnections])
		return 0
	case c.is(hasty):
		c.deny(AddressRate, denied[AddressRate])
		return 0
	}
	b := w.Buf[:have+n]
	size, err := handshake.Scan(b)
	switch {
	case err != nil:
		c.denyRequest(err)
	case size == 0:
		if c.partial == nil {
			c.partial = partials.Get().(*partial)
		}
		c.partial.head = append(c.partial.head[:0], b...)
		return ev & netpoll.Hangup
	default:
		if c.partial != nil {
			c.partial.release()
			c.partial = nil
		}
		c.answer(b[:size], b[size:])
	}
	// What has filled the buffer may not be all, and there is no edge for the rest.
	if c.life() == open && (ev&netpoll.Hangup != 0 || len(b) == handshake.MaxHead) {
		return netpoll.Readable | ev&netpoll.Hangup
	}
	return 0
}

// answer carries out a whole request: head is the request, rest what came behind it.
func (c *conn) answer(head, rest []byte) {
	n := c.node
	r, err := handshake.Parse(head)
	switch {
	case err != nil:
		c.denyRequest(err)
		return
	case r.Path != n.cfg.Path:
		c.deny(NotFound, denied[NotFound])
		return
	case r.Method != http.MethodGet:
		c.deny(BadRequest, answer{status: http.StatusMethodNotAllowed, header: "Allow: GET\r\n", text: "want GET"})
		return
	case c.is(surplus):
		c.deny(Full, denied[Full])
		return
	case n.draining.Load():
		c.deny(Draining, denied[Draining])
		return
	}
	if err := r.Check(); err != nil {
		c.denyRequest(err)
		return
	}
	if !n.allows(r.Origin, r.Host) {
		c.deny(Origin, denied[Origin])
		return
	}
	if no := c.check(&r); no != nil {
		c.deny(Checked, *no)
		return
	}
	c.enter(r.Accept(nil, n.protocol(&r)), rest)
}

// denyRequest answers a request that is none, or not one for a WebSocket.
func (c *conn) denyRequest(err error) {
	var he *handshake.Error
	errors.As(err, &he) // as all of them are
	why := BadRequest
	if he.Status == http.StatusUpgradeRequired {
		why = UpgradeRequired
	}
	c.deny(why, answer{status: he.Status, header: he.Header, text: he.Text})
}

// check asks Config.Check, if there is one, and returns the answer if it refuses.
func (c *conn) check(r *handshake.Request) *answer {
	if c.node.cfg.Check == nil {
		return nil
	}
	header := make(http.Header)
	for name, value := range r.Fields() {
		header.Add(name, value)
	}
	header.Set("Host", r.Host)
	no := c.node.cfg.Check(&Request{Method: r.Method, Path: r.Target, Header: header, Addr: netpoll.PeerAddr(c.FD())})
	if no == nil {
		return nil
	}
	status := no.Status
	if status < 400 || status > 599 {
		status = http.StatusForbidden
	}
	return &answer{status: status, text: oneLine(no.Text)}
}

// protocol chooses the subprotocol: the first that the client offers and the node has; "" if there is none (RFC 6455
// section 4.2.2).
func (n *Node) protocol(r *handshake.Request) string {
	if len(n.cfg.Protocols) == 0 {
		return ""
	}
	for _, p := range r.Protocols() {
		if slices.Contains(n.cfg.Protocols, p) {
			return p
		}
	}
	return ""
}

// allows decides by the origin of a page (RFC 6455 section 10.2). Without one it is no page.
func (n *Node) allows(origin, host string) bool {
	if origin == "" {
		return true
	}
	for _, o := range n.cfg.Origins {
		if o == "*" || strings.EqualFold(o, origin) {
			return true
		}
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return strings.EqualFold(hostPort(u.Host, u.Scheme), hostPort(host, u.Scheme))
}

// hostPort adds the scheme's port to a host that has none.
func hostPort(host, scheme string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	port := "80"
	if scheme == "https" || scheme == "wss" {
		port = "443"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// enter makes the connection a member, with the answer to its handshake ahead of everything, and takes
// the frames that came with the request. It is open only then: a close frame cannot come before the answer.
func (c *conn) enter(hello, rest []byte) {
	n := c.node
	if !c.move(handshaking, entering) {
		return
	}
	n.open.Add(1) // before the peer can know
	n.opened.Add(1)
	a, _ := n.hub.Join(&c.member, Room, hello)
	c.move(entering, open)
	if a == hub.Gone {
		c.abort(Reset)
		return
	}
	if n.draining.Load() {
		// Shutdown may have gone through the connections before this one was open.
		c.leave(Shutdown, ws.StatusGoingAway, "the node stops")
		return
	}
	if len(rest) > 0 {
		now := n.now()
		if why, ok := c.spend(len(rest), 0, now); !ok {
			c.leave(why, ws.StatusPolicyViolation, "too much at once")
			return
		}
		c.feed(rest, now)
	}
}

// deny answers a request that is refused, and ends the connection in good order.
func (c *conn) deny(why Denial, no answer) {
	b := no.bytes()
	n, err := netpoll.Write(c.FD(), b)
	c.since.Store(c.node.clock.Load())
	next := closing
	if err != nil || n < len(b) {
		next = dead // a socket that has never been written to takes a few hundred bytes, or is broken
	}
	if c.move(handshaking, next) {
		c.node.denials[why].Add(1)
		c.member.Leave(nil)
		c.set(settled)
	}
}

// drop ends a connection that never became a member, without an answer. It may be called from anywhere.
func (c *conn) drop(why Denial) {
	if c.move(handshaking, dead) {
		c.node.denials[why].Add(1)
		c.set(settled)
		netpoll.Kick(c)
	}
}
