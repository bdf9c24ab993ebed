package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"crier/internal/fault"
	"crier/netpoll"
)

// A faulty is a kernel below a node that fails at random, in a manner of its own for each test.
type faulty struct {
	node   atomic.Pointer[Node] // nil while the node starts: the kernel is sound
	events sync.WaitGroup

	mu sync.Mutex

	// Guarded by mu.
	rng   *rand.Rand
	conns map[int]*conn // by descriptor
	fail  func(call fault.Call, c *conn, n int) (int, error)
	calls [fault.Spare + 1]int // that failed or came short
}

// startFaulty is start over a kernel whose calls fail's answers decide. c is the connection of a Read or a Write.
func startFaulty(t *testing.T, cfg Config, seed uint64, fail func(k *faulty, call fault.Call, c *conn, n int) (int, error)) (*Node, *faulty) {
	t.Helper()
	k := &faulty{rng: rand.New(rand.NewPCG(seed, 3)), conns: make(map[int]*conn)}
	k.fail = func(call fault.Call, c *conn, n int) (int, error) { return fail(k, call, c, n) }
	fault.Kernel = k.ask
	t.Cleanup(func() {
		k.events.Wait()
		fault.Kernel = nil
	})
	n := start(t, cfg)
	k.node.Store(n)
	return n, k
}

func (k *faulty) ask(call fault.Call, fd, n int) (int, error) {
	node := k.node.Load()
	if node == nil {
		return n, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if call == fault.Register {
		k.conns[fd] = node.registering(fd)
	}
	c := k.conns[fd]
	if c == nil && (call == fault.Read || call == fault.Write) {
		return n, nil // of nobody who is served
	}
	m, err := k.fail(call, c, n)
	if m < n || err != nil {
		k.calls[call]++
	}
	if c != nil && (m < n || err == unix.EAGAIN) {
		// What is left is announced from elsewhere, at any time.
		k.events.Go(func() { netpoll.Kick(c) })
	}
	return m, err
}

// registering returns the connection that is about to be registered. All that are in the list have their
// descriptors from the worker that calls.
func (n *Node) registering(fd int) *conn {
	n.conns.mu.Lock()
	defer n.conns.mu.Unlock()
	for _, c := range n.conns.conns {
		if c.FD() == fd && c.life() == handshaking {
			return c
		}
	}
	return nil
}

// failed returns how many calls of a kind have not done all they could.
func (k *faulty) failed(call fault.Call) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls[call]
}

// stutter lets reads and writes come short, be interrupted, or not be possible now.
func (k *faulty) stutter(n int) (int, error) {
	switch k.rng.IntN(8) {
	case 0:
		return n, unix.EINTR
	case 1:
		return n, unix.EAGAIN
	case 2, 3:
		return 1 + k.rng.IntN(min(n, 200)), nil
	case 4:
		return 1 + k.rng.IntN(n), nil
	}
	return n, nil
}

