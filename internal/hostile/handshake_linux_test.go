package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// unopened is a bound on what the node keeps for a connection that is not at rest, in bytes: the connection
// (160), the closure easygo calls (24), its map entry and the slots in lists (60, twice while they grow), the
// decoder that holds what is not whole (about 240), and a request or message begun (the buffer of 512 it starts
// with). That is 1,056; the collector lets a quarter more lie about (GOGC 25), and as much is taken by
// size classes and by lists and maps that have just grown.
const unopened = 2 << 10

// TestSlowHandshakes: connections that send a byte of their request now and then are dropped at the deadline,
// and cost no more than what they have sent and a little state.
func TestSlowHandshakes(t *testing.T) {
	const count = 10_000
	s := serve(t, "--handshake-timeout", "3s")
	b := joinBystanders(t, s)
	m := s.measure(t)
	stop := b.talk(t)

	attack := gather(t, count, func(i int) (peer, error) {
		p, err := dial(source(i), s.addr)
		if err != nil {
			return p, err
		}
		return p, p.write([]byte("G"))
	})
	left, pace := count, time.NewTicker(200*time.Millisecond)
	defer pace.Stop()
	began := time.Now()
	most := 0.0
	for sent := 1; left > 0; sent++ {
		if time.Since(began) > limit {
			t.Fatalf("%d are still there; the node's figures:%v", left, s.figures(t))
		}
		for i, p := range attack {
			if p < 0 {
				continue
			}
			// A byte of a request whose last header never ends.
			next := byte('x')
			if end := len(request) - len("\r\n"); sent < end {
				next = request[sent]
			}
			if err := p.write([]byte{next}); err != nil {
				if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
					t.Fatal(err)
				}
				p.reset()
				attack[i] = -1
				left--
			}
		}
		most = max(most, s.figures(t)["process_open_fds"])
		if sent%5 == 1 {
			// Who comes now comes in.
			p, err := join(home, s.addr)
			if err != nil {
				t.Fatal(err)
			}
			p.reset()
		}
		<-pace.C
	}
	stop()
	f := s.await(t, "all are counted", func(f figures) bool { return f[denials("timeout")] == count })
	if f[denials("peer_gone")] != 0 || f.sum("crier_handshakes_refused_total") != count {
		t.Errorf("%v", f)
	}
	t.Logf("%d connections sent a byte every %v, at the height the node had %v descriptors", count, 200*time.Millisecond, most)
	m.end(t, count*unopened)
}

// TestHeadsWithoutEnd: a request head of which ever more lines come is refused at 8 KiB.
func TestHeadsWithoutEnd(t *testing.T) {
	const count = 200
	s := serve(t)
	b := joinBystanders(t, s)
	m := s.measure(t)
	waves := b.endure(t, func() {
		attack := gather(t, count, func(i int) (peer, error) { return dial(source(i), s.addr) })
		attack.each(t, func(_ int, p peer) error {
			if err := p.write([]byte("GET /chat HTTP/1.1\r\n")); err != nil {
				return err
			}
			for range 9 { // what comes behind the refusal is thrown away
				if err := p.write([]byte("X-Line: " + text(1000) + "\r\n")); err != nil {
					return err
				}
			}
			b, err := p.rest()
			if err == nil && !bytes.HasPrefix(b, []byte("HTTP/1.1 431 ")) {
				err = fmt.Errorf("answered %q", b)
			}
			return err
		})
		attack.reset()
	})
	s.await(t, "all are refused", func(f figures) bool { return f[denials("bad_request")] == float64(waves*count) })
	// A head is kept up to 8 KiB, in a buffer that append has doubled, beside the one that it was copied from.
	m.end(t, count*(unopened+(16+8)<<10))
}

// TestHalfFrames: members that have begun a message and never end it are closed with 1008 at the deadline. They hold
// no worker: there is one.
func TestHalfFrames(t *testing.T) {
	const count = 5_000
	s := serve(t, "--message-timeout", "2s", "--workers", "1")
	b := joinBystanders(t, s)
	m := s.measure(t)
	stop := b.talk(t)

	halves := [][]byte{
		masked(ws.OpText, text(1000))[:1],    // half of the two bytes that every header has
		announce(64 << 10)[:9],               // a header but for some bytes
		announce(64 << 10),                   // a whole header, and a lot announced
		masked(ws.OpText, text(1000))[:500],  // half a payload
		fragment(ws.OpText, false, text(10)), // half a message, at the end of a frame
		masked(ws.OpPing, text(100))[:50],    // half a control frame
	}
	attack := members(t, s, count)
	attack.each(t, func(i int, p peer) error { return p.write(halves[i%len(halves)]) })
	s.await(t, "all are closed", func(f figures) bool { return f[leaves("message_timeout")] == float64(count) })
	attack.each(t, func(_ int, p peer) error { return p.closedWith(ws.StatusPolicyViolation) })
	stop()
	attack.reset()
	m.end(t, count*unopened)
}
