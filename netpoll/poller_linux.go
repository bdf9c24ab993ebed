package netpoll

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"
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
// served before Add returns. On an error h is not registered and fd is still the caller's.
func (p *Poller) Add(h Handler, fd int) error {
	c := h.conn()
	c.poller, c.fd = p, int32(fd)
	c.state.Store(idle | fresh)
	err := p.epoll.Add(fd, interest, func(ev netpoll.EpollEvent) {
		if ev := translate(ev); ev != 0 {
			ready(h, ev)
		}
	})
	if err == nil {
		return nil
	}
	c.state.Store(closed)
	if !errors.Is(err, netpoll.ErrRegistered) {
		// easygo has kept the callback of a registration that failed. What Del says of it is no news.
		_ = p.epoll.Del(fd)
	}
	return fmt.Errorf("netpoll: register descriptor %d: %w", fd, err)
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

// closeEpollOnExec keeps the descriptors that easygo makes, and does not show, from child processes.
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
