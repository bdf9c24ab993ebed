package netpoll

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"crier/internal/fault"
)

const (
	echoClients = 4
	echoSize    = 700 // bytes that each client sends
	echoBuffer  = 64  // that an echo reads at a time
	echoShare   = 3   // of them
	maxScript   = 512
)

// A script is a kernel that fails as its bytes say, one a call. Then it is sound.
type script struct {
	listener *Listener // immutable once it is started
	events   sync.WaitGroup
	stuck    atomic.Bool // accept has failed, and was not called again

	mu sync.Mutex

	// Guarded by mu.
	left   []byte
	echoes map[int]*echo // by descriptor
}

func (s *script) ask(call fault.Call, fd, n int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if call == fault.Accept {
		s.stuck.Store(false)
	}
	e := s.echoes[fd]
	if len(s.left) == 0 || call != fault.Accept && call != fault.Spare && e == nil {
		return n, nil // the listener's own registration, too: see TestStartFaults
	}
	b := s.left[0]
	s.left = s.left[1:]
	switch call {
	case fault.Accept:
		err := []error{nil, unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED, unix.EINTR, unix.EAGAIN}[b%8]
		if err == unix.EAGAIN {
			s.announce(s.listener)
		}
		return n, err
	case fault.Spare:
		return n, []error{nil, nil, unix.EMFILE, unix.ENFILE}[b%4]
	case fault.Register:
		return n, []error{nil, nil, nil, nil, nil, nil, unix.ENOSPC, unix.ENOMEM}[b%8]
	}
	switch b % 8 {
	case 1, 2, 3:
		if short := 1 + int(b>>3); short < n {
			n = short
			s.announce(e)
		}
	case 4:
		return n, unix.EINTR
	case 5, 6:
		s.announce(e)
		return n, unix.EAGAIN
	case 7:
		if b>>3 < 4 {
			e.reset = true
			return n, unix.ECONNRESET
		}
	}
	return n, nil
}

// announce tells h, as a kernel would, that there is something left: from elsewhere, and at any time.
func (s *script) announce(h Handler) { s.events.Go(func() { Kick(h) }) }

// A visit is what became of a client's connection.
type visit struct {
	echo    *echo
	refused bool // or not registered: there is no echo
}

// An echo sends back what it gets, to the end. It reads no more while something waits to be written.
type echo struct {
	Conn
	fail   func(format string, args ...any)
	closed chan struct{}

	// Owned by the worker that serves it.
	wait []byte // to be written
	owed Event  // not looked at while something waited
	data [echoBuffer]byte

	busy  atomic.Bool
	reset bool // guarded by script.mu
}

func (e *echo) Serve(w *Worker, ev Event) Event {
	if e.busy.Swap(true) {
		e.fail("served by two at once")
	}
	defer e.busy.Store(false)
	ev |= e.owed
	e.owed = 0
	for empty, turn := false, 0; ; turn++ {
		if len(e.wait) > 0 {
			n, err := Write(e.FD(), e.wait)
			if err != nil {
				return e.end()
			}
			if e.wait = e.wait[n:]; len(e.wait) > 0 {
				e.owed = ev
				return 0
			}
		}
		if empty {
			return 0
		}
		if turn == echoShare {
			return Readable | ev&(Hangup|Kicked)
		}
		n, err := Read(e.FD(), w.Buf[:echoBuffer])
		if err == ErrAgain {
			return 0
		}
		if err != nil {
			return e.end()
		}
		e.wait = e.data[:copy(e.data[:], w.Buf[:n])]
		empty = n < echoBuffer && ev&(Hangup|Kicked) == 0 // what comes now is a new edge
	}
}

func (e *echo) end() Event {
	if err := e.Close(); err != nil {
		e.fail("%v", err)
	}
	close(e.closed) // panics the second time
	return Readable | Kicked
}

// A hall is a listener, a poller and a pool, whose connections are echoes, over a kernel that fails by a script.
type hall struct {
	*script
	*Listener
	port   int
	guests int           // that have come
	news   chan struct{} // something has become of somebody, or accept has failed

	// Guarded by script.mu.
	visits map[string]visit // by the client's address
	last   visit
}

