package netpoll

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"
)

// add adds a probe, and closes it in the end.
func (r *rig) add(t testing.TB, fd int, serve func(w *Worker, ev Event) Event) *probe {
	t.Helper()
	h := &probe{serve: serve}
	if err := r.Add(h, fd); err != nil {
		t.Fatal(err)
	}
	r.later(h.Close)
	return h
}

func TestFirstWritableIsDropped(t *testing.T) {
	r := newRig(t)
	fd, peer := pair(t)
	r.later(func() error { return unix.Close(peer) })
	r.add(t, fd, func(_ *Worker, ev Event) Event { t.Errorf("served %#x", ev); return 0 })
	r.settle(t)
}

func TestEvents(t *testing.T) {
	type step struct {
		ev   Event
		data string
		err  error
	}
	// all reads until there is no more, or the end.
	all := func(fd int, w *Worker, ev Event, out chan<- step) Event {
		s := step{ev: ev}
		for s.err == nil {
			var n int
			n, s.err = Read(fd, w.Buf)
			s.data += string(w.Buf[:n])
		}
		out <- s
		return 0
	}
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, peer int) (closed bool)
		has  Event
		not  Event
		data string
		err  error
	}{
		{"bytes", func(t *testing.T, peer int) bool { send(t, peer, "hello"); return false },
			Readable, Hangup | Kicked, "hello", ErrAgain},
		{"half close", func(t *testing.T, peer int) bool { unix.Shutdown(peer, unix.SHUT_WR); return false },
			Readable | Hangup, Kicked, "", io.EOF},
		{"close", func(t *testing.T, peer int) bool { closeFDs(t, peer); return true },
			Readable | Hangup, Kicked, "", io.EOF},
		{"bytes and the end", func(t *testing.T, peer int) bool { send(t, peer, "bye"); closeFDs(t, peer); return true },
			Readable, Kicked, "bye", io.EOF},
		{"reset", func(t *testing.T, peer int) bool {
			if err := unix.SetsockoptLinger(peer, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
				t.Error(err)
			}
			closeFDs(t, peer)
			return true
		}, Readable | Hangup, Kicked, "", unix.ECONNRESET},
	} {
		for _, first := range []bool{false, true} { // what comes before Add is told by the registration
			t.Run(fmt.Sprintf("%s, before Add: %v", tc.name, first), func(t *testing.T) {
				r := newRig(t)
				fd, peer := tcpPair(t)
				gone := false
				if first {
					gone = tc.do(t, peer)
				}
				out := make(chan step, 16)
				r.add(t, fd, func(w *Worker, ev Event) Event { return all(fd, w, ev, out) })
				if !first {
					r.settle(t)
					gone = tc.do(t, peer)
				}
				s := within(t, out, "event")
				if s.data == tc.data && s.err == ErrAgain && tc.err == io.EOF {
					s = within(t, out, "end") // the two came one after the other
				} else if s.data != tc.data {
					t.Errorf("read %q, want %q", s.data, tc.data)
				}
				if s.err != tc.err || s.ev&tc.has != tc.has || s.ev&tc.not != 0 {
					t.Errorf("%v with events %#x, want %v with %#x", s.err, s.ev, tc.err, tc.has)
				}
				if !gone {
					r.later(func() error { return unix.Close(peer) })
				}
			})
		}
	}
}

// TestDataAndEnd has data and end in one event, and a Serve that has its share before it sees the end: what
// it asks for brings it back.
func TestDataAndEnd(t *testing.T) {
	r := newRig(t)
	fd, peer := tcpPair(t)
	send(t, peer, "ab")
	closeFDs(t, peer)
	for len(r.poll(t, fd, unix.POLLRDHUP)) == 0 {
	}
	var got []string
	done := make(chan struct{})
	r.add(t, fd, func(w *Worker, ev Event) Event {
		if ev&Hangup == 0 {
			t.Errorf("without Hangup: %#x", ev)
		}
		n, err := Read(fd, w.Buf[:1])
		got = append(got, fmt.Sprint(string(w.Buf[:n]), err))
		if err != nil {
			close(done)
			return 0
		}
		return ev
	})
	within(t, done, "end")
	if want := "a<nil> b<nil> EOF"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, " "), want)
	}
}

// poll waits for the events of one descriptor.
func (r *rig) poll(t testing.TB, fd int, ev int16) []unix.PollFd {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(fd), Events: ev}}
	n, err := unix.Poll(fds, int(limit.Milliseconds()))
	if n == 0 && err == nil {
		t.Fatalf("no event %#x", ev)
	}
	return fds[:max(n, 0)]
}

