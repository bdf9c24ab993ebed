package netpoll

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mailru/easygo/netpoll"
	"golang.org/x/sys/unix"

	"crier/internal/fault"
)

// setKernel has calls go through kernel until the end of the test. What asks it starts later and ends before.
func setKernel(t testing.TB, kernel func(call fault.Call, fd, n int) (int, error)) {
	t.Helper()
	fault.Kernel = kernel
	t.Cleanup(func() { fault.Kernel = nil })
}

// An answer is what a kernel says to one call: an error, or how many bytes it may be about; 0 is all.
type answer struct {
	n   int
	err error
}

// A kernel answers calls of one kind in turn. When its answers are used up it is sound, and so it is to other calls.
type kernel struct {
	call    fault.Call
	answers []answer
	asked   int
}

func (k *kernel) ask(call fault.Call, _, n int) (int, error) {
	if call != k.call {
		return n, nil
	}
	k.asked++
	if len(k.answers) == 0 {
		return n, nil
	}
	a := k.answers[0]
	k.answers = k.answers[1:]
	if a.n > 0 && a.n < n {
		n = a.n
	}
	return n, a.err
}

// failures are answers without bytes.
func failures(errs ...error) (all []answer) {
	for _, err := range errs {
		all = append(all, answer{err: err})
	}
	return all
}

func TestReadFaults(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []answer
		data    string
		err     error
		asked   int
	}{
		{"sound", nil, "hello", nil, 1},
		{"interrupted", failures(unix.EINTR), "hello", nil, 2},
		{"interrupted again and again", failures(slices.Repeat([]error{unix.EINTR}, 100)...), "hello", nil, 101},
		{"short", []answer{{n: 2}}, "he", nil, 1},
		{"interrupted, then short", []answer{{err: unix.EINTR}, {n: 4}}, "hell", nil, 2},
		{"not now", failures(unix.EAGAIN), "", ErrAgain, 1},
		{"interrupted, then not now", failures(unix.EINTR, unix.EAGAIN), "", ErrAgain, 2},
		{"reset", failures(unix.ECONNRESET), "", unix.ECONNRESET, 1},
		{"interrupted, then reset", failures(unix.EINTR, unix.ECONNRESET), "", unix.ECONNRESET, 2},
		{"given up by the kernel", failures(unix.ETIMEDOUT), "", unix.ETIMEDOUT, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keepsDescriptors(t)
			fd, peer := pair(t)
			defer closeFDs(t, fd, peer)
			send(t, peer, "hello")
			k := &kernel{call: fault.Read, answers: tc.answers}
			setKernel(t, k.ask)
			buf := make([]byte, 8)
			n, err := Read(fd, buf)
			if string(buf[:n]) != tc.data || err != tc.err {
				t.Errorf("read %q, %v; want %q, %v", buf[:n], err, tc.data, tc.err)
			}
			if k.asked != tc.asked {
				t.Errorf("%d calls, want %d", k.asked, tc.asked)
			}
			// What was not read is still there, and nothing else.
			rest := strings.TrimPrefix("hello", tc.data)
			n, err = Read(fd, buf)
			if rest == "" {
				if n != 0 || err != ErrAgain {
					t.Errorf("behind it: %q, %v", buf[:n], err)
				}
			} else if string(buf[:n]) != rest || err != nil {
				t.Errorf("the rest: %q, %v; want %q", buf[:n], err, rest)
			}
		})
	}
}

