// Package peers tests the peers: that each does the job that they are compared at.
package peers

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/coder/websocket"

	"crier/bench/peers/internal/peer"
)

var all = []struct {
	name   string
	binary bool // knows binary messages
	dialect
}{
	{name: "gorilla", binary: true},
	{name: "gws", binary: true},
	{name: "nbio", binary: true},
	{name: "coder", binary: true},
	{name: "centrifuge", dialect: dialect{
		hello:  `{"id":1,"connect":{}}`,
		prefix: `{"id":1,"publish":{"channel":"chat","data":"`,
		suffix: `"}}`,
		lines:  true,
	}},
}

// crowd joins n clients, one after the other, at a peer of their own.
func crowd(t *testing.T, n int, name string, typ websocket.MessageType, d dialect) []*client {
	t.Helper()
	s := start(t, name)
	clients := make([]*client, n)
	for i := range clients {
		c, err := join(bound(t), s.url, i, typ, d, false)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.conn.CloseNow() })
		clients[i] = c
	}
	return clients
}

// TestJob: what each client sends, all of them at once, comes to everybody exactly once, in its sender's order, unchanged.
func TestJob(t *testing.T) {
	// No more than a member's queue holds are under way at once: whoever is further behind is removed, that is the job too.
	const n, count, waves = 30, peer.Queue / 30, 5
	for _, p := range all {
		for _, typ := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
			if typ == websocket.MessageBinary && !p.binary {
				continue
			}
			t.Run(fmt.Sprint(p.name, "/", typ), func(t *testing.T) {
				clients := crowd(t, n, p.name, typ, p.dialect)
				ctx := bound(t)
				for wave := range waves {
					err := together(ctx, 2*n, func(ctx context.Context, i int) error {
						if i < n {
							return clients[i].send(ctx, count)
						}
						return clients[i-n].until(ctx, (wave+1)*n*count)
					})
					if err != nil {
						t.Fatalf("wave %d: %v", wave, err)
					}
				}
				// Nothing comes twice: what comes next is this.
				if err := clients[n/2].send(ctx, 1); err != nil {
					t.Fatal(err)
				}
				err := together(ctx, n, func(ctx context.Context, i int) error {
					return clients[i].until(ctx, waves*n*count+1)
				})
				if err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// TestBurst: messages back to back lose nobody, round after round. CRIER_SCALE=1 makes it long.
func TestBurst(t *testing.T) {
	const n, batch = 300, 16
	rounds := 5
	if os.Getenv("CRIER_SCALE") != "" {
		rounds = 200
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			typ := websocket.MessageText
			if p.binary {
				typ = websocket.MessageBinary
			}
			clients := crowd(t, n, p.name, typ, p.dialect)
			ctx := bound(t)
			for round := range rounds {
				err := together(ctx, n+1, func(ctx context.Context, i int) error {
					if i == n {
						return clients[round%n].send(ctx, batch)
					}
					return clients[i].until(ctx, (round+1)*batch)
				})
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
			}
		})
	}
}

// TestDeaf: a member that does not read is removed and counted, and the others get everything.
func TestDeaf(t *testing.T) {
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			s, ctx := start(t, p.name), bound(t)
			var clients [3]*client
			for i := range clients {
				c, err := join(ctx, s.url, i, websocket.MessageText, p.dialect, i == 0)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.conn.CloseNow() })
				clients[i] = c
			}
			for sent, gone := 0, false; !gone; sent++ {
				select {
				case <-s.removed:
					gone = true // one more
				default:
				}
				if err := clients[1].send(ctx, 1); err != nil {
					t.Fatal(err)
				}
				for _, c := range clients[1:] {
					if err := c.until(ctx, sent+1); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