// TestOneOrderOverFaultyKernel: whatever reads and writes come to, everybody gets everything, once and in one order.
func TestOneOrderOverFaultyKernel(t *testing.T) {
	const members, each = 20, 60
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			n, k := startFaulty(t, Config{}, seed, func(k *faulty, call fault.Call, _ *conn, n int) (int, error) {
				if call == fault.Read || call == fault.Write {
					return k.stutter(n)
				}
				return n, nil
			})
			var clients [members]*client
			for i := range clients {
				clients[i] = mustJoin(t, n)
			}
			var got [members][]message
			err := all(2*members, func(i int) error {
				if i < members {
					for j := range each {
						op := []ws.OpCode{ws.OpText, ws.OpBinary}[j%2]
						if err := clients[i].send(op, payload(i, j, i*j)); err != nil {
							return err
						}
					}
					return nil
				}
				i -= members
				seq := make(sequence, members)
				for range members * each {
					m, err := clients[i].next()
					if err == nil {
						err = seq.take(m)
					}
					if err != nil {
						return fmt.Errorf("member %d: %w", i, err)
					}
					got[i] = append(got[i], m)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if !slices.Equal(got[i], got[0]) {
					t.Errorf("member %d saw another order than member 0", i)
				}
			}
			// Nothing else is on its way.
			if err := clients[0].send(ws.OpBinary, "end"); err != nil {
				t.Fatal(err)
			}
			for _, c := range clients {
				c.wants(t, ws.OpBinary, "end")
			}
			if s := n.Stats(); s.Received != members*each+1 || s.Opened != members || s.Connections != members {
				t.Errorf("received %d, opened %d, open %d", s.Received, s.Opened, s.Connections)
			}
			r, w := k.failed(fault.Read), k.failed(fault.Write)
			if r == 0 || w == 0 {
				t.Errorf("%d reads and %d writes failed", r, w)
			}
			t.Logf("%d reads and %d writes failed", r, w)
			// The end of a stream is heard over the faults too, and so is a close frame.
			for i, c := range clients {
				if i%2 == 0 {
					c.Close()
				} else if err := c.send(ws.OpClose, "\x03\xe8"); err != nil {
					t.Error(err)
				} else {
					c.wantsClose(t, ws.StatusNormalClosure)
				}
			}
			eventually(t, "all have left", func() bool { return n.Stats().Connections == 0 })
			if s := n.Stats(); s.Leaves["peer_gone"] != members/2 || s.Leaves["peer_closed"] != members/2 {
				t.Errorf("left by %v", s.Leaves)
			}
		})
	}
}

// TestResetsAtRandom: whoever the kernel cuts off leaves once, and the others do not notice.
func TestResetsAtRandom(t *testing.T) {
	const members, each, cuts = 20, 40, 8
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cut := make(map[*conn]string) // with the peer's address; guarded by faulty.mu
			calm := true                  // the same
			n, k := startFaulty(t, Config{}, seed, func(k *faulty, call fault.Call, c *conn, n int) (int, error) {
				switch {
				case call != fault.Read && call != fault.Write:
					return n, nil
				case cut[c] != "":
					return n, unix.EPIPE
				case !calm && len(cut) < cuts && c.life() == open && k.rng.IntN(100) == 0:
					cut[c] = netpoll.PeerAddr(c.FD())
					return n, unix.ECONNRESET
				}
				return k.stutter(n)
			})
			set := func(to bool) {
				k.mu.Lock()
				defer k.mu.Unlock()
				calm = to
			}
			var clients [members]*client
			for i := range clients {
				clients[i] = mustJoin(t, n)
			}
			set(false)
			var got [members][]message
			var ends [members]error // nil: heard all, to the end
			var back, ended sync.WaitGroup
			back.Add(members)
			for i, c := range clients {
				ended.Go(func() {
					for j := range each {
						if c.send(ws.OpText, payload(i, j, i*j)) != nil {
							return // the reader will know
						}
					}
				})
				ended.Go(func() {
					back := sync.OnceFunc(back.Done)
					defer back()
					seq := make(sequence, members)
					for {
						m, err := c.next()
						if err != nil || m.payload == "end" {
							ends[i] = err
							return
						}
						if err := seq.take(m); err != nil {
							t.Errorf("member %d: %v", i, err)
						}
						got[i] = append(got[i], m)
						if seq[i] == each {
							back()
						}
					}
				})
			}
			back.Wait()
			set(true)
			k.mu.Lock()
			gone := make(map[string]bool)
			for _, addr := range cut {
				gone[addr] = true
			}
			k.mu.Unlock()
			// By then what those who stay have sent was published, and of the others no more will be.
			eventually(t, "who was cut off has ended", func() bool { return n.conns.len() == members-len(gone) })
			if err := mustJoin(t, n).send(ws.OpText, "end"); err != nil {
				t.Fatal(err)
			}
			ended.Wait()
			stayed := -1
			for i, c := range clients {
				if cut := gone[c.LocalAddr().String()]; cut != (ends[i] != nil) {
					t.Errorf("member %d, cut off: %v, ended by %v", i, cut, ends[i])
				}
				if ends[i] == nil {
					stayed = i
				}
			}
			if len(gone) == 0 || stayed < 0 {
				t.Fatalf("%d of %d were cut off", len(gone), members)
			}
			want := got[stayed]
			for i := range clients {
				if ends[i] == nil && len(got[i]) != len(want) || len(got[i]) > len(want) || !slices.Equal(got[i], want[:len(got[i])]) {
					t.Errorf("member %d, ended by %v, saw another sequence than member %d: %d messages and %d",
						i, ends[i], stayed, len(got[i]), len(want))
				}
			}
			s := n.Stats()
			if left := int64(len(gone)); s.Leaves["reset"] != left || sum(s.Leaves) != left || s.Connections != members+1-left {
				t.Errorf("%d were cut off, %d are open, left by %v", left, s.Connections, s.Leaves)
			}
			if s.Hub.Published != int64(len(want))+1 {
				t.Errorf("%d messages were published, and %d seen", s.Hub.Published, len(want)+1)
			}
			t.Logf("%d cut off, %d messages", len(gone), len(want))
		})
	}
}