func TestWriteFaults(t *testing.T) {
	for _, tc := range []struct {
		name    string
		answers []answer
		n       int
		err     error
		asked   int
	}{
		{"sound", nil, 5, nil, 1},
		{"interrupted", failures(unix.EINTR), 5, nil, 2},
		{"interrupted again and again", failures(slices.Repeat([]error{unix.EINTR}, 100)...), 5, nil, 101},
		{"short is full", []answer{{n: 2}}, 2, nil, 1},
		{"interrupted, then short", []answer{{err: unix.EINTR}, {n: 4}}, 4, nil, 2},
		{"full", failures(unix.EAGAIN), 0, nil, 1},
		{"interrupted, then full", failures(unix.EINTR, unix.EAGAIN), 0, nil, 2},
		{"reset", failures(unix.ECONNRESET), 0, unix.ECONNRESET, 1},
		{"interrupted, then reset", failures(unix.EINTR, unix.ECONNRESET), 0, unix.ECONNRESET, 2},
		{"nobody reads", failures(unix.EPIPE), 0, unix.EPIPE, 1},
		{"no memory", failures(unix.ENOBUFS), 0, unix.ENOBUFS, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			keepsDescriptors(t)
			fd, peer := pair(t)
			k := &kernel{call: fault.Write, answers: tc.answers}
			setKernel(t, k.ask)
			if n, err := Write(fd, []byte("hello")); n != tc.n || err != tc.err {
				t.Errorf("wrote %d, %v; want %d, %v", n, err, tc.n, tc.err)
			}
			if k.asked != tc.asked {
				t.Errorf("%d calls, want %d", k.asked, tc.asked)
			}
			closeFDs(t, fd)
			buf := make([]byte, 8)
			if n, err := unix.Read(peer, buf); string(buf[:max(n, 0)]) != "hello"[:tc.n] || err != nil {
				t.Errorf("the peer got %q, %v; want %q", buf[:max(n, 0)], err, "hello"[:tc.n])
			}
			closeFDs(t, peer)
		})
	}
}

// TestRegisterFaults: a descriptor that is not registered is still its owner's, in full working order.
func TestRegisterFaults(t *testing.T) {
	for _, cause := range []error{unix.ENOSPC, unix.ENOMEM} {
		t.Run(cause.Error(), func(t *testing.T) {
			k := &kernel{call: fault.Register}
			setKernel(t, k.ask)
			r := newRig(t)
			fd, peer := tcpPair(t)
			r.later(func() error { return unix.Close(peer) })
			send(t, peer, "early")
			h := &probe{serve: func(*Worker, Event) Event { t.Error("served"); return 0 }}
			Kick(h)
			k.answers = failures(cause)
			err := r.Add(h, fd)
			if !errors.Is(err, cause) || !strings.Contains(err.Error(), strconv.Itoa(fd)) {
				t.Errorf("error %v, want one that names %d and wraps %v", err, fd, cause)
			}
			if err := r.epoll.Del(fd); err != netpoll.ErrNotRegistered {
				t.Errorf("the callback is still there: %v", err)
			}
			Kick(h)
			if err := r.Add(h, fd); err == nil {
				t.Error("added a second time")
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			r.settle(t)
			buf := make([]byte, 8)
			if n, err := Read(fd, buf[:2]); string(buf[:n]) != "ea" || err != nil {
				t.Errorf("its owner reads %q, %v", buf[:n], err)
			}
			got := make(chan string, 1)
			r.add(t, fd, func(w *Worker, _ Event) Event {
				if n, _ := Read(fd, w.Buf); n > 0 {
					got <- string(w.Buf[:n])
				}
				return 0
			})
			if s := within(t, got, "event for another handler"); s != "rly" {
				t.Errorf("it reads %q", s)
			}
		})
	}
}

// TestStartFaults: a listener that could not be started is shut like one that never was.
func TestStartFaults(t *testing.T) {
	k := &kernel{call: fault.Register}
	setKernel(t, k.ask)
	r := newRig(t)
	l, port := r.listen(t, ListenConfig{OnAccept: func(fd int) { t.Error("accepted"); closeFDs(t, fd) }})
	peer := dial(t, port)
	defer closeFDs(t, peer)
	k.answers = failures(unix.ENOSPC)
	if err := l.Start(r.Poller); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("started: %v", err)
	}
	l.Retry()
	l.Stop()
	r.settle(t)
	if err := l.Shut(); err != nil {
		t.Error(err)
	}
	if !refused(t, port) {
		t.Error("still listens")
	}
}

