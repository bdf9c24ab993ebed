package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"crier/internal/frame"
	"crier/netpoll"
)

// A Fleet is a number of clients connected to one server. Its methods may be called from any goroutine,
// but only one of Send and Await at a time.
type Fleet struct {
	// Immutable after Dial.
	pool    *netpoll.Pool
	pollers []*netpoll.Poller
	clients []*client
	frames  frame.Config

	received atomic.Int64 // messages, over all clients
	target   atomic.Int64 // of received, that Await waits for
	reached  chan time.Time

	mu   sync.Mutex
	errs []error // guarded by mu; the first few
	lost atomic.Int64
}

// A client is one connection.
type client struct {
	netpoll.Conn

	fleet *Fleet // immutable

	// Owned by the worker that serves it.
	seen    sequence
	decoder *frame.Decoder // nil unless a message is not yet whole
}

// A Target is where a fleet connects to.
type Target struct {
	Addr string // host:port of an IP address
	Path string
	N    int // clients
	From []netip.Addr
}

// Dial connects the clients, over several source addresses if t.From names some. All of them are in when it
// returns. On an error those that were in are closed again.
func Dial(t Target) (f *Fleet, err error) {
	addr, err := netip.ParseAddrPort(t.Addr)
	if err != nil {
		return nil, fmt.Errorf("bench: server address: %w", err)
	}
	f = &Fleet{pool: netpoll.NewPool(2), frames: frame.Config{MaxMessage: 16 << 20, Client: true}, reached: make(chan time.Time, 1)}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	for range 2 {
		p, err := netpoll.NewPoller(f.pool, nil)
		if err != nil {
			return nil, err
		}
		f.pollers = append(f.pollers, p)
	}
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", t.Path, t.Addr)
	const dialers = 4
	f.clients = make([]*client, t.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range dialers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(t.N); i = next.Add(1) - 1 {
				var from netip.Addr
				if len(t.From) > 0 {
					from = t.From[int(i)%len(t.From)]
				}
				c := &client{fleet: f}
				if err := c.dial(f.pollers[int(i)%len(f.pollers)], addr, from, request); err != nil {
					f.fail(fmt.Errorf("client %d: %w", i, err))
					next.Store(int64(t.N))
					return
				}
				f.clients[i] = c
			}
		})
	}
	wg.Wait()
	return f, f.Err()
}

func (c *client) dial(p *netpoll.Poller, addr netip.AddrPort, from netip.Addr, request []byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	rest, err := c.shake(fd, addr, from, request)
	if err == nil {
		c.feed(rest)
		err = p.Add(c, fd)
	}
	if err != nil {
		return errors.Join(err, netpoll.CloseFD(fd))
	}
	netpoll.Kick(c)
	return nil
}

// shake connects and does the handshake, waiting for each step. It returns what came behind the answer.
func (c *client) shake(fd int, addr netip.AddrPort, from netip.Addr, request []byte) (rest []byte, err error) {
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 30}); err != nil {
		return nil, fmt.Errorf("set SO_RCVTIMEO: %w", err)
	}
	if from.IsValid() {
		// The port is chosen at connect, by the whole address pair: every source address has all its ports.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return nil, fmt.Errorf("set IP_BIND_ADDRESS_NO_PORT: %w", err)
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}); err != nil {
			return nil, fmt.Errorf("bind %s: %w", from, err)
		}
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		return nil, fmt.Errorf("connect %s: %w", addr, err)
	}
	if _, err := unix.Write(fd, request); err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	var b []byte
	for {
		buf := make([]byte, 1024)
		n, err := netpoll.Read(fd, buf)
		if err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		b = append(b, buf[:n]...)
		if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
			if !bytes.HasPrefix(b, []byte("HTTP/1.1 101 ")) {
				line, _, _ := bytes.Cut(b, []byte("\r\n"))
				return nil, fmt.Errorf("the server refused: %s", line)
			}
			return b[i+4:], unix.SetNonblock(fd, true)
		}
	}
}

