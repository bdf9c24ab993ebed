package netpoll

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listen makes a listener on a free port of this host and shuts it in the end.
func (r *rig) listen(t testing.TB, cfg ListenConfig) (l *Listener, port int) {
	t.Helper()
	if cfg.OnRefuse == nil {
		cfg.OnRefuse = func(fd int) { t.Error("refused"); closeFDs(t, fd) }
	}
	if cfg.OnError == nil {
		cfg.OnError = func(err error) { t.Error(err) }
	}
	l, err := Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.later(l.Shut)
	return l, l.Addr().(*net.TCPAddr).Port
}

func refused(t testing.TB, port int) bool {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}) == unix.ECONNREFUSED
}

func TestAcceptsBacklog(t *testing.T) {
	const early, late = acceptShare + 10, 10 // more than one share waits at the start
	r := newRig(t)
	accepted := make(chan int, early+late)
	l, port := r.listen(t, ListenConfig{OnAccept: func(fd int) { accepted <- fd }})
	var peers []int
	for range early {
		peers = append(peers, dial(t, port))
	}
	if err := l.Start(r.Poller); err != nil {
		t.Fatal(err)
	}
	var fds []int
	for range early {
		fds = append(fds, within(t, accepted, "connection of those that waited"))
	}
	for range late {
		peers = append(peers, dial(t, port))
		fds = append(fds, within(t, accepted, "new connection"))
	}
	if used, _, err := Descriptors(); err != nil || used < len(fds)+len(peers) {
		t.Errorf("%d descriptors are counted (%v)", used, err)
	}
	closeFDs(t, fds...)
	closeFDs(t, peers...)
}

// TestAcceptTurns has more connections wait than one Serve may accept: another connection has its turn between.
func TestAcceptTurns(t *testing.T) {
	r := newRig(t)
	accepted := 0
	var fds, peers []int
	at, all := make(chan int, 1), make(chan struct{})
	const waiting = 4 * acceptShare
	fd, peer := pair(t)
	r.later(func() error { return unix.Close(peer) })
	other := r.add(t, fd, func(*Worker, Event) Event { at <- accepted; return 0 })
	l, port := r.listen(t, ListenConfig{OnAccept: func(fd int) {
		fds = append(fds, fd)
		switch accepted++; accepted {
		case 1:
			Kick(other)
		case waiting:
			close(all)
		}
	}})
	for range waiting {
		peers = append(peers, dial(t, port))
	}
	if err := l.Start(r.Poller); err != nil {
		t.Fatal(err)
	}
	if n := within(t, at, "turn"); n != acceptShare {
		t.Errorf("had its turn after %d were accepted, want %d", n, acceptShare)
	}
	within(t, all, "last connection")
	closeFDs(t, fds...)
	closeFDs(t, peers...)
}

func TestInherited(t *testing.T) {
	type options struct{ noDelay, keepAlive, idle, interval, count, userTimeout, sendBuffer, receiveBuffer int }
	const system = -1 // whatever it is without being asked for
	for _, tc := range []struct {
		name string
		cfg  ListenConfig
		want options
	}{
		{"defaults", ListenConfig{}, options{1, 1, 60, 15, 4, 60_000, 2 * 64 << 10, 2 * 64 << 10}},
		{"others", ListenConfig{SendBuffer: 32 << 10, ReceiveBuffer: 16 << 10, KeepAlive: 20 * time.Second, UserTimeout: 1500 * time.Millisecond},
			options{1, 1, 20, 5, 4, 1500, 2 * 32 << 10, 2 * 16 << 10}},
		{"shortest", ListenConfig{KeepAlive: time.Millisecond}, options{1, 1, 1, 1, 4, 60_000, 2 * 64 << 10, 2 * 64 << 10}},
		{"off", ListenConfig{SendBuffer: -1, ReceiveBuffer: -1, KeepAlive: -1, UserTimeout: -1}, options{1, 0, system, system, system, 0, system, system}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			accepted := make(chan int, 1)
			tc.cfg.OnAccept = func(fd int) { accepted <- fd }
			l, port := r.listen(t, tc.cfg)
			if err := l.Start(r.Poller); err != nil {
				t.Fatal(err)
			}
			peer := dial(t, port)
			fd := within(t, accepted, "connection")
			defer closeFDs(t, fd, peer)
			for _, o := range []struct {
				name       string
				level, opt int
				want       int
			}{
				{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, tc.want.noDelay},
				{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, tc.want.keepAlive},
				{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, tc.want.idle},
				{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, tc.want.interval},
				{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, tc.want.count},
				{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, tc.want.userTimeout},
				{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, tc.want.sendBuffer},
				{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, tc.want.receiveBuffer},
			} {
				if got, err := unix.GetsockoptInt(fd, o.level, o.opt); err != nil || got != o.want && o.want != system {
					t.Errorf("%s is %d, want %d (%v)", o.name, got, o.want, err)
				}
			}
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
				t.Errorf("a call on it may wait (%v)", err)
			}
			for what, fd := range map[string]int{"connection": fd, "listener": l.FD(), "spare": l.spare} {
				if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
					t.Errorf("%s: child processes inherit it (%v)", what, err)
				}
			}
			var sa unix.Sockaddr
			if sa, _ = unix.Getsockname(peer); sa == nil {
				t.Fatal("no name")
			}
			ap := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: sa.(*unix.SockaddrInet4).Port}
			if got := PeerAddr(fd); got != ap.String() {
				t.Errorf("peer %q, want %q", got, ap.String())
			}
		})
	}
}

