package node

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gobwas/ws"

	"crier/hub"
	"crier/netpoll"
)

// maxHead is the size in bytes up to which a request head is waited for.
const maxHead = 8 << 10

// shake reads the request and, when its head is whole, answers it. Bytes behind the head are frames.
func (c *conn) shake(w *netpoll.Worker, ev netpoll.Event) netpoll.Event {
	have := 0
	if c.partial != nil {
		have = copy(w.Buf, c.partial.head)
	}
	n, err := netpoll.Read(c.FD(), w.Buf[have:])
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
	end := bytes.Index(b, []byte("\r\n\r\n"))
	switch {
	case !startsLikeRequest(b):
		c.deny(BadRequest, denied[BadRequest])
	case end > maxHead || end < 0 && len(b) > maxHead:
		c.deny(BadRequest, answer{status: http.StatusRequestHeaderFieldsTooLarge, text: "the request head is over 8 KiB"})
	case end < 0:
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
		c.answer(b[:end+4], b[end+4:])
	}
	// What has filled the buffer may not be all, and there is no edge for the rest.
	if c.life() == open && (ev&netpoll.Hangup != 0 || len(b) == len(w.Buf)) {
		return netpoll.Readable | ev&netpoll.Hangup
	}
	return 0
}

// startsLikeRequest tells at once a TLS hello or rubbish from a request line, which begins with a method.
func startsLikeRequest(b []byte) bool {
	for i, x := range b {
		if x == ' ' && i > 0 {
			return true
		}
		if x < 'A' || x > 'Z' || i >= 16 {
			return false
		}
	}
	return true
}

// answer carries out a whole request: head is the request, rest what came behind it.
func (c *conn) answer(head, rest []byte) {
	n := c.node
	method, target, version := requestLine(head)
	path, _, _ := strings.Cut(target, "?")
	switch {
	case version == "" || !strings.HasPrefix(version, "HTTP/"):
		c.deny(BadRequest, denied[BadRequest])
	case version != "HTTP/1.1":
		c.deny(BadRequest, answer{status: http.StatusHTTPVersionNotSupported, text: "want HTTP/1.1"})
	case path != n.cfg.Path:
		c.deny(NotFound, denied[NotFound])
	case method != http.MethodGet:
		c.deny(BadRequest, answer{status: http.StatusMethodNotAllowed, header: "Allow: GET\r\n", text: "want GET"})
	case c.is(surplus):
		c.deny(Full, denied[Full])
	case n.draining.Load():
		c.deny(Draining, denied[Draining])
	default:
		hello, why, no := c.upgrade(head, method, target)
		if hello == nil {
			c.deny(why, no)
			return
		}
		c.enter(hello, rest)
	}
}

func requestLine(head []byte) (method, target, version string) {
	first, _, _ := bytes.Cut(head, []byte("\r\n"))
	method, line, _ := strings.Cut(string(first), " ")
	target, version, _ = strings.Cut(line, " ")
	return method, target, version
}

// memory is a head to read and an answer to write, as ws.Upgrader wants them.
type memory struct {
	in  bytes.Reader
	out bytes.Buffer
}

func (m *memory) Read(p []byte) (int, error)  { return m.in.Read(p) }
func (m *memory) Write(p []byte) (int, error) { return m.out.Write(p) }

// upgrade checks the handshake by RFC 6455 section 4.2.1, the origin, and Config.Check. It returns the
// answer that opens the WebSocket, or none and the denial.
func (c *conn) upgrade(head []byte, method, target string) (hello []byte, why Denial, no answer) {
	n := c.node
	var host, origin string
	u := ws.Upgrader{
		OnHost: func(v []byte) error {
			host = string(v)
			return nil
		},
		OnHeader: func(k, v []byte) error {
			if strings.EqualFold(string(k), "Origin") {
				origin = string(v)
			}
			return nil
		},
	}
	var m memory
	m.in.Reset(head)
	_, err := u.Upgrade(&m)
	switch {
	case errors.Is(err, ws.ErrHandshakeBadUpgrade), errors.Is(err, ws.ErrHandshakeBadConnection), errors.Is(err, ws.ErrHandshakeUpgradeRequired):
		return nil, UpgradeRequired, denied[UpgradeRequired]
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, BadRequest, denied[BadRequest]
	case err != nil:
		return nil, BadRequest, answer{status: http.StatusBadRequest, text: strings.TrimPrefix(err.Error(), "handshake error: ")}
	case !n.allows(origin, host):
		return nil, Origin, denied[Origin]
	}
	if n.cfg.Check != nil {
		// The upgrader shows only some of the fields.
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			return nil, BadRequest, denied[BadRequest]
		}
		r.Header.Set("Host", r.Host)
		if no := n.cfg.Check(&Request{Method: method, Path: target, Header: r.Header, Addr: netpoll.PeerAddr(c.FD())}); no != nil {
			status := no.Status
			if status < 400 || status > 599 {
				status = http.StatusForbidden
			}
			return nil, Checked, answer{status: status, text: oneLine(no.Text)}
		}
	}
	return m.out.Bytes(), 0, answer{}
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
		c.feed(rest, n.now())
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