// Serve implements netpoll.Handler.
func (c *client) Serve(w *netpoll.Worker, ev netpoll.Event) netpoll.Event {
	for {
		n, err := netpoll.Read(c.FD(), w.Buf)
		if err == netpoll.ErrAgain {
			return 0
		}
		if err == nil {
			err = c.feed(w.Buf[:n])
		}
		if err != nil {
			if err == io.EOF {
				err = errors.New("the server ended the connection without a close frame")
			}
			c.fleet.fail(err)
			c.fleet.lost.Add(1)
			if err := c.Close(); err != nil {
				c.fleet.fail(err)
			}
			return 0
		}
		if n < len(w.Buf) && ev&netpoll.Hangup == 0 {
			return 0
		}
	}
}

func (c *client) feed(b []byte) error {
	d := c.decoder
	if d == nil {
		d = decoders.Get().(*frame.Decoder)
	}
	for {
		ev, rest, err := d.Next(b, &c.fleet.frames)
		if err != nil {
			return err
		}
		b = rest
		switch ev.Kind {
		case frame.Message:
			seq, err := parseMessage(ev.Payload)
			if err == nil {
				err = c.seen.see(seq)
			}
			if err != nil {
				c.fleet.fail(err)
			}
			if c.fleet.received.Add(1) == c.fleet.target.Load() {
				c.fleet.reached <- time.Now()
			}
		case frame.Ping:
			if _, err := netpoll.Write(c.FD(), frame.AppendMasked(nil, ws.OpPong, [4]byte{1, 2, 3, 4}, ev.Payload)); err != nil {
				return err
			}
		case frame.Close:
			return fmt.Errorf("the server closed with %d %s", ev.Code, ev.Reason)
		case frame.None:
			c.decoder = d
			if d.Idle() {
				c.decoder = nil
				decoders.Put(d)
			}
			return nil
		}
	}
}

var decoders = sync.Pool{New: func() any { return new(frame.Decoder) }}

// Expect tells how many more messages Await waits for, over all clients. Call it before Send.
func (f *Fleet) Expect(n int64) { f.target.Store(f.received.Load() + n) }

// Send has the first client send messages first to first+n-1, of size bytes each, back to back.
func (f *Fleet) Send(first uint64, n, size int) error {
	var b []byte
	for i := range uint64(n) {
		b = frame.AppendMasked(b, ws.OpBinary, [4]byte{1, 2, 3, 4}, appendMessage(nil, first+i, size))
	}
	for len(b) > 0 {
		k, err := netpoll.Write(f.clients[0].FD(), b)
		if err != nil {
			return fmt.Errorf("bench: send: %w", err)
		}
		b = b[k:]
		if len(b) > 0 {
			if err := waitWritable(f.clients[0].FD()); err != nil {
				return err
			}
		}
	}
	return nil
}

func waitWritable(fd int) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(fds, 30_000)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("bench: poll: %w", err)
		case n == 0:
			return errors.New("bench: the server has not read for 30 s")
		default:
			return nil
		}
	}
}

// Await waits for what Expect announced. It returns when the last of it came, or an error that says how much
// is missing.
func (f *Fleet) Await(limit time.Duration) (time.Time, error) {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	select {
	case at := <-f.reached:
		return at, f.Err()
	case <-timeout.C:
		return time.Time{}, errors.Join(fmt.Errorf("bench: %d messages have not come within %v",
			f.target.Load()-f.received.Load(), limit), f.Err())
	}
}

// fail keeps the first few errors; the others would say the same.
func (f *Fleet) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.errs) < 10 {
		f.errs = append(f.errs, err)
	}
}

// Err returns what went wrong so far: refused or ended connections, and messages lost, doubled or out of order.
func (f *Fleet) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}

// Lost returns how many connections the server has ended.
func (f *Fleet) Lost() int { return int(f.lost.Load()) }

// Close cuts all clients off.
func (f *Fleet) Close() error {
	var errs []error
	for _, p := range f.pollers {
		errs = append(errs, p.Close())
	}
	f.pool.Close()
	for _, c := range f.clients {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
