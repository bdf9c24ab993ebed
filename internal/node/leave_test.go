package node

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"crier/netpoll"
)

// A notebook is a slog.Handler that keeps what it is told.
type notebook struct {
	level slog.Level

	mu      sync.Mutex
	records []slog.Record // guarded by mu
}

func (b *notebook) Enabled(_ context.Context, l slog.Level) bool { return l >= b.level }
func (b *notebook) WithAttrs([]slog.Attr) slog.Handler           { return b }
func (b *notebook) WithGroup(string) slog.Handler                { return b }
func (b *notebook) Handle(_ context.Context, r slog.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, r)
	return nil
}

func (b *notebook) all() []slog.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]slog.Record(nil), b.records...)
}

func attributes(r slog.Record) map[string]string {
	m := make(map[string]string)
	r.Attrs(func(a slog.Attr) bool {
		m[a.Key] = a.Value.String()
		return true
	})
	return m
}

// TestEveryReason: each way to leave is counted once, under its own name, and is one line at debug level
// with the peer's address; at info nothing is said.
func TestEveryReason(t *testing.T) {
	shutdown := func(t *testing.T, n *Node, _ *client) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := n.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}
	sends := func(b []byte) func(*testing.T, *Node, *client) {
		return func(t *testing.T, _ *Node, c *client) {
			if err := c.write(b); err != nil {
				t.Fatal(err)
			}
		}
	}
	floods := func(messages int) func(*testing.T, *Node, *client) {
		return func(t *testing.T, n *Node, _ *client) {
			other := mustJoin(t, n)
			for range messages {
				if err := other.send(ws.OpText, strings.Repeat("x", 50000)); err != nil {
					t.Fatal(err)
				}
				other.wants(t, ws.OpText, strings.Repeat("x", 50000))
			}
		}
	}
	scenes := map[Reason]struct {
		cfg Config
		act func(t *testing.T, n *Node, c *client)
	}{
		PeerClosed:     {Config{}, sends(masked(ws.OpClose, "\x03\xe8"))},
		PeerGone:       {Config{}, func(_ *testing.T, _ *Node, c *client) { c.Close() }},
		Reset:          {Config{}, func(_ *testing.T, _ *Node, c *client) { c.reset() }},
		ProtocolError:  {Config{}, sends([]byte("\x81\x02hi"))},
		BadUTF8:        {Config{}, sends(masked(ws.OpText, "\xff"))},
		TooBig:         {Config{MaxMessage: 1}, sends(masked(ws.OpText, "ab"))},
		PingTimeout:    {Config{PingAfter: soon, PongTimeout: soon}, func(*testing.T, *Node, *client) {}},
		MessageTimeout: {Config{MessageTimeout: soon}, sends(masked(ws.OpText, "ab")[:3])},
		SlowBytes:      {Config{MaxLag: 100 << 10, SendBuffer: 8 << 10}, floods(10)},
		SlowAge:        {Config{MaxLagAge: soon, SendBuffer: 8 << 10}, floods(5)},
		ControlRate:    {Config{ControlRate: 1}, sends(bytes.Repeat(masked(ws.OpPing, ""), 3))},
		MessageRate:    {Config{MessageRate: 1}, sends(bytes.Repeat(masked(ws.OpText, "a"), 3))},
		ByteRate:       {Config{ByteRate: 1, MaxMessage: 1}, sends(bytes.Repeat(masked(ws.OpText, "a"), netpoll.BufferSize/7+1))},
		Shutdown:       {Config{CloseTimeout: soon}, shutdown},
	}
	for why := range reasons {
		t.Run(why.String(), func(t *testing.T) {
			scene, ok := scenes[why]
			if !ok {
				t.Fatal("a reason without a test")
			}
			book := &notebook{level: slog.LevelDebug}
			scene.cfg.Log = slog.New(book)
			if scene.cfg.CloseTimeout == 0 {
				scene.cfg.CloseTimeout = soon
			}
			n := start(t, scene.cfg)
			c := mustJoinSmall(t, n, smallBuffer)
			addr := c.LocalAddr().String()
			scene.act(t, n, c)
			eventually(t, "it has left", func() bool { return n.Stats().Leaves[why.String()] == 1 })
			eventually(t, "it is logged", func() bool { return len(book.all()) > 0 })
			c.reset()
			// What comes later from it changes nothing any more.
			eventually(t, "its socket is gone", func() bool {
				s := n.Stats()
				return int64(n.conns.len()) == s.Connections
			})
			if s := n.Stats(); sum(s.Leaves) != 1 {
				t.Errorf("left: %v", s.Leaves)
			}
			records := book.all()
			if len(records) != 1 {
				t.Fatalf("%d lines, want 1: %v", len(records), records)
			}
			got := attributes(records[0])
			if r := records[0]; r.Level != slog.LevelDebug || got["addr"] != addr || got["reason"] != why.String() {
				t.Errorf("%v %q %v, want the address %s and the reason %v", r.Level, r.Message, got, addr, why)
			}
		})
	}
}

// TestEveryLeaveIsLoggedWithItsAddress also when the node finds out by writing.
func TestEveryLeaveIsLoggedWithItsAddress(t *testing.T) {
	const count = 300
	book := &notebook{level: slog.LevelDebug}
	n := start(t, Config{Log: slog.New(book)})
	pub := mustJoin(t, n)
	stop := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if err := pub.send(ws.OpText, "hello"); err != nil {
				ended <- err
				return
			}
			if _, err := pub.next(); err != nil {
				ended <- err
				return
			}
		}
	}()
	want := make(map[string]int)
	for range count {
		c, err := join(n, 0)
		if err != nil {
			t.Fatal(err)
		}
		want[c.LocalAddr().String()]++
		c.reset()
	}
	eventually(t, "all have left", func() bool { return n.Stats().Connections == 1 })
	close(stop)
	if err := within(t, ended, "end of publishing"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is logged", func() bool { return len(book.all()) == count })
	for _, r := range book.all() {
		want[attributes(r)["addr"]]--
	}
	for addr, k := range want {
		if k != 0 {
			t.Errorf("%d more lines wanted for %q", k, addr)
		}
	}
}

// TestQuietAtInfo: neither members nor strangers make the log grow.
func TestQuietAtInfo(t *testing.T) {
	book := &notebook{level: slog.LevelInfo}
	n := start(t, Config{Log: slog.New(book), HandshakeTimeout: soon, CloseTimeout: soon, PingAfter: soon, PongTimeout: soon})
	for i, b := range []string{"", "rubbish", "GET / HTTP/1.1\r\n\r\n", "GET /chat HTTP/1.1\r\n\r\n", "GET"} {
		c := mustConnect(t, n)
		if err := c.write([]byte(b)); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			c.reset()
		}
		m := mustJoin(t, n)
		if i%2 == 0 {
			m.reset()
		} else if err := m.write([]byte("\x81\x02hi")); err != nil {
			t.Fatal(err)
		}
	}
	mustJoin(t, n)
	eventually(t, "all have ended", func() bool { return n.conns.len() == 0 })
	if got := book.all(); len(got) > 0 {
		t.Errorf("logged: %v", got)
	}
	if time.Duration(n.clock.Load()) == 0 {
		t.Error("the clock stands still")
	}
}
