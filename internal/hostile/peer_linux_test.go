package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"crier/internal/frame"
)

// A peer is a raw socket connected to the node. It costs this process a descriptor and no goroutine. Its
// calls block, for up to limit.
type peer int

// request is a handshake as RFC 6455 section 1.3 shows it.
const request = "GET /chat HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

// home is where bystanders come from.
var home = netip.MustParseAddr("127.0.0.1")

// source returns an address of attacker i's own.
func source(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(16 + i>>16), byte(i >> 8), byte(i)})
}

func dial(from netip.Addr, to netip.AddrPort) (p peer, err error) {
	return dialSmall(from, to, 0)
}

// dialSmall is dial with a bound on the receive buffer; 0 is the system's own.
func dialSmall(from netip.Addr, to netip.AddrPort, buffer int) (p peer, err error) {
	family := unix.AF_INET
	if !from.Is4() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	until := unix.NsecToTimeval(int64(limit))
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &until),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &until),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	if buffer > 0 {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer))
	}
	if err != nil {
		return -1, fmt.Errorf("set options: %w", err)
	}
	var target unix.Sockaddr = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	if from.Is4() {
		// The port is chosen at connect, by the whole address pair: every source address has all its ports.
		err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
			unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}))
		target = &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	if err != nil {
		return -1, fmt.Errorf("bind to %v: %w", from, err)
	}
	err = unix.Connect(fd, target)
	for err == unix.EINTR || err == unix.EALREADY { // a signal of Go's scheduler; it goes on connecting
		_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(limit/time.Millisecond))
		err = unix.Connect(fd, target)
	}
	if err != nil && err != unix.EISCONN {
		return -1, fmt.Errorf("connect %v to %v: %w", from, to, err)
	}
	return peer(fd), nil
}

// join connects a member.
func join(from netip.Addr, to netip.AddrPort) (peer, error) { return joinSmall(from, to, 0) }

func joinSmall(from netip.Addr, to netip.AddrPort, buffer int) (peer, error) {
	p, err := dialSmall(from, to, buffer)
	if err != nil {
		return p, err
	}
	if err = p.write([]byte(request)); err == nil {
		err = p.opened()
	}
	if err != nil {
		p.reset()
	}
	return p, err
}

func (p peer) write(b []byte) error {
	for len(b) > 0 {
		n, err := unix.SendmsgN(int(p), b, nil, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		b = b[n:]
	}
	return nil
}

// read reads some bytes; none at the end of the stream.
func (p peer) read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(p), b)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// opened reads the answer that makes it a member, and nothing behind it.
func (p peer) opened() error {
	var b [512]byte
	for want := 1; ; {
		n, _, err := unix.Recvfrom(int(p), b[:], unix.MSG_PEEK)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n < want {
			return fmt.Errorf("read the answer: %q, then the end or %v", b[:max(n, 0)], err)
		}
		if end := bytes.Index(b[:n], []byte("\r\n\r\n")); end >= 0 {
			if !bytes.HasPrefix(b[:n], []byte("HTTP/1.1 101 ")) {
				return fmt.Errorf("answered %q", b[:n])
			}
			_, err := p.read(b[:end+4])
			return err
		}
		if n == len(b) {
			return fmt.Errorf("an endless answer: %q", b)
		}
		// A part of the answer would have to be waited for with SO_RCVLOWAT; it is one write of the node's.
		return fmt.Errorf("a part of an answer: %q", b[:n])
	}
}

// rest reads up to the end of the stream. A reset is an end, too.
func (p peer) rest() ([]byte, error) {
	var all []byte
	buf := make([]byte, 16<<10)
	for {
		n, err := p.read(buf)
		all = append(all, buf[:n]...)
		if err == unix.ECONNRESET || err == nil && n == 0 {
			return all, nil
		}
		if err != nil {
			return all, fmt.Errorf("no end of the stream after %d bytes: %w", len(all), err)
		}
	}
}

