package node

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"crier/internal/frame"
)

// soon is a deadline that passes within a test.
const soon = 200 * time.Millisecond

func TestHandshakeInTime(t *testing.T) {
	n := start(t, Config{HandshakeTimeout: soon})
	good := mustJoin(t, n)
	for _, head := range []string{"", "G", "GET /chat HTTP/1.1\r\nHost: h\r\n"} {
		c := mustConnect(t, n)
		if head != "" {
			if err := c.write([]byte(head)); err != nil {
				t.Fatal(err)
			}
		}
		b, err := io.ReadAll(c)
		if err != nil {
			t.Errorf("%q: %v", head, err)
		}
		t.Logf("%q was answered %q", head, b)
	}
	// More bytes do not put the deadline off.
	c := mustConnect(t, n)
	var drip sync.WaitGroup
	drip.Go(func() {
		pace := time.NewTicker(soon / 20)
		defer pace.Stop()
		for b := []byte("GET /"); c.write(b) == nil; b = []byte("a") {
			<-pace.C
		}
	})
	_, _ = io.ReadAll(c)
	c.Close()
	drip.Wait()
	eventually(t, "all four are counted and gone", func() bool {
		return n.Stats().Denials["timeout"] == 4 && n.conns.len() == 1
	})
	if err := good.send(ws.OpText, "still here"); err != nil {
		t.Fatal(err)
	}
	good.wants(t, ws.OpText, "still here")
}

func TestMessageInTime(t *testing.T) {
	n := start(t, Config{MessageTimeout: soon})
	idle := mustJoin(t, n)
	for i, begun := range [][]byte{
		masked(ws.OpText, "hello")[:1],                                  // half a header
		masked(ws.OpText, "hello")[:8],                                  // half a payload
		fragment(ws.OpText, false, "hello"),                             // half a message
		append(masked(ws.OpText, "whole"), 0x81),                        // behind a whole one
		append(fragment(ws.OpText, false, ""), "\x89\x80ab"...),         // half a ping inside
		append(masked(ws.OpPing, ""), masked(ws.OpPing, "")[0]),         // half a ping
		append(masked(ws.OpBinary, "x"), masked(ws.OpClose, "")[:3]...), // half a close frame
	} {
		c := mustJoin(t, n)
		if err := c.write(begun); err != nil {
			t.Fatal(err)
		}
		c.wantsClose(t, ws.StatusPolicyViolation)
		c.Close()
		eventually(t, "it is counted", func() bool { return n.Stats().Leaves["message_timeout"] == int64(i+1) })
	}
	// Pings inside do not put the deadline off.
	c := mustJoin(t, n)
	if err := c.write(fragment(ws.OpText, false, "hello")); err != nil {
		t.Fatal(err)
	}
	var drip sync.WaitGroup
	drip.Go(func() {
		pace := time.NewTicker(soon / 20)
		defer pace.Stop()
		for c.send(ws.OpPing, "x") == nil {
			<-pace.C
		}
	})
	for {
		if ev, err := c.event(); err != nil || ev.Kind == frame.Close {
			if ev.Code != ws.StatusPolicyViolation {
				t.Errorf("ended by %d, %v; want 1008", ev.Code, err)
			}
			break
		}
	}
	c.Close()
	drip.Wait()
	if s := n.Stats(); s.Connections != 1 {
		t.Errorf("%d are open, want only the one that is between messages", s.Connections)
	}
	if err := idle.send(ws.OpText, "still here"); err != nil {
		t.Fatal(err)
	}
}

// TestManyMessagesAreNoLateOne: a peer that always has a message under way, but each in time, stays.
func TestManyMessagesAreNoLateOne(t *testing.T) {
	n := start(t, Config{MessageTimeout: soon})
	c := mustJoin(t, n)
	frame := masked(ws.OpText, "hello")
	if err := c.write(frame[:3]); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 4*soon; {
		if err := c.write(append(frame[3:len(frame):len(frame)], frame[:3]...)); err != nil {
			t.Fatal(err)
		}
		c.wants(t, ws.OpText, "hello")
	}
	if s := n.Stats(); sum(s.Leaves) != 0 {
		t.Errorf("left %v", s.Leaves)
	}
}