func TestAcceptFaults(t *testing.T) {
	// Whoever waits is let in by what comes next.
	type next int
	const (
		nothing next = iota // it is in already, or was refused
		event               // epoll's
		retry
	)
	aborted := func(n int) []error { return slices.Repeat([]error{unix.ECONNABORTED}, n) }
	for _, tc := range []struct {
		name            string
		errs            []error // of accept, call by call
		refused, failed int
		next            next
	}{
		{"sound", nil, 0, 0, nothing},
		{"interrupted", []error{unix.EINTR}, 0, 0, nothing},
		{"interrupted for a whole share", slices.Repeat([]error{unix.EINTR}, acceptShare), 0, 0, nothing},
		{"not now", []error{unix.EAGAIN}, 0, 0, event},
		{"lost", aborted(1), 0, 1, nothing},
		{"an error of the network", []error{unix.ENETDOWN, unix.EHOSTUNREACH}, 0, 2, nothing},
		{"lost, all but one of a share", aborted(acceptShare - 1), 0, acceptShare - 1, nothing},
		{"lost, with an interruption", append(aborted(acceptShare-1), unix.EINTR, unix.ECONNABORTED), 0, acceptShare, nothing},
		{"lost, a whole share", aborted(acceptShare), 0, acceptShare, retry},
		{"no buffers", []error{unix.ENOBUFS}, 0, 1, retry},
		{"no memory", []error{unix.ENOMEM}, 0, 1, retry},
		{"no descriptors", []error{unix.EMFILE}, 1, 1, nothing},
		{"no descriptors in the system", []error{unix.ENFILE}, 1, 1, nothing},
		{"no descriptors, and nobody to refuse", []error{unix.EMFILE, unix.EAGAIN}, 0, 0, event},
		{"no descriptors, and lost", []error{unix.EMFILE, unix.ECONNABORTED}, 0, 1, retry},
		{"no descriptors, and interrupted", []error{unix.EMFILE, unix.EINTR}, 0, 1, retry},
		{"no descriptors, and no memory", []error{unix.EMFILE, unix.ENOMEM}, 0, 1, retry},
		{"no descriptors, and somebody takes the spare", []error{unix.EMFILE, unix.EMFILE}, 0, 1, retry},
		{"no descriptors in the system either", []error{unix.EMFILE, unix.ENFILE}, 0, 1, retry},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := &kernel{call: fault.Accept, answers: failures(tc.errs...)}
			setKernel(t, k.ask)
			r := newRig(t)
			var accepted, refused int
			var errs []error
			l, port := r.listen(t, ListenConfig{
				OnAccept: func(fd int) { accepted++; closeFDs(t, fd) },
				OnRefuse: func(fd int) { refused++; closeFDs(t, fd) },
				OnError:  func(err error) { errs = append(errs, err) },
			})
			peer := dial(t, port)
			defer closeFDs(t, peer)
			if err := l.Start(r.Poller); err != nil {
				t.Fatal(err)
			}
			for range 3 { // also what is served again and again
				r.settle(t)
			}
			in := 1 - tc.refused
			if tc.next != nothing {
				in = 0
			}
			if accepted != in || refused != tc.refused || len(errs) != tc.failed {
				t.Errorf("%d accepted, %d refused, errors %v; want %d, %d, %d", accepted, refused, errs, in, tc.refused, tc.failed)
			}
			if got, want := l.starved.Load(), tc.next == retry; got != want {
				t.Errorf("starved: %v, want %v", got, want)
			}
			if len(k.answers) > 0 {
				t.Errorf("%d answers are left", len(k.answers))
			}
			for _, err := range errs {
				if !slices.Contains(tc.errs, err) {
					t.Errorf("told of %v", err)
				}
			}
			asked := k.asked
			l.Retry()
			r.settle(t)
			if tc.next != retry && k.asked != asked {
				t.Errorf("a retry for nothing asked %d times", k.asked-asked)
			}
			if tc.next == event {
				ready(l, Readable)
				r.settle(t)
			}
			if accepted != 1-tc.refused {
				t.Errorf("%d accepted in the end", accepted)
			}
			if l.starved.Load() || l.spare < 0 {
				t.Errorf("in the end starved: %v, spare: %d", l.starved.Load(), l.spare)
			}
			// And the next one as ever.
			r.settle(t)
			other := dial(t, port)
			defer closeFDs(t, other)
			r.settle(t)
			if accepted != 2-tc.refused {
				t.Errorf("%d accepted with the next one", accepted)
			}
		})
	}
}

