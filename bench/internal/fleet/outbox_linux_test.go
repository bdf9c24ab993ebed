package fleet

import (
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"crier/netpoll"
)

// A server that pings and does not read makes a client keep a bounded number of answers, and no more.
func TestAnswersThatNobodyReadsAreBounded(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	pool := netpoll.NewPool(1)
	p, err := netpoll.NewPoller(pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{fleet: &fleet{}}
	if err := p.Add(c, fds[0]); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	pool.Close() // from here on this goroutine is the client's worker
	defer func() {
		if err := c.outbox().close(c); err != nil {
			t.Error(err)
		}
	}()
	payload := make([]byte, ws.MaxControlFramePayloadSize)
	for range 100_000 { // 13 MB
		if err := c.reply(ws.OpPong, payload); err != nil {
			t.Fatal(err)
		}
	}
	if n := c.outbox().waiting(); n <= maxWaiting || n > maxWaiting+200 {
		t.Errorf("%d bytes wait, want just over %d", n, maxWaiting)
	}
}
