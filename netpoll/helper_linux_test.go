package netpoll

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// descriptors returns what is open, by number.
func descriptors(t testing.TB) map[string]string {
	t.Helper()
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	open := make(map[string]string)
	for _, e := range entries {
		// The directory itself was open while it was read, and is not any more.
		if link, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			open[e.Name()] = link
		}
	}
	return open
}

// keepsDescriptors fails the test if, after its other cleanups, other descriptors are open than now.
func keepsDescriptors(t testing.TB) {
	t.Helper()
	before := descriptors(t)
	t.Cleanup(func() {
		after := descriptors(t)
		for fd, link := range after {
			if before[fd] != link {
				t.Errorf("descriptor %s is left open: %s", fd, link)
			}
		}
		for fd, link := range before {
			if after[fd] == "" {
				t.Errorf("descriptor %s was closed, and belonged to somebody else: %s", fd, link)
			}
		}
	})
}

// pair returns two connected sockets. Whoever gets them closes them.
func pair(t testing.TB) (ours, peer int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

// tcpPair is pair for TCP.
func tcpPair(t testing.TB) (ours, peer int) {
	t.Helper()
	l, port := tcpListener(t)
	defer unix.Close(l)
	peer = dial(t, port)
	ours, _, err := unix.Accept4(l, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	return ours, peer
}

func tcpListener(t testing.TB) (fd, port int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 8); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, sa.(*unix.SockaddrInet4).Port
}

// dial returns a blocking socket connected to a port of this host.
func dial(t testing.TB, port int) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	// So that a test which fails does not hang here.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(limit.Seconds())}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func closeFDs(t testing.TB, fds ...int) {
	t.Helper()
	for _, fd := range fds {
		if err := unix.Close(fd); err != nil {
			t.Errorf("close %d: %v", fd, err)
		}
	}
}

func send(t testing.TB, fd int, s string) {
	t.Helper()
	if n, err := Write(fd, []byte(s)); n != len(s) || err != nil {
		t.Fatalf("wrote %d: %v", n, err)
	}
}

// A rig is a poller with a pool of one worker, so that connections are served in the order of their events.
type rig struct {
	*Poller
	pool *Pool
	gate *probe
	peer int
	task chan func()
	open chan struct{}
	ends []func() error
}

// later calls close when no Serve runs any more.
func (r *rig) later(close func() error) { r.ends = append(r.ends, close) }

func newRig(t testing.TB) *rig {
	t.Helper()
	keepsDescriptors(t)
	r := &rig{pool: NewPool(1), task: make(chan func(), 1), open: make(chan struct{})}
	var err error
	if r.Poller, err = NewPoller(r.pool, func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	fd, peer := pair(t)
	r.peer = peer
	r.gate = &probe{}
	r.gate.serve = func(w *Worker, ev Event) Event {
		// One byte, and not the next: that one must come by an event of its own, behind those before it.
		switch n, err := Read(fd, w.Buf[:1]); {
		case n == 1:
			(<-r.task)()
			r.open <- struct{}{}
		case err != ErrAgain:
			t.Errorf("gate: %d, %v", n, err)
		}
		return 0
	}
	if err := r.Add(r.gate, fd); err != nil {
		t.Fatal(err)
	}
	r.later(r.gate.Close)
	r.later(func() error { return unix.Close(peer) })
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		r.pool.Close()
		for _, end := range r.ends {
			if err := end(); err != nil {
				t.Error(err)
			}
		}
	})
	return r
}

// settle returns when all events that epoll had before have been served: its ready list and the queue are
// both first in, first out.
func (r *rig) settle(t testing.TB) {
	t.Helper()
	r.do(t, func() {})
}

// do is settle, and then runs f on the worker.
func (r *rig) do(t testing.TB, f func()) {
	t.Helper()
	r.task <- f
	send(t, r.peer, "!")
	within(t, r.open, "gate")
}