// TestSpareFaults takes a listener through the ways to be without a spare descriptor.
func TestSpareFaults(t *testing.T) {
	var spare error // what it fails with now
	k := &kernel{call: fault.Accept}
	setKernel(t, func(call fault.Call, fd, n int) (int, error) {
		if call == fault.Spare {
			return n, spare
		}
		return k.ask(call, fd, n)
	})
	r := newRig(t)
	var accepted, refused, failed int
	spare = unix.EMFILE
	l, port := r.listen(t, ListenConfig{
		OnAccept: func(fd int) { accepted++; closeFDs(t, fd) },
		OnRefuse: func(fd int) { refused++; closeFDs(t, fd) },
		OnError: func(err error) {
			if err != unix.ENFILE {
				t.Error(err)
			}
			failed++
		},
	})
	if l.spare != -1 {
		t.Errorf("has the spare descriptor %d", l.spare)
	}
	if err := l.Start(r.Poller); err != nil {
		t.Fatal(err)
	}
	r.settle(t)
	for _, step := range []struct {
		name                      string
		full                      bool // the next accept finds no descriptor
		spare                     error
		retry                     bool // else somebody connects
		accepted, refused, failed int
		starved, has              bool
	}{
		{"none is needed", false, unix.EMFILE, false, 1, 0, 0, false, false},
		{"none, and one is needed", true, unix.EMFILE, false, 0, 0, 1, true, false},
		{"a retry in vain", true, unix.ENFILE, true, 0, 0, 1, true, false},
		{"it comes back before what it stands for", true, nil, true, 0, 1, 1, false, true},
		{"as ever", false, nil, false, 1, 0, 0, false, true},
		{"used and not given back", true, unix.EMFILE, false, 0, 1, 1, false, false},
		{"none again", true, unix.EMFILE, false, 0, 0, 1, true, false},
		{"descriptors come back, a spare does not", false, unix.EMFILE, true, 1, 0, 0, false, false},
		{"all is well", false, nil, false, 1, 0, 0, false, true},
	} {
		r.do(t, func() {
			accepted, refused, failed = 0, 0, 0
			spare, k.answers, k.asked = step.spare, nil, 0
			if step.full {
				k.answers = failures(unix.ENFILE)
			}
		})
		if step.retry {
			l.Retry()
		} else {
			peer := dial(t, port)
			defer closeFDs(t, peer)
		}
		for range 3 {
			r.settle(t)
		}
		if accepted != step.accepted || refused != step.refused || failed != step.failed {
			t.Errorf("%s: %d accepted, %d refused, %d errors; want %d, %d, %d", step.name,
				accepted, refused, failed, step.accepted, step.refused, step.failed)
		}
		if l.starved.Load() != step.starved || l.spare >= 0 != step.has {
			t.Errorf("%s: starved: %v, spare: %d", step.name, l.starved.Load(), l.spare)
		}
		if k.asked > 3 {
			t.Errorf("%s: accept was called %d times", step.name, k.asked)
		}
	}
}