func TestWritableAfterFull(t *testing.T) {
	for _, kicked := range []bool{false, true} {
		t.Run(fmt.Sprintf("first served by a kick: %v", kicked), func(t *testing.T) {
			r := newRig(t)
			fd, peer := tcpPair(t)
			r.later(func() error { return unix.Close(peer) })
			full, room := make(chan int, 1), make(chan Event, 1)
			sent := -1
			block := make([]byte, 1<<20)
			serve := func(w *Worker, ev Event) Event {
				if sent < 0 {
					sent = 0
					for {
						n, err := Write(fd, block)
						if err != nil {
							t.Error(err)
						}
						if sent += n; n < len(block) {
							break
						}
					}
					if n, err := Write(fd, block); n != 0 || err != nil {
						t.Errorf("a full socket takes %d: %v", n, err)
					}
					full <- sent
				} else if ev&Writable != 0 {
					select {
					case room <- ev:
					default:
					}
				}
				return 0
			}
			h := &probe{serve: serve}
			if kicked {
				Kick(h) // waits for Add
			}
			if err := r.Add(h, fd); err != nil {
				t.Fatal(err)
			}
			r.later(h.Close)
			if !kicked {
				r.settle(t)
				send(t, peer, "x")
			}
			left := within(t, full, "full socket")
			r.settle(t)
			buf := make([]byte, 1<<20)
			for left > 0 {
				n, err := unix.Read(peer, buf)
				if err != nil {
					t.Fatal(err)
				}
				left -= n
			}
			within(t, room, "event Writable")
		})
	}
}