func TestSilentPeers(t *testing.T) {
	n := start(t, Config{PingAfter: soon, PongTimeout: soon})
	deaf := mustJoin(t, n)

	g, err := joinGorilla(n)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	k, err := joinCoder(n)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	talks := mustJoin(t, n)
	var ends sync.WaitGroup
	defer ends.Wait()
	defer g.Close()
	defer k.Close()
	for _, c := range []talker{g, k} {
		ends.Go(func() { // reading answers pings
			for {
				if _, err := c.next(); err != nil {
					return
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ends.Go(func() { // who talks needs no ping, and need not answer one
		pace := time.NewTicker(soon / 10)
		defer pace.Stop()
		for ctx.Err() == nil && talks.send(ws.OpPong, "") == nil {
			<-pace.C
		}
	})

	ev, err := deaf.event()
	if err != nil || ev.Kind != frame.Ping {
		t.Fatalf("%v, %v; want a ping", ev.Kind, err)
	}
	deaf.wantsClose(t, ws.StatusGoingAway)
	deaf.Close()
	pings := n.Stats().Pings
	eventually(t, "many more pings", func() bool { return n.Stats().Pings >= pings+8 })
	if s := n.Stats(); s.Leaves["ping_timeout"] != 1 || sum(s.Leaves) != 1 || s.Connections != 3 {
		t.Errorf("left %v, %d are open; want only the one that does not answer", s.Leaves, s.Connections)
	}
}

func TestNoPings(t *testing.T) {
	n := start(t, Config{PingAfter: -1, HandshakeTimeout: soon, PongTimeout: soon})
	c := mustJoin(t, n)
	late := mustConnect(t, n) // a clock to see that time has passed
	_, _ = io.ReadAll(late)
	if s := n.Stats(); s.Pings != 0 || s.Connections != 1 {
		t.Errorf("%d pings, %d open", s.Pings, s.Connections)
	}
	if err := c.send(ws.OpText, "hello"); err != nil {
		t.Fatal(err)
	}
	c.wants(t, ws.OpText, "hello")
}

// TestClosingHasAnEnd: a peer that was told to go and neither answers nor ends is cut off.
func TestClosingHasAnEnd(t *testing.T) {
	n := start(t, Config{CloseTimeout: soon})
	for name, last := range map[string][]byte{
		"a mistake":     []byte("\x81\x02hi"),
		"a close frame": masked(ws.OpClose, "\x03\xe8"),
		"too big":       masked(ws.OpBinary, string(make([]byte, 70000)))[:20],
	} {
		t.Run(name, func(t *testing.T) {
			c := mustJoin(t, n)
			if err := c.write(last); err != nil {
				t.Fatal(err)
			}
			eventually(t, "its socket is gone", func() bool { return n.conns.len() == 0 })
			var drip sync.WaitGroup
			drip.Go(func() {
				pace := time.NewTicker(time.Millisecond)
				defer pace.Stop()
				for c.write([]byte("A")) == nil {
					<-pace.C
				}
			})
			drip.Wait() // told by a reset
		})
	}
	// One that goes on sending is cut off too.
	c := mustJoin(t, n)
	if err := c.write([]byte("\x81\x02hi")); err != nil {
		t.Fatal(err)
	}
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for c.write([]byte("AAAA")) == nil {
		<-pace.C
	}
	eventually(t, "its socket is gone", func() bool { return n.conns.len() == 0 })

	// And one that got an HTTP answer.
	h := mustConnect(t, n)
	if err := h.write([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its socket is gone", func() bool { return n.Stats().Denials["not_found"] == 1 && n.conns.len() == 0 })
}