func TestReusePort(t *testing.T) {
	keepsDescriptors(t)
	for _, shared := range []bool{true, false} {
		a, err := Listen("127.0.0.1:0", ListenConfig{ReusePort: shared})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Listen(a.Addr().String(), ListenConfig{ReusePort: shared})
		if shared {
			if err != nil {
				t.Errorf("the second on one port: %v", err)
			} else if err := b.Shut(); err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, unix.EADDRINUSE) || !strings.Contains(err.Error(), a.Addr().String()) {
			t.Errorf("error %v, want one that wraps %v and names %s", err, unix.EADDRINUSE, a.Addr())
		}
		if err := a.Shut(); err != nil {
			t.Error(err)
		}
	}
}

func TestListenErrors(t *testing.T) {
	keepsDescriptors(t)
	if l, err := Listen("127.0.0.1:99999", ListenConfig{}); err == nil {
		t.Errorf("listens on %v", l.Addr())
	}
	// An option that the kernel does not take.
	if l, err := Listen("127.0.0.1:0", ListenConfig{KeepAlive: 1 << 20 * time.Second}); !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "TCP_KEEPIDLE") {
		t.Errorf("%v, %v", l, err)
	}
}

func TestStop(t *testing.T) {
	for _, early := range []bool{false, true} {
		r := newRig(t)
		l, port := r.listen(t, ListenConfig{OnAccept: func(fd int) {
			if early {
				t.Error("accepted")
			}
			closeFDs(t, fd)
		}})
		if refused(t, port) { // and one waits from now on
			t.Fatal("does not listen before Start")
		}
		if early {
			l.Stop() // takes effect with Start
		}
		if err := l.Start(r.Poller); err != nil {
			t.Fatal(err)
		}
		r.settle(t)
		l.Stop()
		l.Stop()
		l.Retry()
		r.settle(t)
		if !refused(t, port) {
			t.Error("still listens")
		}
		r.do(t, func() { // on the worker: the second Stop may have it serve the listener once more
			if err := l.Shut(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestShutWithoutStart(t *testing.T) {
	keepsDescriptors(t)
	l, err := Listen("127.0.0.1:0", ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	sock, port := l.sock, l.Addr().(*net.TCPAddr).Port
	if err := l.Shut(); err != nil {
		t.Error(err)
	}
	if !refused(t, port) {
		t.Error("still listens")
	}
	// The number's next owner is not to be closed by the second call.
	fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, sock)
	if fd != sock || err != nil {
		t.Errorf("the number is not free: %d, %v", fd, err)
	}
	if err := l.Shut(); err != nil {
		t.Error(err)
	}
	closeFDs(t, fd)
}

func TestShutAfterFailedStart(t *testing.T) {
	keepsDescriptors(t)
	pool := NewPool(1)
	defer pool.Close()
	p, err := NewPoller(pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	l, err := Listen("127.0.0.1:0", ListenConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(p); err == nil {
		t.Error("started on a closed poller")
	}
	l.Stop()
	if err := l.Shut(); err != nil {
		t.Error(err)
	}
	if !refused(t, l.Addr().(*net.TCPAddr).Port) {
		t.Error("still listens")
	}
}

// An error that is there to stay does not keep a worker busy for ever.
func TestAcceptErrorStays(t *testing.T) {
	r := newRig(t)
	errs := 0
	l, _ := r.listen(t, ListenConfig{
		OnAccept: func(fd int) { t.Error("accepted"); closeFDs(t, fd) },
		OnError: func(err error) {
			if err != unix.EOPNOTSUPP {
				t.Error(err)
			}
			errs++
		},
	})
	if err := l.Start(r.Poller); err != nil {
		t.Fatal(err)
	}
	r.settle(t)
	// In place of the listening socket, one that cannot accept.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	keep, err := unix.FcntlInt(uintptr(l.FD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(with int) {
		if err := unix.Dup3(with, l.FD(), unix.O_CLOEXEC); err != nil {
			t.Error(err)
		}
		closeFDs(t, with)
	}
	replace(fd)
	for round := 1; round <= 2; round++ {
		if round == 1 {
			Kick(l)
		} else {
			l.Retry()
		}
		r.settle(t)
		r.settle(t)
		if errs == 0 || errs > round*acceptShare {
			t.Errorf("%d errors after %d calls", errs, round)
		}
	}
	replace(keep)
}

// TestOutOfDescriptors runs in a process of its own, since nothing else works there either.
func TestOutOfDescriptors(t *testing.T) {
	if os.Getenv("NETPOLL_TEST_ALONE") == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe, "-test.run=^TestOutOfDescriptors$", "-test.v", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), "NETPOLL_TEST_ALONE=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestOutOfDescriptors") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}

	r := newRig(t)
	var accepted, refused, failed int
	var steal func() // in place of the descriptor that is given back
	l, port := r.listen(t, ListenConfig{
		OnAccept: func(fd int) { accepted++; closeFDs(t, fd) },
		OnRefuse: func(fd int) {
			refused++
			_, _ = Write(fd, []byte("no"))
			closeFDs(t, fd)
			if steal != nil {
				steal()
			}
		},
		OnError: func(err error) {
			if err != unix.EMFILE {
				t.Error(err)
			}
			failed++
		},
	})
	if err := l.Start(r.Poller); err != nil {
		t.Fatal(err)
	}
	r.settle(t)

	// The peers' sockets are made before there are none.
	var peers []int
	for range 9 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		peers = append(peers, fd)
	}
	defer func() { closeFDs(t, peers...) }()
	connect := func(fds []int) {
		t.Helper()
		for _, fd := range fds {
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 { // also what is served again and again
			r.settle(t)
		}
	}
	expect := func(when string, a, no, f int) {
		t.Helper()
		if accepted != a || refused != no || failed != f {
			t.Errorf("%s: %d accepted, %d refused, %d errors; want %d, %d, %d", when, accepted, refused, failed, a, no, f)
		}
		r.do(t, func() { accepted, refused, failed = 0, 0, 0 })
	}
	connect(peers[:1])
	expect("while there are descriptors", 1, 0, 0)

	used, _, err := Descriptors()
	if err != nil {
		t.Fatal(err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(used + 16), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	if _, limit, err := Descriptors(); limit != used+16 || err != nil {
		t.Errorf("the limit is %d, %v", limit, err)
	}
	var hoard []int
	defer func() { closeFDs(t, hoard...) }()
	take := func() {
		for {
			fd, err := unix.Open("/dev/null", unix.O_CLOEXEC, 0)
			if err != nil {
				return
			}
			hoard = append(hoard, fd)
		}
	}
	take()
	connect(peers[1:4])
	expect("without any", 0, 3, 3)
	for _, fd := range peers[1:4] {
		var b [8]byte
		if n, err := unix.Read(fd, b[:]); string(b[:max(n, 0)]) != "no" || err != nil {
			t.Errorf("the refused read %q, %v", b[:max(n, 0)], err)
		}
	}

	r.do(t, func() { steal = take })
	connect(peers[4:5])
	expect("when the spare is lost", 0, 1, 2) // one that took it from the backlog, one that could not go on
	r.do(t, func() { steal = nil })
	connect(peers[5:7])
	if accepted != 0 || refused != 0 || failed > 2 {
		t.Errorf("without a spare: %d accepted, %d refused, %d errors", accepted, refused, failed)
	}
	r.do(t, func() { failed = 0 })
	l.Retry()
	r.settle(t)
	r.settle(t)
	expect("a retry in vain", 0, 0, 1)

	closeFDs(t, hoard...)
	hoard = nil
	r.settle(t)
	expect("before the next retry", 0, 0, 0)
	l.Retry()
	r.settle(t)
	expect("after it", 2, 0, 0)
	l.Retry()
	r.settle(t)
	connect(peers[7:8])
	expect("as before", 1, 0, 0)
	take()
	connect(peers[8:])
	expect("without any again", 0, 1, 1)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Error(err)
	}
}
