package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"crier/netpoll"
)

// TestDescriptorNumbersComeAndGo: connections come and go as fast as they can, so that descriptor numbers have
// another owner all the time, while members that stay get every message.
func TestDescriptorNumbersComeAndGo(t *testing.T) {
	const storms, rounds, stable = 6, 250, 10
	n := start(t, Config{})
	var members [stable]*client
	for i := range members {
		members[i] = mustJoin(t, n)
	}
	var stop atomic.Bool
	var sent int
	storm := make(chan error, 1)
	go func() {
		defer stop.Store(true)
		storm <- all(storms, func(i int) error {
			for j := range rounds {
				c, err := connect(n, 0)
				if err != nil {
					return err
				}
				switch (i + j) % 6 {
				case 0:
					c.reset()
				case 1:
					_ = c.write([]byte("GET /chat"))
					c.reset()
				case 2:
					_ = c.write([]byte(upgradeRequest("h")))
					c.reset() // perhaps in the middle of the handshake
				case 3:
					_ = c.write([]byte("GET / HTTP/1.1\r\n\r\n"))
					_, _ = io.Copy(io.Discard, c)
					c.Close()
				default:
					_ = c.write([]byte(upgradeRequest("h")))
					if err := c.opened(); err != nil {
						return err
					}
					if _, err := c.next(); err != nil { // in full swing
						return err
					}
					if j%2 == 0 {
						c.reset()
					} else {
						c.Close()
					}
				}
			}
			return nil
		})
	}()
	published := make(chan struct{}, 16)
	err := all(stable+1, func(i int) error {
		if i == stable {
			for ; !stop.Load(); sent++ {
				if err := members[0].send(ws.OpText, payload(0, sent, 50)); err != nil {
					return err
				}
				published <- struct{}{} // room for some under way
			}
			close(published)
			return members[0].send(ws.OpText, "end")
		}
		for seq := make(sequence, 1); ; {
			m, err := members[i].next()
			if err == nil && m.payload == "end" {
				if seq[0] != sent {
					return fmt.Errorf("member %d got %d of %d", i, seq[0], sent)
				}
				return nil
			}
			if err == nil {
				err = seq.take(m)
			}
			if err != nil {
				return fmt.Errorf("member %d: %w", i, err)
			}
			if i == 0 {
				<-published
			}
		}
	})
	if err := errors.Join(err, within(t, storm, "end of the storm")); err != nil {
		t.Fatal(err)
	}
	for _, c := range members {
		c.Close()
	}
	eventually(t, "all have left", func() bool {
		s := n.Stats()
		return s.Connections == 0 && s.Hub.Rooms == 0 && n.conns.len() == 0
	})
	s := n.Stats()
	if left := sum(s.Leaves); left != s.Opened {
		t.Errorf("%d opened, %d left: %v", s.Opened, left, s.Leaves)
	}
	if ends := sum(s.Leaves) + sum(s.Denials); ends != s.Accepted {
		t.Errorf("%d sockets accepted, %d ended: %v %v", s.Accepted, ends, s.Leaves, s.Denials)
	}
	if s.Hub.Lagging != 0 || s.Hub.LagBytes != 0 || s.Hub.Waiting != 0 {
		t.Errorf("left behind: %+v", s.Hub)
	}
	t.Logf("%d accepted, %d opened, %d messages", s.Accepted, s.Opened, sent)
}

// A rawSocket costs the test's process a descriptor and no goroutine, nor anything in Go's own epoll.
type rawSocket int

func dialRaw(n *Node) (rawSocket, error) {
	s, err := newRaw()
	if err != nil {
		return s, err
	}
	if err := s.connect(n); err != nil {
		s.close()
		return s, err
	}
	return s, nil
}

func newRaw() (rawSocket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	until := unix.NsecToTimeval(int64(limit))
	return rawSocket(fd), errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &until),
		// No TIME_WAIT: thousands would leave no port to others.
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
}

func (s rawSocket) connect(n *Node) error {
	sa := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: tcpPort(n)}
	if err := unix.Connect(int(s), sa); err != nil {
		return err
	}
	_, err := unix.Write(int(s), []byte(upgradeRequest("h")))
	return err
}

