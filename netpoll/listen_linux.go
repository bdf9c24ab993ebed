package netpoll

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"crier/internal/fault"
)

// A Listener accepts connections. It is served by the pool like any other.
type Listener struct {
	Conn

	// Immutable.
	cfg  ListenConfig
	addr net.Addr

	starved atomic.Bool // accept failed for want of something: Retry
	stop    atomic.Bool

	// Owned by the worker that serves it, and before Start by whoever has made it.
	sock  int // the socket, as long as Start has not succeeded; -1 if that is closed
	spare int // a descriptor to give up when there are no others; -1 if there is none
}

// Listen binds a TCP address. Nothing is accepted before Start.
func Listen(addr string, cfg ListenConfig) (*Listener, error) {
	l := &Listener{cfg: cfg.withDefaults(), sock: -1}
	lc := net.ListenConfig{Control: func(_, _ string, rc syscall.RawConn) error {
		var err error
		if e := rc.Control(func(fd uintptr) { err = l.cfg.apply(int(fd)) }); e != nil {
			return e
		}
		return err
	}}
	lc.SetMultipathTCP(false) // broadcast peers have one path; its sockets cost more than plain ones
	nl, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer nl.Close()
	l.addr = nl.Addr()
	rc, err := nl.(*net.TCPListener).SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("netpoll: listen on %s: %w", addr, err)
	}
	if e := rc.Control(func(fd uintptr) { l.sock, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); e != nil || err != nil {
		return nil, fmt.Errorf("netpoll: take over the listening socket of %s: %w", addr, errors.Join(e, err))
	}
	if err := unix.SetNonblock(l.sock, true); err != nil {
		_ = unix.Close(l.sock)
		return nil, fmt.Errorf("netpoll: make the listening socket of %s non-blocking: %w", addr, err)
	}
	l.spare = openSpare()
	return l, nil
}

// apply sets the options on the listening socket: accepted ones inherit them, at no cost of their own.
func (c ListenConfig) apply(fd int) error {
	set := func(name string, level, opt, value int) error {
		if err := unix.SetsockoptInt(fd, level, opt, value); err != nil {
			return fmt.Errorf("set %s to %d: %w", name, value, err)
		}
		return nil
	}
	var errs []error
	if c.ReusePort {
		errs = append(errs, set("SO_REUSEPORT", unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	}
	// A message is one write: waiting for more to send would only delay it.
	errs = append(errs, set("TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
	if c.SendBuffer > 0 {
		errs = append(errs, set("SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, c.SendBuffer))
	}
	if c.ReceiveBuffer > 0 {
		errs = append(errs, set("SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, c.ReceiveBuffer))
	}
	if c.KeepAlive > 0 {
		secs := max(int(c.KeepAlive/time.Second), 1)
		errs = append(errs,
			set("SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1),
			set("TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, secs),
			set("TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, max(secs/4, 1)),
			set("TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4))
	}
	if c.UserTimeout > 0 {
		errs = append(errs, set("TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(c.UserTimeout/time.Millisecond)))
	}
	return errors.Join(errs...)
}

// Addr returns the address listened on.
func (l *Listener) Addr() net.Addr { return l.addr }

// Start accepts connections from now on, on the workers of p's pool: whoever waits already is told of by
// the registration. It may be called once.
func (l *Listener) Start(p *Poller) error { return p.Add(l, l.sock) }

// Retry goes on with accepting if it had to stop for want of descriptors or memory. Call it now and then.
func (l *Listener) Retry() {
	if l.starved.Load() {
		Kick(l)
	}
}

// Stop makes a worker close the listening socket soon: who has not been accepted by then is reset.
// It may be called from anywhere. Before Start it takes effect with that.
func (l *Listener) Stop() {
	l.stop.Store(true)
	Kick(l)
}

// acceptShare is how many connections one Serve accepts before others have their turn.
const acceptShare = 64

// Serve implements Handler.
func (l *Listener) Serve(_ *Worker, _ Event) Event {
	if l.stop.Load() {
		if err := l.Shut(); err != nil {
			l.cfg.OnError(err)
		}
		return 0
	}
	l.starved.Store(false)
	if l.spare < 0 {
		l.spare = openSpare()
	}
	failures := 0
	for range acceptShare {
		fd, err := l.accept()
		switch err {
		case nil:
			l.cfg.OnAccept(fd)
		case unix.EAGAIN:
			return 0
		case unix.EINTR:
		case unix.EMFILE, unix.ENFILE:
			switch e := l.refuse(); {
			case e == unix.EAGAIN:
				return 0 // there was nobody to refuse
			case e != nil:
				l.cfg.OnError(err)
				l.starved.Store(true)
				return 0
			}
			l.cfg.OnError(err)
		case unix.ENOBUFS, unix.ENOMEM:
			l.cfg.OnError(err)
			l.starved.Store(true)
			return 0
		case unix.EBADF, unix.EINVAL, unix.ENOTSOCK:
			l.cfg.OnError(err)
			return 0
		default:
			// The connection was lost before it was ours (ECONNABORTED, or a network error that accept(2)
			// hands on): the next one may be well.
			l.cfg.OnError(err)
			failures++
		}
	}
	if failures == acceptShare {
		// It is not the connections: something keeps the process from accepting.
		l.starved.Store(true)
		return 0
	}
	return Readable
}

// refuse gives up the spare descriptor to take one connection and tell it no. An error means that this
// did not work: EAGAIN that nobody waits, anything else that nothing can be done now.
func (l *Listener) refuse() error {
	if l.spare < 0 {
		return unix.EMFILE
	}
	_ = unix.Close(l.spare)
	fd, err := l.accept()
	if err == nil {
		l.cfg.OnRefuse(fd)
	}
	l.spare = openSpare()
	return err
}

// accept takes one connection. It is syscall's Accept4, since that of x/sys has a getsockopt follow each accept,
// to tell one kind of tunnel socket from others (seen with strace -c: 5,000 for 5,000 connections).
func (l *Listener) accept() (fd int, err error) {
	if fault.Kernel != nil {
		if _, err := fault.Kernel(fault.Accept, int(l.fd), 0); err != nil {
			return -1, err
		}
	}
	fd, _, err = syscall.Accept4(int(l.fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return fd, err
}

func openSpare() int {
	if fault.Kernel != nil {
		if _, err := fault.Kernel(fault.Spare, -1, 0); err != nil {
			return -1
		}
	}
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return fd
}

// Shut closes the listening socket. Only Serve's worker may call it, or whoever knows that the pool is
// closed or that Start was never called or has failed. A second call does nothing.
func (l *Listener) Shut() error {
	if l.spare >= 0 {
		_ = unix.Close(l.spare)
		l.spare = -1
	}
	if l.poller != nil {
		return l.Close()
	}
	if l.sock < 0 {
		return nil
	}
	sock := l.sock
	l.sock = -1
	if err := unix.Close(sock); err != nil {
		return fmt.Errorf("netpoll: close the listening socket: %w", err)
	}
	return nil
}
