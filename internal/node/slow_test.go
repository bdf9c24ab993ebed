package node

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"crier/netpoll"
)

// smallBuffer is a receive buffer that is soon full, as a mobile's may be.
const smallBuffer = 4 << 10

// text makes messages that can be told from each other even at a length of one byte.
func text(i, size int) string {
	s := fmt.Sprintf("%d ", i)
	if size < len(s) {
		return strings.Repeat(string(rune('a'+i%26)), size)
	}
	return s + strings.Repeat(string(rune('a'+i%26)), size-len(s))
}

// TestNeverReads: a member that never reads is put out when it is too far behind. The others get all that
// there is, and it finds whole frames, and then why.
func TestNeverReads(t *testing.T) {
	for _, tc := range []struct {
		reason string
		cfg    Config
	}{
		{"slow_bytes", Config{MaxLag: 100 << 10, MaxLagAge: -1}},
		{"slow_age", Config{MaxLag: -1, MaxLagAge: 100 * time.Millisecond}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			cfg := tc.cfg
			cfg.SendBuffer = 16 << 10
			cfg.CloseTimeout = 10 * limit // it shall have the time to read
			n := start(t, cfg)
			slow := mustJoinSmall(t, n, smallBuffer)
			var others [5]*client
			for i := range others {
				others[i] = mustJoin(t, n)
			}
			count, behind := 0, 0
			look := time.NewTicker(time.Millisecond)
			defer look.Stop()
			for deadline := time.Now().Add(limit); n.Stats().Leaves[tc.reason] == 0; {
				if time.Now().After(deadline) {
					t.Fatalf("not put out after %d messages: %+v", count, n.Stats())
				}
				if n.Stats().Hub.Lagging > 0 {
					behind++
				}
				// What is too old need not be much.
				if tc.reason == "slow_bytes" || behind < 5 {
					if err := others[0].send(ws.OpBinary, text(count, 7000)); err != nil {
						t.Fatal(err)
					}
					for i, c := range others {
						if m, err := c.next(); err != nil || m.payload != text(count, 7000) {
							t.Fatalf("member %d got %v, %v for message %d", i, m, err, count)
						}
					}
					count++
					continue
				}
				<-look.C // at the gauge
			}
			if s := n.Stats(); sum(s.Leaves) != 1 || s.Connections != int64(len(others)) {
				t.Errorf("left %v, %d stay", s.Leaves, s.Connections)
			}
			eventually(t, "nobody lags", func() bool { s := n.Stats().Hub; return s.Lagging == 0 && s.LagBytes == 0 })

			// Whole frames, from the first on and without a hole, then the close frame, then the end.
			got := 0
			for {
				m, err := slow.next()
				var ce *closeError
				if errors.As(err, &ce) {
					if ce.code != 1013 {
						t.Errorf("%v, want 1013", ce)
					}
					break
				}
				if err != nil || m.payload != text(got, 7000) {
					t.Fatalf("message %d is %v, %v", got, m, err)
				}
				got++
			}
			if b, err := io.ReadAll(slow); err != nil || len(b) > 0 {
				t.Errorf("behind the close frame came %d bytes, %v", len(b), err)
			}
			if got == 0 || got >= count {
				t.Errorf("it got %d of %d, which is not what the kernel's buffers hold", got, count)
			}
			slow.Close()
			eventually(t, "its socket is gone", func() bool { return n.conns.len() == len(others) })
		})
	}
}

