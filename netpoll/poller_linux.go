package netpoll

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"crier/internal/fault"
)

// A Poller is one epoll instance and its loop. Its methods may be called from any goroutine.
type Poller struct {
	// Immutable.
	epoll *netpoll.Epoll
	pool  *Pool
}

// interest is registered once and never changed: edge-triggered, so that neither reading nor writing
// costs an epoll_ctl.
const interest = netpoll.EPOLLIN | netpoll.EPOLLOUT | netpoll.EPOLLRDHUP | netpoll.EPOLLET

// NewPoller starts an epoll loop that hands ready connections to pool. onError is told if the loop
// ends by an error, which a sound kernel does not give; it may be nil.
func NewPoller(pool *Pool, onError func(error)) (*Poller, error) {
	if onError == nil {
		onError = func(error) {}
	}
	// Like whatever makes a descriptor and marks it later, so that no child is started in between.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ep, err := netpoll.EpollCreate(&netpoll.EpollConfig{OnWaitError: func(err error) {
		onError(fmt.Errorf("epoll_wait: %w", err))
	}})
	if err != nil {
		return nil, fmt.Errorf("netpoll: create an epoll instance: %w", err)
	}
	closeEpollOnExec()
	return &Poller{epoll: ep, pool: pool}, nil
}

// Add gives the descriptor fd, which must be in non-blocking mode, to h and registers it. Events may be
// served before Add returns, but only if it succeeds. On an error h is not registered, nothing is ever
// served for it, and fd is still the caller's.
func (p *Poller) Add(h Handler, fd int) error {
	c := h.conn()
	if c.poller != nil || c.state.Load()&phaseMask != held {
		return fmt.Errorf("netpoll: register descriptor %d: its handler was added before", fd)
	}
	c.poller, c.fd = p, int32(fd)
	err := p.register(h, fd)
	if err == nil {
		if c.finish(0) {
			p.pool.push(h)
		}
		return nil
	}
	// Until here h was held, so that nobody has queued it: not a Kick, and not what easygo may have
	// called, since it keeps the callback of a registration that fails.
	c.state.Store(closed)
	c.poller = nil
	if !errors.Is(err, netpoll.ErrRegistered) {
		_ = p.epoll.Del(fd) // for the callback; what Del says of the descriptor is no news
	}
	return fmt.Errorf("netpoll: register descriptor %d: %w", fd, err)
}

func (p *Poller) register(h Handler, fd int) error {
	if fault.Kernel != nil {
		if _, err := fault.Kernel(fault.Register, fd, 0); err != nil {
			return err
		}
	}
	return p.epoll.Add(fd, interest, func(ev netpoll.EpollEvent) {
		if ev := translate(ev); ev != 0 {
			ready(h, ev)
		}
	})
}

// translate turns epoll's bits into events. What easygo sends to all when it is closed becomes 0.
func translate(e netpoll.EpollEvent) (ev Event) {
	if e&netpoll.EPOLLIN != 0 {
		ev |= Readable
	}
	if e&netpoll.EPOLLOUT != 0 {
		ev |= Writable
	}
	if e&(netpoll.EPOLLRDHUP|netpoll.EPOLLHUP|netpoll.EPOLLERR) != 0 {
		ev |= Readable | Hangup
	}
	return ev
}

// Close ends the loop and waits for it. Connections stay as they are, but get no more events.
func (p *Poller) Close() error {
	if err := p.epoll.Close(); err != nil {
		return fmt.Errorf("netpoll: close the epoll instance: %w", err)
	}
	return nil
}

// Close takes the connection out of epoll and closes its descriptor. Only Serve may call it, and whoever
// knows that Serve will not run again because the pool is closed. A second call does nothing.
func (c *Conn) Close() error {
	if c.state.Swap(closed)&phaseMask == closed {
		return nil
	}
	// The callback must go before the number does: its next owner registers under the same one.
	// A poller that was closed has none left.
	if err := c.poller.epoll.Del(int(c.fd)); err != nil && !errors.Is(err, netpoll.ErrClosed) {
		_ = unix.Close(int(c.fd))
		return fmt.Errorf("netpoll: unregister descriptor %d: %w", c.fd, err)
	}
	if err := unix.Close(int(c.fd)); err != nil {
		return fmt.Errorf("netpoll: close descriptor %d: %w", c.fd, err)
	}
	return nil
}

// closeEpollOnExec keeps the descriptors that easygo makes, and does not show, from child processes. A
// number that changes hands meanwhile is marked in vain: whatever Go opens has the mark already.
func closeEpollOnExec() {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // without /proc children inherit two idle descriptors for each poller
	}
	for _, e := range entries {
		switch link, _ := os.Readlink(dir + "/" + e.Name()); link {
		case "anon_inode:[eventpoll]", "anon_inode:[eventfd]":
			if fd, err := strconv.Atoi(e.Name()); err == nil {
				unix.CloseOnExec(fd)
			}
		}
	}
}