// closedWith reads up to the end and wants a close frame with the code before it.
func (p peer) closedWith(code ws.StatusCode) error {
	b, err := p.rest()
	if err != nil {
		return err
	}
	cfg := frame.Config{MaxMessage: 16 << 20, Client: true}
	for d := new(frame.Decoder); ; {
		ev, rest, err := d.Next(b, &cfg)
		switch {
		case err != nil:
			return err
		case ev.Kind == frame.None:
			return fmt.Errorf("the stream ended without a close frame, want %d", code)
		case ev.Kind == frame.Close && (ev.Code != code || len(rest) > 0):
			return fmt.Errorf("closed with %d %s and %d bytes behind, want %d", ev.Code, ev.Reason, len(rest), code)
		case ev.Kind == frame.Close:
			return nil
		}
		b = rest
	}
}

// A reader is a peer that takes messages one by one.
type reader struct {
	peer
	decoder frame.Decoder
	buf     []byte
	rest    []byte // read, and not decoded yet
	total   int64  // bytes read
	hash    uint32 // of all of them
}

func newReader(p peer) *reader { return &reader{peer: p, buf: make([]byte, 64<<10)} }

// next returns the next message that begins with prefix.
func (r *reader) next(prefix string) (string, error) {
	cfg := frame.Config{MaxMessage: 16 << 20, Client: true}
	for {
		ev, rest, err := r.decoder.Next(r.rest, &cfg)
		if err != nil {
			return "", err
		}
		r.rest = rest
		switch ev.Kind {
		case frame.Message:
			if bytes.HasPrefix(ev.Payload, []byte(prefix)) {
				return string(ev.Payload), nil
			}
		case frame.Close:
			return "", fmt.Errorf("closed with %d %s", ev.Code, ev.Reason)
		case frame.None:
			n, err := r.read(r.buf)
			if err != nil {
				return "", fmt.Errorf("read: %w", err)
			}
			if n == 0 {
				return "", io.ErrUnexpectedEOF
			}
			r.rest = r.buf[:n]
			r.total += int64(n)
			r.hash = crc32.Update(r.hash, crc32.IEEETable, r.rest)
		}
	}
}

// reset ends the connection the rude way, which leaves no TIME_WAIT behind.
func (p peer) reset() {
	_ = unix.SetsockoptLinger(int(p), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	unix.Close(int(p))
}

// A crowd is the peers of one attack.
type crowd []peer

// gather has n peers connect, each from an address of its own, with connect. They are reset at the end of the test.
func gather(t *testing.T, n int, connect func(i int) (peer, error)) crowd {
	t.Helper()
	c := make(crowd, n)
	for i := range c {
		c[i] = -1
	}
	t.Cleanup(c.reset)
	err := spread(4, n, func(i int) (err error) {
		c[i], err = connect(i)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// members has n members join.
func members(t *testing.T, s *server, n int) crowd {
	t.Helper()
	return gather(t, n, func(i int) (peer, error) { return join(source(i), s.addr) })
}

// each calls f for every peer, some at a time.
func (c crowd) each(t *testing.T, f func(i int, p peer) error) {
	t.Helper()
	if err := spread(4, len(c), func(i int) error { return f(i, c[i]) }); err != nil {
		t.Error(err)
	}
}

// reset resets those that are still connected.
func (c crowd) reset() {
	for i, p := range c {
		if p >= 0 {
			p.reset()
			c[i] = -1
		}
	}
}

var mask = [4]byte{0x1f, 0x2e, 0x3d, 0x4c}

// masked is a whole frame as a client sends it.
func masked(op ws.OpCode, payload string) []byte {
	return frame.AppendMasked(nil, op, mask, []byte(payload))
}

// fragment is a frame that is a part of a message.
func fragment(op ws.OpCode, final bool, payload string) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, final, []byte(payload))))
}

// announce is the header of a frame of that length, without its payload.
func announce(length uint64) []byte {
	b := []byte{0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}
	for i := range 8 {
		b[2+i] = byte(length >> (56 - 8*i))
	}
	return b
}

func text(size int) string { return strings.Repeat("x", size) }