// read reads as many bytes.
func (s rawSocket) read(size int) (string, error) {
	b := make([]byte, size)
	have := 0
	for have < size {
		k, err := unix.Read(int(s), b[have:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || k == 0 {
			return string(b[:have]), fmt.Errorf("the end after %q: %v", b[:have], err)
		}
		have += k
	}
	return string(b), nil
}

func (s rawSocket) close() { unix.Close(int(s)) }

// TestIdleConnectionsCostNoGoroutine: as many as there are descriptors for with both ends in this process.
func TestIdleConnectionsCostNoGoroutine(t *testing.T) {
	n := start(t, Config{})
	used, most, err := netpoll.Descriptors()
	if err != nil {
		t.Fatal(err)
	}
	count := min((most-used-reserve-turnedAway-100)/2, 9000)
	if count < 1000 {
		t.Skipf("SKIPPED: %d descriptors allow only %d connections; raise the limit with ulimit -n", most, count)
	}
	probe := mustJoin(t, n)
	if err := probe.send(ws.OpText, "hello"); err != nil {
		t.Fatal(err)
	}
	probe.wants(t, ws.OpText, "hello")
	hello := len(upgradeAnswer(t, n))
	before := runtime.NumGoroutine()

	sockets := make([]rawSocket, 0, count)
	defer func() {
		for _, s := range sockets {
			s.close()
		}
	}()
	for range count {
		s, err := dialRaw(n)
		if err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, s)
		if b, err := s.read(hello); err != nil {
			t.Fatalf("%q, %v", b, err)
		}
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines with %d idle connections, %d without", now, count, before)
	}
	if s := n.Stats(); s.Connections != int64(count)+1 {
		t.Errorf("%d open, want %d", s.Connections, count+1)
	}
	for _, text := range []string{"to all of you", "and once more"} {
		if err := probe.send(ws.OpText, text); err != nil {
			t.Fatal(err)
		}
		for i, s := range sockets {
			if b, err := s.read(2 + len(text)); err != nil || b[2:] != text {
				t.Fatalf("connection %d of %d got %q, %v", i, count, b, err)
			}
		}
		probe.wants(t, ws.OpText, text)
	}
	eventually(t, "all deliveries are counted", func() bool {
		return n.Stats().Hub.Delivered == int64(1+2*(count+1))
	})
	t.Logf("%d connections, %d goroutines", count, before)
	for _, s := range sockets {
		s.close()
	}
	sockets = nil
	eventually(t, "all have left", func() bool { return n.Stats().Connections == 1 && n.conns.len() == 1 })
}

// upgradeAnswer returns what the node answers to a handshake.
func upgradeAnswer(t *testing.T, n *Node) string {
	t.Helper()
	c := mustConnect(t, n)
	if err := c.write([]byte(upgradeRequest("h"))); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	for b := make([]byte, 1); len(answer) < 4 || string(answer[len(answer)-4:]) != "\r\n\r\n"; {
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
		answer = append(answer, b...)
	}
	before := n.Stats().Connections
	c.reset()
	eventually(t, "it has left", func() bool { return n.Stats().Connections == before-1 })
	return string(answer)
}

// TestManyAtOnce: a crowd that comes at the same moment is let in, by several accepts at a time.
func TestManyAtOnce(t *testing.T) {
	n := start(t, Config{})
	sockets := make([]rawSocket, 500)
	defer func() {
		for _, s := range sockets {
			s.close()
		}
	}()
	for i := range sockets {
		var err error
		if sockets[i], err = dialRaw(n); err != nil { // does not wait for the answer
			t.Fatal(err)
		}
	}
	eventually(t, "all are members", func() bool { return n.Stats().Connections == int64(len(sockets)) })
}

// TestShutdownInAStorm: to stop while connections come and go, in every state, is sound.
func TestShutdownInAStorm(t *testing.T) {
	for range 30 {
		if !t.Run("round", shutdownInAStorm) {
			return
		}
	}
}

func shutdownInAStorm(t *testing.T) {
	n := start(t, Config{})
	storm := make(chan error, 1)
	go func() {
		storm <- all(4, func(i int) error {
			for j := 0; ; j++ {
				c, err := connect(n, 0)
				if err != nil {
					return nil // the listener is closed
				}
				if (i+j)%3 > 0 {
					_ = c.write([]byte(upgradeRequest("h")))
				}
				if (i+j)%3 > 1 {
					_ = c.opened()
					_ = c.send(ws.OpText, "hello")
				}
				c.reset()
			}
		})
	}()
	eventually(t, "it is in full swing", func() bool { return n.Stats().Accepted > 50 })
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	if err := n.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	cancel()
	within(t, storm, "end of the storm")
	if s := n.Stats(); sum(s.Leaves) != s.Opened {
		t.Errorf("%d opened, left: %v", s.Opened, s.Leaves)
	}
}