func TestFailedAdd(t *testing.T) {
	open := func(t *testing.T) int {
		fd, err := unix.Open(filepath.Join(t.TempDir(), "file"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	for _, tc := range []struct {
		name string
		fd   func(t *testing.T) int
		err  error
	}{
		{"a regular file", open, unix.EPERM},
		{"a closed descriptor", func(t *testing.T) int { fd := open(t); closeFDs(t, fd); return fd }, unix.EBADF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			fd := tc.fd(t)
			h := &probe{serve: func(*Worker, Event) Event { t.Error("served"); return 0 }}
			Kick(h)
			err := r.Add(h, fd)
			if !errors.Is(err, tc.err) || !strings.Contains(err.Error(), strconv.Itoa(fd)) {
				t.Errorf("error %v, want one that names %d and wraps %v", err, fd, tc.err)
			}
			if err := r.epoll.Del(fd); err != netpoll.ErrNotRegistered {
				t.Errorf("the callback is still there: %v", err)
			}
			Kick(h)
			ready(h, Readable) // a callback that was fetched before
			r.settle(t)
			// The same number, for a socket.
			ours, peer := pair(t)
			r.later(func() error { return unix.Close(peer) })
			if ours != fd {
				if err := unix.Dup3(ours, fd, unix.O_CLOEXEC); err != nil {
					t.Fatal(err)
				}
				closeFDs(t, ours)
			}
			got := make(chan Event, 1)
			r.add(t, fd, func(w *Worker, ev Event) Event {
				if n, _ := Read(fd, w.Buf); n > 0 {
					got <- ev
				}
				return 0
			})
			send(t, peer, "x")
			within(t, got, "event")
			if err := r.Add(h, peer); err == nil {
				t.Error("added a second time")
			}
		})
	}
}

func TestAddTwice(t *testing.T) {
	r := newRig(t)
	fd, peer := pair(t)
	r.later(func() error { return unix.Close(peer) })
	got := make(chan Event, 1)
	h := r.add(t, fd, func(w *Worker, ev Event) Event { got <- ev; return 0 })
	other := &probe{}
	if err := r.Add(other, fd); !errors.Is(err, netpoll.ErrRegistered) {
		t.Errorf("another on the same descriptor: %v", err)
	}
	if err := r.Add(h, fd); err == nil {
		t.Error("the same a second time")
	}
	send(t, peer, "x")
	within(t, got, "event for the one that was first")
}

func TestClosedStaysClosed(t *testing.T) {
	r := newRig(t)
	fd, peer := pair(t)
	r.later(func() error { return unix.Close(peer) })
	done := make(chan struct{})
	h := &probe{}
	h.serve = func(*Worker, Event) Event {
		h.serve = func(*Worker, Event) Event { t.Error("served after Close"); return 0 }
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		// The number's next owner is not to be closed by the second call.
		if got, err := unix.FcntlInt(uintptr(peer), unix.F_DUPFD_CLOEXEC, fd); got != fd || err != nil {
			t.Errorf("the number is not free: %d, %v", got, err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		closeFDs(t, fd)
		close(done)
		return Readable | Writable
	}
	if err := r.Add(h, fd); err != nil {
		t.Fatal(err)
	}
	send(t, peer, "x")
	within(t, done, "event")
	ready(h, Readable|Hangup) // epoll had fetched it before
	Kick(h)
	r.settle(t)
}

// A stale event for the number's next owner is one more look, and takes nothing from it.
func TestStaleEvent(t *testing.T) {
	for _, stale := range []Event{Readable | Hangup, Writable, Readable} {
		r := newRig(t)
		fd, peer := pair(t)
		got := make(chan string, 1)
		h := r.add(t, fd, func(w *Worker, ev Event) Event {
			if n, err := Read(fd, w.Buf); err != ErrAgain {
				got <- fmt.Sprint(string(w.Buf[:n]), err)
			}
			return 0
		})
		ready(h, stale)
		r.settle(t)
		select {
		case s := <-got:
			t.Errorf("%#x: read %q", stale, s)
		default:
		}
		send(t, peer, "x")
		if s := within(t, got, "event"); s != "x<nil>" {
			t.Errorf("read %q", s)
		}
		closeFDs(t, peer)
		if s := within(t, got, "end"); s != "EOF" {
			t.Errorf("read %q", s)
		}
	}
}

func TestPollerClose(t *testing.T) {
	keepsDescriptors(t)
	pool := NewPool(2)
	p, err := NewPoller(pool, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	var all []*probe
	served := make(chan struct{}, 64)
	for i := range 16 {
		fd, peer := pair(t)
		defer closeFDs(t, peer)
		h := &probe{serve: func(*Worker, Event) Event { served <- struct{}{}; return 0 }}
		if err := p.Add(h, fd); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			send(t, peer, "x")
			within(t, served, "event")
		}
		all = append(all, h)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Close(); !errors.Is(err, netpoll.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	fd, peer := pair(t)
	h := &probe{}
	if err := p.Add(h, fd); !errors.Is(err, netpoll.ErrClosed) {
		t.Errorf("Add after Close: %v", err)
	}
	closeFDs(t, fd, peer)
	Kick(all[1]) // the pool still works
	within(t, served, "kick")
	pool.Close()
	if n := len(served); n != 0 {
		t.Errorf("served %d times for nothing", n) // epoll is closed: easygo tells its callbacks, nobody else
	}
	for _, h := range all {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestEpollClosedOnExec(t *testing.T) {
	newRig(t)
	found := 0
	for name, link := range descriptors(t) {
		if link != "anon_inode:[eventpoll]" && link != "anon_inode:[eventfd]" {
			continue
		}
		found++
		fd, _ := strconv.Atoi(name)
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s %s is inherited by child processes (%v)", name, link, err)
		}
	}
	if found < 2 {
		t.Errorf("found %d descriptors of the poller", found)
	}
}

// TestChurn opens and closes many connections, so that their numbers change hands all the time, kicks those
// that are alive and those that are not, and looks that nobody gets another one's bytes, an event after its
// end, or none.
func TestChurn(t *testing.T) {
	keepsDescriptors(t)
	pool := NewPool(3)
	var pollers [2]*Poller
	for i := range pollers {
		p, err := NewPoller(pool, func(err error) { t.Error(err) })
		if err != nil {
			t.Fatal(err)
		}
		pollers[i] = p
	}
	const users, rounds = 6, 400
	var stop atomic.Bool
	var recent [users]atomic.Pointer[probe]
	var kicking, playing sync.WaitGroup
	for k := range 2 {
		kicking.Go(func() {
			for i := k; !stop.Load(); i++ {
				if h := recent[i%users].Load(); h != nil {
					Kick(h)
				}
			}
		})
	}
	for u := range users {
		playing.Go(func() {
			for round := range rounds {
				want := fmt.Sprintf("user %d round %d", u, round)
				fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
				if err != nil {
					t.Error(err)
					return
				}
				fd, peer := fds[0], fds[1]
				done := make(chan string, 1)
				var got []byte
				var busy, ended atomic.Bool
				h := &probe{}
				h.serve = func(w *Worker, ev Event) Event {
					if busy.Swap(true) || ended.Load() {
						t.Error("served by two at once, or after its end")
					}
					defer busy.Store(false)
					n, err := Read(fd, w.Buf[:8])
					got = append(got, w.Buf[:n]...)
					switch err {
					case nil:
						return Readable | ev&Hangup
					case ErrAgain:
						return 0
					}
					if err := h.Close(); err != nil {
						t.Error(err)
					}
					ended.Store(true)
					done <- string(got)
					return Readable
				}
				recent[u].Store(h)
				if err := pollers[(u+round)%2].Add(h, fd); err != nil {
					t.Error(err)
					return
				}
				_, _ = unix.Write(peer, []byte(want[:5]))
				_, _ = unix.Write(peer, []byte(want[5:]))
				_ = unix.Close(peer)
				if s := within(t, done, "end"); s != want {
					t.Errorf("got %q, want %q", s, want)
				}
			}
		})
	}
	playing.Wait()
	stop.Store(true)
	kicking.Wait()
	for _, p := range pollers {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	pool.Close()
}
