package node

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestMeter holds the four bytes to a bucket that is told plainly, over random times, those at which the clock
// wraps around included.
func TestMeter(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		every := uint32(1 + r.IntN(1000))
		size := int64(burst/time.Millisecond) / int64(every) * int64(every)
		now := int64(math.MaxUint32) - r.Int64N(5000)
		m := meter(now) // full
		level := int64(burst / time.Millisecond)
		for range 2000 {
			if r.IntN(3) == 0 {
				step := r.Int64N(2 * int64(every))
				if r.IntN(50) == 0 {
					step += 10_000
				}
				now += step
				level = min(level+step, int64(burst/time.Millisecond))
			}
			want := level >= int64(every)
			if want {
				level -= int64(every)
			}
			if got := m.take(uint32(now), every); got != want {
				t.Fatalf("seed %d, every %d, bucket of %d at %d: took %v, want %v", seed, every, size, now, got, want)
			}
		}
	}
}

// TestRatesLetTheirBurstPass: as many as the bucket holds are taken, at once; one more ends it with 1008.
func TestRatesLetTheirBurstPass(t *testing.T) {
	for _, tc := range []struct {
		name  string
		cfg   Config
		first []byte // before the others
		frame []byte // sent burst times
		burst int
		why   Reason
	}{
		{"pings", Config{ControlRate: 2}, nil, masked(ws.OpPing, "p"), 4, ControlRate},
		{"pongs", Config{ControlRate: 2}, nil, masked(ws.OpPong, "p"), 4, ControlRate},
		{"empty fragments", Config{ControlRate: 1000}, fragment(ws.OpText, false, "t"), fragment(ws.OpContinuation, false, ""), 2000, ControlRate},
		{"messages", Config{MessageRate: 2}, nil, masked(ws.OpText, "m"), 4, MessageRate},
		{"bytes", Config{ByteRate: 1}, nil, masked(ws.OpBinary, strings.Repeat("b", 64<<10-14)), 1, ByteRate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := start(t, tc.cfg)
			c := mustJoin(t, n)
			if err := c.write(append(tc.first, bytes.Repeat(tc.frame, tc.burst)...)); err != nil {
				t.Fatal(err)
			}
			if err := c.write(masked(ws.OpClose, "\x03\xe8")); err != nil {
				t.Fatal(err)
			}
			c.wantsClose(t, ws.StatusNormalClosure)

			c = mustJoin(t, n)
			if err := c.write(tc.first); err != nil {
				t.Fatal(err)
			}
			var flood sync.WaitGroup
			flood.Go(func() { // until it is thrown out: time gives tokens back meanwhile
				for c.write(tc.frame) == nil {
				}
			})
			c.wantsPolicyClose(t)
			flood.Wait()
			eventually(t, "it is counted as "+tc.why.String(), func() bool { return n.Stats().Leaves[tc.why.String()] == 1 })
		})
	}
}

// wantsPolicyClose reads up to a close frame with 1008. Whoever writes on and on may lose what is behind it.
func (c *client) wantsPolicyClose(t *testing.T) {
	t.Helper()
	for {
		_, err := c.next()
		if ce, ok := err.(*closeError); ok {
			if ce.code != ws.StatusPolicyViolation {
				t.Errorf("%v, want 1008", ce)
			}
			c.Close()
			return
		}
		if err != nil {
			t.Fatalf("ended by %v, want a close frame with 1008", err)
		}
	}
}

// TestSilentPeersHaveNoAllowance: what bounds the rates of those who send weighs nothing on those who do not.
func TestSilentPeersHaveNoAllowance(t *testing.T) {
	n := start(t, Config{MessageRate: 10, ByteRate: 1 << 20})
	silent := mustJoin(t, n)
	eventually(t, "it is there", func() bool { return n.Stats().Connections == 1 })
	speaker := mustJoin(t, n)
	if err := speaker.send(ws.OpText, "x"); err != nil {
		t.Fatal(err)
	}
	silent.wants(t, ws.OpText, "x")
	var conns [2]*conn
	n.conns.copyBelow(2, conns[:])
	if err := n.Close(); err != nil { // now no worker owns them any more
		t.Fatal(err)
	}
	if conns[0].limits != nil || conns[1].limits == nil {
		t.Errorf("the silent one has %v, the one that spoke %v", conns[0].limits, conns[1].limits)
	}
}
