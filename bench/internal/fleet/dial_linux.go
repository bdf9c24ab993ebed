package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"crier/netpoll"
)

// dialer dials what is vacant, one after the other, as many handshakes at once and as many a second as the configuration wants.
func (f *fleet) dialer() {
	limit := rate.Inf
	if f.cfg.ConnectRate > 0 {
		limit = rate.Limit(f.cfg.ConnectRate)
	}
	// A pause may be longer than it was to be; what was missed meanwhile is made up for.
	pace := rate.NewLimiter(limit, max(1, int(f.cfg.ConnectRate/100)))
	for {
		select {
		case <-f.closing:
			return
		case slot := <-f.vacant:
			if d := pace.Reserve().Delay(); d > 0 && !f.pause(d) {
				return
			}
			select {
			case <-f.closing:
				return
			case f.places <- struct{}{}:
			}
			f.dial(slot)
		}
	}
}

// pause waits for d. It reports false if the fleet is closed or halted meanwhile.
func (f *fleet) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-f.closing:
		return false
	case <-f.halting:
		return false
	case <-t.C:
		return true
	}
}

// dial begins a handshake. It holds a place, and gives that back if it fails.
func (f *fleet) dial(slot int32) {
	i := f.cfg.First + int(slot)
	c := &client{fleet: f, slot: slot, slow: chosen(i, f.cfg.Slow), began: f.clock.Now()}
	c.mobile = f.cfg.Mobile && slot > 0 && !c.slow && !chosen(i, f.cfg.Stay)
	f.mu.Lock()
	if f.hopeless && !f.refill.Load() {
		<-f.places
		f.mu.Unlock()
		return
	}
	f.slots[slot] = c
	f.asking[c] = c.began
	f.mu.Unlock()
	if err := f.connect(c, i); err != nil {
		c.phase = ended // nobody else has it
		f.leave(c, dialing, explain(err))
	}
}

// connect gives c a socket that connects, and adds it to a poller.
func (f *fleet) connect(c *client, i int) (err error) {
	family := unix.AF_INET
	if !f.cfg.Target.Addr.Addr().Is4() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, netpoll.CloseFD(fd))
		}
	}()
	// What a publisher sends is not to wait for more.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	if c.slow && f.cfg.Buffer > 0 {
		// Before connect(2), so that the window is never larger.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, f.cfg.Buffer); err != nil {
			return fmt.Errorf("set SO_RCVBUF: %w", err)
		}
	}
	if n := len(f.cfg.Sources); n > 0 {
		from := f.cfg.Sources[i%n]
		// The port is chosen at connect(2), by the whole address pair: every source address has all its ports.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return fmt.Errorf("set IP_BIND_ADDRESS_NO_PORT: %w", err)
		}
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
			return fmt.Errorf("bind to %s: %w", from, err)
		}
	}
	if err := unix.Connect(fd, sockaddr(f.cfg.Target.Addr)); err != nil && err != unix.EINPROGRESS {
		return err
	}
	if err := f.pollers[i%len(f.pollers)].Add(c, fd); err != nil {
		return err
	}
	netpoll.Kick(c) // it may be connected already
	return nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// vacateLocked has a slot dialed again; after a failure not at once.
func (f *fleet) vacateLocked(slot int32, failed bool) {
	if !failed {
		f.vacant <- slot // there is room: each slot is there at most once
		return
	}
	time.AfterFunc(50*time.Millisecond+rand.N(450*time.Millisecond), func() { f.vacant <- slot })
}

// expirer ends handshakes that take too long.
func (f *fleet) expirer() {
	ticker := time.NewTicker(min(max(f.cfg.ConnectTimeout/8, time.Millisecond), 250*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-f.closing:
			return
		case <-ticker.C:
		}
		now := f.clock.Now()
		f.mu.Lock()
		var late []*client
		for c, began := range f.asking {
			if now-began > int64(f.cfg.ConnectTimeout) {
				late = append(late, c)
			}
		}
		f.mu.Unlock()
		for _, c := range late {
			c.tell(toExpire)
		}
	}
}

// giveUpAfter is how many handshakes have to fail in a row before those that are not begun are given up; never fewer than are under way at
// once.
const giveUpAfter = 32

// openAll dials the clients up to the n-th, and returns when each of them is in or has failed, or nobody gets in any more. It returns how many
// were not even tried.
func (f *fleet) openAll(n int) (untried int) {
	for ; f.dialed < int32(n); f.dialed++ {
		f.vacant <- f.dialed
	}
	f.wait(0, func() bool {
		tried := f.joins + f.failures.sum()
		untried = n - tried
		f.hopeless = f.hopeless || f.failedInARow >= max(giveUpAfter, f.cfg.Connecting) || f.joins == 0 && f.failedInARow >= min(giveUpAfter, n)
		return tried >= n || f.hopeless && len(f.asking) == 0
	})
	return untried
}

// wait waits until cond, which is called with mu held, is true, for limit at most if that is not 0.
func (f *fleet) wait(limit time.Duration, cond func() bool) bool {
	holds := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return cond()
	}
	var over <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		over = t.C
	}
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-over:
			return holds()
		case <-f.closing:
			return false
		}
	}
	return true
}