// TestAcceptFaults: a node that cannot accept for now lets all in in the end who keep asking.
func TestAcceptFaults(t *testing.T) {
	const clients, faults = 200, 150
	errs := []error{
		unix.EMFILE, unix.EMFILE, unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS, unix.EINTR, unix.EINTR,
		unix.ECONNABORTED, unix.ECONNABORTED, unix.ECONNABORTED, unix.ECONNABORTED,
	}
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			left, next := faults, 0 // guarded by faulty.mu
			n, k := startFaulty(t, Config{}, seed, func(k *faulty, call fault.Call, _ *conn, n int) (int, error) {
				if left == 0 || k.rng.IntN(3) == 0 {
					return n, nil
				}
				var err error
				switch call {
				case fault.Accept:
					if next == 0 {
						k.rng.Shuffle(len(errs), func(i, j int) { errs[i], errs[j] = errs[j], errs[i] })
					}
					err = errs[next]
					next = (next + 1) % len(errs)
				case fault.Spare:
					err = unix.EMFILE
				case fault.Register:
					err = unix.ENOSPC
				default:
					return n, nil
				}
				left--
				return n, err
			})
			var retries atomic.Int64
			var joined [clients]*client
			if err := all(clients, func(i int) error {
				for try := range 1000 {
					c, err := join(n, 0)
					if err == nil {
						joined[i] = c
						return nil
					}
					var timeout interface{ Timeout() bool }
					if errors.As(err, &timeout) && timeout.Timeout() {
						return fmt.Errorf("client %d, try %d: forgotten: %w", i, try, err)
					}
					retries.Add(1)
				}
				return fmt.Errorf("client %d is never let in", i)
			}); err != nil {
				t.Fatal(err)
			}
			for _, c := range joined {
				defer c.Close()
			}
			if err := joined[0].send(ws.OpText, "all here"); err != nil {
				t.Fatal(err)
			}
			for _, c := range joined {
				c.wants(t, ws.OpText, "all here")
			}
			s, unregistered := n.Stats(), int64(k.failed(fault.Register))
			if s.Opened != clients || s.Connections != clients || s.Accepted != clients+unregistered {
				t.Errorf("accepted %d, %d of them not registered; opened %d, open %d", s.Accepted, unregistered, s.Opened, s.Connections)
			}
			if no := s.Denials["no_descriptors"]; no < unregistered || sum(s.Denials) != no || retries.Load() != no {
				t.Errorf("%d retries, and denied were %v", retries.Load(), s.Denials)
			}
			for _, why := range []string{"descriptors", "memory", "aborted"} {
				if s.AcceptErrors[why] == 0 {
					t.Errorf("no accept error is counted for %s: %v", why, s.AcceptErrors)
				}
			}
			if s.AcceptErrors["other"] > 0 {
				t.Errorf("accept errors of another kind: %v", s.AcceptErrors)
			}
			t.Logf("%d retries, accept errors %v", retries.Load(), s.AcceptErrors)
		})
	}
}
