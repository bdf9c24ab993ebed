package node

import (
	"net"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// TestEndBehindAShare: a publisher that ended while it was parked is found gone once it is read again, however
// much is to be read before the end.
func TestEndBehindAShare(t *testing.T) {
	for _, bytes := range []int{1 << 10, 290 << 10} { // a share is 256 KiB
		n := start(t, Config{Workers: 1, Pollers: 1, PingAfter: -1, ControlRate: -1})
		witness := mustJoin(t, n)
		c := mustJoin(t, n)
		n.conns.mu.Lock()
		ended := n.conns.conns[1]
		n.conns.mu.Unlock()
		eventually(t, "it is open", func() bool { return ended.life() == open })
		if err := unix.SetsockoptInt(ended.FD(), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20); err != nil {
			t.Fatal(err)
		}
		ended.set(parked) // as mayRead does when the node is behind
		// Pongs, since what is sent back would make room, of which an event tells together with the end.
		pong := string(masked(ws.OpPong, strings.Repeat("x", 125)))
		b := append([]byte(strings.Repeat(pong, bytes/len(pong))), masked(ws.OpText, "last")...)
		if err := c.write(b); err != nil {
			t.Fatal(err)
		}
		if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all has come", func() bool {
			fds := []unix.PollFd{{Fd: int32(ended.FD()), Events: unix.POLLRDHUP}}
			_, err := unix.Poll(fds, 0)
			return err == nil && fds[0].Revents&unix.POLLRDHUP != 0
		})
		// One worker and one poller serve in the order of events: when this is back, the end was told of.
		for range 3 {
			if err := witness.send(ws.OpText, "later"); err != nil {
				t.Fatal(err)
			}
			witness.wants(t, ws.OpText, "later")
		}
		ended.Resume()
		witness.wants(t, ws.OpText, "last")
		if !becomes(func() bool { return n.Stats().Leaves["peer_gone"] == 1 }) {
			t.Errorf("%d bytes and the end were there, and it is still a member", len(b))
		}
	}
}