// openHall opens a hall until the end of the test, by when every descriptor must be given back.
func openHall(t *testing.T, faults []byte) *hall {
	keepsDescriptors(t)
	h := &hall{
		script: &script{left: faults[:min(len(faults), maxScript)], echoes: make(map[int]*echo)},
		news:   make(chan struct{}, 1), visits: make(map[string]visit),
	}
	setKernel(t, h.ask)
	workers := 2
	if len(faults) > 0 {
		workers += int(faults[0] % 3)
	}
	pool := NewPool(workers)
	p, err := NewPoller(pool, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	h.Listener, err = Listen("127.0.0.1:0", ListenConfig{
		OnAccept: func(fd int) { h.enter(t, p, fd) },
		OnRefuse: func(fd int) {
			h.decide(t, PeerAddr(fd), visit{refused: true})
			closeFDs(t, fd)
		},
		OnError: func(error) {
			h.stuck.Store(true)
			h.tell()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.listener = h.Listener
	h.port = h.Addr().(*net.TCPAddr).Port
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		pool.Close()
		h.events.Wait()
		for _, v := range h.visits {
			if v.refused {
				continue
			}
			if err := v.echo.Close(); err != nil { // of one that a test has failed on
				t.Error(err)
			}
		}
		if err := h.Shut(); err != nil {
			t.Error(err)
		}
	})
	if err := h.Start(p); err != nil {
		t.Fatal(err)
	}
	return h
}

// enter is who owns an accepted descriptor.
func (h *hall) enter(t *testing.T, p *Poller, fd int) {
	e := &echo{fail: t.Errorf, closed: make(chan struct{})}
	addr := PeerAddr(fd)
	h.mu.Lock()
	h.echoes[fd] = e // before its first read
	h.mu.Unlock()
	if err := p.Add(e, fd); err != nil {
		e.busy.Store(true) // so that whoever served it would be told of
		h.decide(t, addr, visit{refused: true})
		closeFDs(t, fd)
		return
	}
	h.decide(t, addr, visit{echo: e})
}

func (h *hall) decide(t *testing.T, addr string, v visit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, twice := h.visits[addr]; twice || addr == "" {
		t.Errorf("%q was accepted before", addr)
	}
	h.visits[addr], h.last = v, v
	h.tell()
}

func (h *hall) tell() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}

func (h *hall) visit(addr string) visit {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.visits[addr]
}

func (h *hall) knows(addr string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, known := h.visits[addr]
	return known
}

// A guest is a client, which sends its own bytes.
type guest struct {
	fd   int
	addr string
	says []byte
	rude bool // resets when it has heard all, which leaves no port to wait; the first closes its half when it has said all
}

func (h *hall) guest(t *testing.T) *guest {
	g := &guest{fd: dial(t, h.port), says: make([]byte, echoSize), rude: h.guests > 0}
	t.Cleanup(func() { g.close(t) })
	sa, err := unix.Getsockname(g.fd)
	if err != nil {
		t.Fatal(err)
	}
	g.addr = fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port)
	rng := rand.New(rand.NewPCG(uint64(h.guests), 0))
	for i := range g.says {
		g.says[i] = byte(rng.Uint32())
	}
	h.guests++
	return g
}

func (g *guest) close(t *testing.T) {
	if g.fd < 0 {
		return
	}
	if err := unix.SetsockoptLinger(g.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		t.Error(err)
	}
	closeFDs(t, g.fd)
	g.fd = -1
}

// meet has n clients come, say what they have to say, and hear it.
func (h *hall) meet(t *testing.T, n int) {
	var guests []*guest
	for range n {
		guests = append(guests, h.guest(t))
	}
	const first = echoSize / 3
	for _, g := range guests {
		_, _ = unix.Write(g.fd, g.says[:first]) // fails if it was refused
	}
	for _, g := range guests {
		_, _ = unix.Write(g.fd, g.says[first:])
		if !g.rude {
			_ = unix.Shutdown(g.fd, unix.SHUT_WR)
		}
	}
	for _, g := range guests {
		for !h.knows(g.addr) {
			within(t, h.news, "visit or error of accept")
			for begun := time.Now(); h.stuck.Load(); runtime.Gosched() {
				if h.Retry(); time.Since(begun) > limit {
					t.Fatal("the listener has had an error, and does not go on")
				}
			}
		}
	}
	for _, g := range guests {
		h.hear(t, g)
	}
}

// hear reads what a guest gets, and compares it with what has become of it.
func (h *hall) hear(t *testing.T, g *guest) {
	var heard []byte
	buf := make([]byte, 2*echoSize)
	for !g.rude || len(heard) < len(g.says) {
		n, err := unix.Read(g.fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil && err != unix.ECONNRESET {
			t.Fatalf("%s: read %v after %d bytes", g.addr, err, len(heard))
		}
		if n <= 0 {
			break
		}
		heard = append(heard, buf[:n]...)
	}
	g.close(t)
	if !bytes.HasPrefix(g.says, heard) {
		t.Errorf("%s heard something else than it said, or twice: %d bytes", g.addr, len(heard))
	}
	v := h.visit(g.addr)
	if v.refused {
		if len(heard) > 0 {
			t.Errorf("%s was refused, and heard %d bytes", g.addr, len(heard))
		}
		return
	}
	within(t, v.echo.closed, "end of an echo")
	h.mu.Lock()
	defer h.mu.Unlock()
	if !v.echo.reset && len(heard) < len(g.says) {
		t.Errorf("%s heard %d bytes of %d", g.addr, len(heard), len(g.says))
	}
}

// calm ends the faults: whoever comes from then on is let in and hears everything.
func (h *hall) calm(t *testing.T) {
	h.mu.Lock()
	h.left = nil
	h.mu.Unlock()
	h.meet(t, 1) // may still be refused, by a worker that was told of a fault before
	h.meet(t, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.visits) != echoClients+2 {
		t.Errorf("%d connections of %d clients", len(h.visits), echoClients+2)
	}
	if h.last.refused {
		t.Error("refused by a sound kernel")
	}
}

func playKernel(t *testing.T, faults []byte) {
	h := openHall(t, faults)
	h.meet(t, echoClients)
	h.calm(t)
}

func TestFaultyKernel(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		faults := make([]byte, rng.IntN(maxScript))
		for i := range faults {
			faults[i] = byte(rng.Uint32())
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playKernel(t, faults) })
		if t.Failed() {
			return
		}
	}
}

func FuzzFaultyKernel(f *testing.F) {
	f.Add([]byte{})
	f.Add(slices.Repeat([]byte{5}, 200))            // aborted, or not now
	f.Add(slices.Repeat([]byte{1, 2, 6, 4, 7}, 40)) // refused, starved, short
	f.Add(slices.Repeat([]byte{0, 1, 0, 0x11}, 100))
	f.Fuzz(playKernel)
}