// TestNeverReadsNorCloses: who was put out and still does not read is cut off after CloseTimeout.
func TestNeverReadsNorCloses(t *testing.T) {
	n := start(t, Config{MaxLag: 50 << 10, SendBuffer: 16 << 10, CloseTimeout: 200 * time.Millisecond})
	slow := mustJoinSmall(t, n, smallBuffer)
	other := mustJoin(t, n)
	for n.Stats().Leaves["slow_bytes"] == 0 {
		if err := other.send(ws.OpBinary, text(0, 7000)); err != nil {
			t.Fatal(err)
		}
		other.wants(t, ws.OpBinary, text(0, 7000))
	}
	eventually(t, "its socket is gone", func() bool { return n.conns.len() == 1 })
	_, _ = io.Copy(io.Discard, slow) // ends, by the end of the stream or by a reset
	if s := n.Stats(); sum(s.Leaves) != 1 {
		t.Errorf("left %v", s.Leaves)
	}
}

// TestSlowButWithinBounds: who stops reading for a while and goes on gets everything once, whatever the
// sizes, however often it is stopped in the middle of a frame.
func TestSlowButWithinBounds(t *testing.T) {
	const count = 400
	n := start(t, Config{MaxLag: 64 << 20, SendBuffer: 8 << 10})
	slow := mustJoinSmall(t, n, smallBuffer)
	quick := mustJoin(t, n)
	random := rand.New(rand.NewPCG(1, 2))
	var sent []string
	for i := range count {
		size := []int{1, 2, 125, 126, 127, 4 << 10, 60 << 10, random.IntN(60 << 10)}[random.IntN(8)]
		sent = append(sent, text(i, size))
	}
	err := all(2, func(who int) error {
		if who == 0 {
			for _, s := range sent {
				if err := quick.send(ws.OpText, s); err != nil {
					return err
				}
			}
			return nil
		}
		for i, s := range sent {
			if m, err := quick.next(); err != nil || m.payload != s {
				return fmt.Errorf("the quick one: message %d is %v, %w", i, m, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// The quick one may have read its last message before the node has counted that it took it.
	eventually(t, "only the slow one lags", func() bool { return n.Stats().Hub.Lagging == 1 })
	if s := n.Stats().Hub; s.LagBytes < 1<<20 {
		t.Fatalf("%d bytes behind", s.LagBytes)
	}
	// It reads a bit, stops until the node is stuck again, and so on.
	for i, s := range sent {
		if m, err := slow.next(); err != nil || m.payload != s {
			t.Fatalf("message %d is %v, %v, want %v", i, m, err, message{ws.OpText, s})
		}
		if i%50 == 25 {
			// Between them, something of its own.
			if err := slow.send(ws.OpPing, "still here"); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "nobody lags", func() bool { s := n.Stats().Hub; return s.Lagging == 0 && s.LagBytes == 0 })
	if err := quick.send(ws.OpText, "end"); err != nil {
		t.Fatal(err)
	}
	slow.wants(t, ws.OpText, "end")
	quick.wants(t, ws.OpText, "end")
	if s := n.Stats(); sum(s.Leaves) != 0 || s.DroppedPongs != 0 {
		t.Errorf("left %v, %d pongs dropped", s.Leaves, s.DroppedPongs)
	}
	bytes := int64(0)
	for _, s := range append(sent, "end") {
		bytes += 2 * int64(len(masked(ws.OpText, s))-4)
	}
	eventually(t, "each delivery is counted once, with its bytes", func() bool {
		s := n.Stats().Hub
		return s.Delivered == 2*(count+1) && s.DeliveredBytes == bytes
	})
}

// TestSlowWhileOthersPublish: many who read with pauses, while messages go on coming.
func TestSlowWhileOthersPublish(t *testing.T) {
	const count, readers = 600, 12
	n := start(t, Config{MaxLag: 64 << 20, SendBuffer: 8 << 10})
	pub := mustJoin(t, n)
	var slow [readers]*client
	for i := range slow {
		slow[i] = mustJoinSmall(t, n, smallBuffer)
	}
	lagged := make(chan struct{})
	err := all(readers+2, func(who int) error {
		switch who {
		case readers:
			for i := range count {
				if err := pub.send(ws.OpBinary, text(i, 1+i*37%9000)); err != nil {
					return err
				}
			}
			return nil
		case readers + 1:
			for i := range count {
				if m, err := pub.next(); err != nil || m.payload != text(i, 1+i*37%9000) {
					return fmt.Errorf("the publisher: message %d is %v, %w", i, m, err)
				}
				if i == count/4 {
					ok := becomes(func() bool { return n.Stats().Hub.Lagging >= readers })
					close(lagged)
					if !ok {
						return errors.New("they do not lag")
					}
				}
			}
			return nil
		}
		<-lagged
		for i := range count {
			if m, err := slow[who].next(); err != nil || m.payload != text(i, 1+i*37%9000) {
				return fmt.Errorf("reader %d: message %d is %v, %w", who, i, m, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody lags", func() bool { s := n.Stats().Hub; return s.Lagging == 0 && s.LagBytes == 0 })
}

// TestPublisherThatDoesNotRead: it is not read any more once it is more than the backlog behind with its own echo, so
// that the log grows no further for it, while others publish on; when it reads, it goes on where it was.
func TestPublisherThatDoesNotRead(t *testing.T) {
	const backlog, size, count = 64 << 10, 4000, 400
	n := start(t, Config{Backlog: backlog, SendBuffer: 8 << 10, ReceiveBuffer: 8 << 10})
	deaf := mustJoinSmall(t, n, smallBuffer)
	other := mustJoin(t, n)
	heard := make(chan error, 1)
	next := 0 // message of deaf; owned by the reader until it has ended
	hear := func(until func(message) bool) {
		for {
			m, err := other.next()
			if err == nil && m.op == ws.OpText {
				if want := text(next, size); m.payload != want {
					err = fmt.Errorf("got %v, want message %d", m, next)
				}
				next++
			}
			if err != nil || until(m) {
				heard <- err
				return
			}
		}
	}
	var talks sync.WaitGroup
	talks.Go(func() {
		for i := range count {
			if deaf.send(ws.OpText, text(i, size)) != nil {
				return
			}
		}
	})
	eventually(t, "it is not read any more", func() bool {
		var conns [2]*conn
		n.conns.copyBelow(2, conns[:])
		return conns[0] != nil && conns[0].is(choked)
	})
	// What it publishes is bounded by what it is allowed to lag, one read, and what the kernel takes for it.
	const most = (backlog + netpoll.BufferSize + 64<<10) / size
	if got := n.Stats().Received; got > most {
		t.Errorf("%d messages of one that reads nothing, want at most %d", got, most)
	}
	go hear(func(m message) bool { return m.payload == "other" })
	if err := other.send(ws.OpBinary, "other"); err != nil {
		t.Fatal(err)
	}
	if err := within(t, heard, "message of another"); err != nil {
		t.Fatal(err)
	}
	go hear(func(message) bool { return next == count })
	for i := 0; i < count; {
		m, err := deaf.next()
		if err != nil || m.op == ws.OpText && m.payload != text(i, size) {
			t.Fatalf("it reads %v, %v; want message %d", m, err, i)
		}
		if m.op == ws.OpText {
			i++
		}
	}
	if err := within(t, heard, "last message"); err != nil {
		t.Fatal(err)
	}
	talks.Wait()
}

// TestPongsToWhoDoesNotRead: pings of a member that does not read cost the node only so much.
func TestPongsToWhoDoesNotRead(t *testing.T) {
	n := start(t, Config{SendBuffer: 8 << 10, ControlRate: -1})
	c := mustJoinSmall(t, n, smallBuffer)
	other := mustJoin(t, n)
	ping := masked(ws.OpPing, strings.Repeat("p", 125))
	for n.Stats().DroppedPongs == 0 {
		if err := c.write(ping); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.send(ws.OpText, "end"); err != nil {
		t.Fatal(err)
	}
	other.wants(t, ws.OpText, "end")
	c.wants(t, ws.OpText, "end") // past the pongs that were kept
}
