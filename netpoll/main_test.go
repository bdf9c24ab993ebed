package netpoll

import (
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func init() { checks = true }

func TestMain(m *testing.M) {
	// The runtime makes its own epoll instance at the first socket: not to be counted as a leak.
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		l.Close()
	}
	goleak.VerifyTestMain(m)
}

// limit is generous: it is only ever reached by a test that fails.
const limit = 30 * time.Second

// within returns what comes out of ch.
func within[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case v := <-ch:
		return v
	case <-timer.C:
		t.Fatalf("no %s within %v", what, limit)
		panic("unreachable")
	}
}

// A probe is a connection whose Serve a test writes.
type probe struct {
	Conn
	serve func(w *Worker, ev Event) Event
}

func (p *probe) Serve(w *Worker, ev Event) Event { return p.serve(w, ev) }

// queueOnly returns a pool that has no workers: a test takes from it itself.
func queueOnly() *Pool {
	p := &Pool{ring: make([]Handler, minRing)}
	p.work.L = &p.mu
	return p
}
