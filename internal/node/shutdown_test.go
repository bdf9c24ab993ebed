package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	gorilla "github.com/gorilla/websocket"
)

func tcpPort(n *Node) int { return n.Addr().(*net.TCPAddr).Port }

// TestShutdownDeliversFirst: everything that was published arrives, then everybody is told 1001.
func TestShutdownDeliversFirst(t *testing.T) {
	const members, count = 60, 300
	n := start(t, Config{SendBuffer: 16 << 10, MaxLag: 64 << 20})
	var clients [members]talker
	for i := range clients {
		var err error
		switch {
		case i < 12:
			clients[i], err = kinds[i%3].join(n)
		case i < 20:
			// Less than is sent, and not so little that the kernel throws away what does not fit (TCPRcvQDrop): then it
			// would come again only after as long as nobody has read.
			clients[i], err = join(n, 64<<10)
		default:
			clients[i], err = joinRaw(n)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
	}
	// Nobody reads yet, so that there is much to do at the end.
	for i := range count {
		if err := clients[members-1].send(ws.OpText, text(i, i*10)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all is published", func() bool { return n.Stats().Received == count })
	down := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
		defer cancel()
		down <- n.Shutdown(ctx)
	}()
	eventually(t, "it drains", func() bool { return n.Ready() != nil })
	err := all(members, func(i int) error {
		for j := range count {
			if m, err := clients[i].next(); err != nil || m.payload != text(j, j*10) {
				return fmt.Errorf("member %d: message %d is %v, %w", i, j, m, err)
			}
		}
		_, err := clients[i].next()
		var ce *closeError
		if !gorilla.IsCloseError(err, 1001) && coder.CloseStatus(err) != 1001 && !(errors.As(err, &ce) && ce.code == 1001) {
			return fmt.Errorf("member %d ended by %w, want 1001", i, err)
		}
		clients[i].Close()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := within(t, down, "end of Shutdown"); err != nil {
		t.Error(err)
	}
	if s := n.Stats(); s.Leaves["shutdown"] != members || sum(s.Leaves) != members {
		t.Errorf("left: %v", s.Leaves)
	}
}

// TestShutdownTellsWhoPublishes: members whose sockets are being read at that very moment get their 1001 too.
func TestShutdownTellsWhoPublishes(t *testing.T) {
	for round := range 15 {
		n := start(t, Config{ControlRate: -1})
		var clients [12]*client
		for i := range clients {
			clients[i] = mustJoin(t, n)
		}
		var sent atomic.Int64
		ended := make(chan error, 1)
		go func() {
			ended <- all(2*len(clients), func(i int) error {
				c := clients[i/2]
				if i%2 == 0 {
					for c.send(ws.OpPing, "") == nil {
						sent.Add(1)
					}
					return nil
				}
				for {
					if _, err := c.next(); err != nil {
						var ce *closeError
						c.Close()
						if !errors.As(err, &ce) || ce.code != ws.StatusGoingAway {
							return fmt.Errorf("member %d ended by %w, want a close frame with 1001", i/2, err)
						}
						return nil
					}
				}
			})
		}()
		eventually(t, "they are at it", func() bool { return sent.Load() > 1000 })
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		if err := n.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		cancel()
		if err := within(t, ended, "end of all"); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

// stuck returns a member that lags for good: it is sent many times what the kernel keeps for it.
func stuck(t *testing.T, n *Node, publisher *client) *client {
	t.Helper()
	slow := mustJoinSmall(t, n, smallBuffer)
	for range 64 {
		if err := publisher.send(ws.OpText, strings.Repeat("x", 8000)); err != nil {
			t.Fatal(err)
		}
		publisher.wants(t, ws.OpText, strings.Repeat("x", 8000))
	}
	eventually(t, "it lags", func() bool { return n.Stats().Hub.Lagging > 0 })
	return slow
}

// TestShutdownDoesNotWaitForever: who does not read does not hold it up beyond the context.
func TestShutdownDoesNotWaitForever(t *testing.T) {
	n := start(t, Config{SendBuffer: 8 << 10})
	other := mustJoin(t, n)
	slow := stuck(t, n, other)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := n.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want %v", err, context.DeadlineExceeded)
	}
	_, _ = io.Copy(io.Discard, slow) // ends
	if s := n.Stats(); s.Leaves["shutdown"] != 2 {
		t.Errorf("left: %v", s.Leaves)
	}
}

// TestOneStuckMemberDoesNotTakeTheFarewellFromOthers: when the context ends because of who does not read, all
// others have still been told 1001.
func TestOneStuckMemberDoesNotTakeTheFarewellFromOthers(t *testing.T) {
	n := start(t, Config{SendBuffer: 8 << 10})
	other := mustJoin(t, n)
	stuck(t, n, other)
	ctx, cancel := context.WithTimeout(context.Background(), 5*soon)
	defer cancel()
	if err := n.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want %v", err, context.DeadlineExceeded)
	}
	other.wantsClose(t, ws.StatusGoingAway)
}

// TestShutdownOfWhoDoesNotAnswer: the closing handshake is waited for as long as CloseTimeout.
func TestShutdownOfWhoDoesNotAnswer(t *testing.T) {
	n := start(t, Config{CloseTimeout: soon})
	c := mustJoin(t, n)
	half := mustConnect(t, n)
	if err := half.write([]byte("GET /chat")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "both are there", func() bool { return n.conns.len() == 2 })
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := n.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	c.wantsClose(t, ws.StatusGoingAway)
	_, _ = io.ReadAll(half)
	if s := n.Stats(); s.Denials["draining"] != 1 || s.Leaves["shutdown"] != 1 {
		t.Errorf("refused %v, left %v", s.Denials, s.Leaves)
	}
}

// TestNobodyComesInWhileDraining: not as a new connection, and not with a handshake that began before.
func TestNobodyComesInWhileDraining(t *testing.T) {
	n := start(t, Config{SendBuffer: 8 << 10, MaxLagAge: -1, MaxLag: -1})
	other := mustJoin(t, n)
	slow := stuck(t, n, other)
	early := mustConnect(t, n)
	request := upgradeRequest("h")
	if err := early.write([]byte(request[:20])); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is there", func() bool { return n.conns.len() == 3 })
	down := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 2*limit)
	defer cancel()
	go func() { down <- n.Shutdown(ctx) }()

	eventually(t, "new connections are refused", func() bool {
		c, err := join(n, 0)
		if err == nil {
			t.Error("somebody came in")
			c.Close()
		}
		return err != nil && n.Ready() != nil
	})
	if err := early.write([]byte(request[20:])); err != nil {
		t.Fatal(err)
	}
	resp, body, err := early.answer()
	if err != nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%v %q %v, want 503 with Retry-After", resp, body, err)
	}
	early.Close()
	slow.wantsClose(t, ws.StatusGoingAway)
	slow.Close()
	other.wantsClose(t, ws.StatusGoingAway)
	other.Close()
	if err := within(t, down, "end of Shutdown"); err != nil {
		t.Error(err)
	}
}

// TestEndsMoreThanOnce: Shutdown and Close, in any order, at once and again, are harmless.
func TestEndsMoreThanOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	shutdown := func(n *Node) error { return n.Shutdown(ctx) }
	for name, steps := range map[string][]func(*Node) error{
		"close, close":       {(*Node).Close, (*Node).Close},
		"shutdown, shutdown": {shutdown, shutdown},
		"shutdown, close":    {shutdown, (*Node).Close},
		"close, shutdown":    {(*Node).Close, shutdown},
	} {
		for _, atOnce := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " at once: ", atOnce), func(t *testing.T) {
				n := start(t, Config{CloseTimeout: soon})
				c := mustJoin(t, n)
				ended := make(chan struct{})
				go func() {
					_, _ = io.Copy(io.Discard, c)
					close(ended)
				}()
				err := all(2, func(i int) error {
					if atOnce {
						return steps[i](n)
					} else if i == 0 {
						return errors.Join(steps[0](n), steps[1](n))
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				within(t, ended, "end of the connection")
			})
		}
	}
}

// TestCloseCutsOff: it waits for nobody.
func TestCloseCutsOff(t *testing.T) {
	n := start(t, Config{SendBuffer: 8 << 10, HandshakeTimeout: time.Hour, CloseTimeout: time.Hour, MaxLagAge: -1})
	other := mustJoin(t, n)
	slow := stuck(t, n, other)
	half := mustConnect(t, n)
	closing := mustJoin(t, n)
	if err := closing.send(ws.OpClose, ""); err != nil {
		t.Fatal(err)
	}
	closing.wantsClose(t, ws.StatusNoStatusRcvd)
	eventually(t, "all are there", func() bool { return n.conns.len() == 4 })
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	for _, c := range []*client{other, slow, half, closing} {
		_, _ = io.Copy(io.Discard, c) // ends
	}
	if _, err := connect(n, 0); err == nil {
		t.Error("somebody still listens")
	}
	if s := n.Stats(); s.Leaves["shutdown"] != 2 || s.Leaves["peer_closed"] != 1 || s.Connections != 0 {
		t.Errorf("left %v, %d are open", s.Leaves, s.Connections)
	}
}
