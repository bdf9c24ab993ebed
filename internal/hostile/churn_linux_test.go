package hostile

import (
	"fmt"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// TestChurn: connections come and go in all states they can be in, politely and not, and leave nothing behind.
func TestChurn(t *testing.T) {
	const count = 100_000
	s := serve(t)
	b := joinBystanders(t, s)
	m := s.measure(t)
	stop := b.talk(t)
	began := time.Now()
	ask := func(p peer) error { return p.write([]byte(request)) }
	entered := func(last ...[]byte) func(p peer) error {
		return func(p peer) error {
			err := ask(p)
			if err == nil {
				err = p.opened()
			}
			for _, b := range last {
				if err == nil {
					err = p.write(b)
				}
			}
			return err
		}
	}
	// The node's own words, which come back; nobody waits for them.
	echo := masked(ws.OpBinary, text(8<<10))
	states := []struct {
		name string
		run  func(p peer) error
	}{
		{"before any byte", func(peer) error { return nil }},
		{"in the request", func(p peer) error { return p.write([]byte(request[:40])) }},
		{"before the answer", ask},
		{"after a refusal", func(p peer) error { return p.write([]byte("GET / HTTP/1.1\r\n\r\n")) }},
		{"after the answer", entered()},
		{"in a header", entered(announce(1 << 16)[:5])},
		{"in a payload", entered(masked(ws.OpText, text(1000))[:500])},
		{"in a message", entered(fragment(ws.OpText, false, "begun"))},
		{"after a close frame", entered(masked(ws.OpClose, "\x03\xe8"))},
		{"with pings under way", entered(masked(ws.OpPing, "ping"), masked(ws.OpPing, "ping"))},
	}
	err := spread(6, count, func(i int) error {
		p, err := dial(source(i), s.addr)
		if err != nil {
			return err
		}
		state := states[i%len(states)]
		run := state.run
		if i%1000 == 0 { // to everybody: some of these go a long way
			run = entered(echo, echo, echo)
		}
		if err := run(p); err != nil {
			return fmt.Errorf("%s: %w", state.name, err)
		}
		if i/len(states)%2 == 0 {
			p.reset()
			return nil
		}
		_ = unix.Shutdown(int(p), unix.SHUT_WR)
		return unix.Close(int(p))
	})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	stop()
	f := s.await(t, "all sockets have ended", func(f figures) bool {
		ended := f.sum("crier_leaves_total") + f.sum("crier_handshakes_refused_total")
		return f["crier_sockets_accepted_total"] == count+2 && ended == count
	})
	t.Logf("%d connections in %.1f s, %.0f/s; opened %v;%s%s", count, took.Seconds(), count/took.Seconds(), f["crier_connections_opened_total"],
		f.list("crier_leaves_total"), f.list("crier_handshakes_refused_total"))
	// They come one after the other: at no time are there many, and what they leave is garbage.
	m.end(t, 1_000*unopened+2*backlog)
	f = s.figures(t)
	for name, want := range map[string]float64{
		"crier_members_lagging": 0, "crier_lag_bytes": 0, "crier_publishers_paused": 0, "crier_rooms": 1,
	} {
		if f[name] != want {
			t.Errorf("%s is %v, want %v", name, f[name], want)
		}
	}
}
