package node

import (
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// TestEndWhileParked: a publisher that waits for the node, and whose peer ends in the meantime, is found gone
// when it goes on: the event that told of the end came while it was not read, and does not come again.
func TestEndWhileParked(t *testing.T) {
	n := start(t, Config{Workers: 1, Pollers: 1, PingAfter: -1})
	c := mustJoin(t, n)
	if s := n.Stats(); s.Connections != 1 {
		t.Fatalf("%d open", s.Connections)
	}
	var parkedConn *conn
	n.conns.mu.Lock()
	parkedConn = n.conns.conns[0]
	n.conns.mu.Unlock()
	witness := mustJoin(t, n)

	parkedConn.set(parked) // as mayRead does when the node is behind
	if err := c.send(ws.OpText, "last"); err != nil {
		t.Fatal(err)
	}
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	// One worker and one poller serve in the order of events: when this is back, the end was told of.
	for range 3 {
		if err := witness.send(ws.OpText, "later"); err != nil {
			t.Fatal(err)
		}
		witness.wants(t, ws.OpText, "later")
	}
	parkedConn.Resume()
	witness.wants(t, ws.OpText, "last")
	eventually(t, "the end is found", func() bool { return n.Stats().Leaves["peer_gone"] == 1 })
}

// TestMuchBehindTheHandshake: more than a worker's buffer holds has come before the request is read to its
// end. What is left in the socket then is no new edge.
func TestMuchBehindTheHandshake(t *testing.T) {
	inCheck, goOn := make(chan struct{}), make(chan struct{})
	n := start(t, Config{Workers: 1, MaxMessage: 1 << 20, Check: func(r *Request) *Refusal {
		if r.Header.Get("X-Wait") != "" {
			close(inCheck)
			<-goOn
		}
		return nil
	}})
	// A long head, of which the node has all but the end.
	head := upgradeRequest("h", "X: "+strings.Repeat("x", 7800))
	c := mustConnect(t, n)
	if err := c.write([]byte(head[:len(head)-4])); err != nil {
		t.Fatal(err)
	}
	mustJoin(t, n) // accepted after it, by the same worker
	inputRead(t, n)

	// The only worker is busy while the rest comes.
	busy := mustConnect(t, n)
	if err := busy.write([]byte(upgradeRequest("h", "X-Wait: 1"))); err != nil {
		t.Fatal(err)
	}
	within(t, inCheck, "busy worker")
	rest := []byte(head[len(head)-4:])
	messages := 0
	for len(rest) < 62<<10 {
		rest = append(rest, masked(ws.OpText, strings.Repeat("x", 100))...)
		messages++
	}
	if err := c.write(rest); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has arrived", func() bool { return arrived(t, n, len(rest)) })
	close(goOn)
	if err := c.opened(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all messages are read", func() bool { return n.Stats().Received == int64(messages) })
}
