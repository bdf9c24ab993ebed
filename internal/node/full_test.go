package node

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"crier/netpoll"
)

// TestMaxConnections: above the bound newcomers are told 503 and when to come back; who leaves makes room.
func TestMaxConnections(t *testing.T) {
	const most = 3
	n := start(t, Config{MaxConnections: most})
	var members [most]*client
	for i := range members {
		members[i] = mustJoin(t, n)
	}
	if n.MaxConnections() != most || n.Ready() == nil {
		t.Errorf("at most %d, ready: %v", n.MaxConnections(), n.Ready())
	}
	refused := func() {
		t.Helper()
		c := mustConnect(t, n)
		if err := c.write([]byte(upgradeRequest("h"))); err != nil {
			t.Fatal(err)
		}
		resp, body, err := c.answer()
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || body == "" {
			t.Fatalf("%v %q %v, want 503 with Retry-After", resp, body, err)
		}
		c.Close()
	}
	for range 5 {
		refused()
	}
	eventually(t, "all five are counted", func() bool { return n.Stats().Denials["full"] == 5 })
	if s := n.Stats(); s.Connections != most {
		t.Errorf("%d open", s.Connections)
	}
	members[0].Close()
	eventually(t, "there is room", func() bool { return n.Ready() == nil })
	members[0] = mustJoin(t, n)
	refused()
	if err := members[0].send(ws.OpText, "hello"); err != nil {
		t.Fatal(err)
	}
	for _, c := range members {
		c.wants(t, ws.OpText, "hello")
	}

	// Strangers that do not even ask take no more than a few descriptors.
	for range turnedAway + 10 {
		mustConnect(t, n)
	}
	eventually(t, "the last are turned away at once", func() bool {
		return n.Stats().Accepted == most+1+6+turnedAway+10 && n.conns.len() == most+turnedAway
	})
	c := mustConnect(t, n)
	if resp, _, err := c.answer(); err != nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%v, %v; want 503 with Retry-After", resp, err)
	}
}

// TestMaxConnectionsIsWhatDescriptorsAllow: no promise that cannot be kept.
func TestMaxConnectionsIsWhatDescriptorsAllow(t *testing.T) {
	_, most, err := netpoll.Descriptors()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, most, 1 << 30} {
		if n := start(t, Config{MaxConnections: want}); n.MaxConnections() >= most || n.MaxConnections() < 1 {
			t.Errorf("%d allowed with %d descriptors", n.MaxConnections(), most)
		}
	}
}

// fewerDescriptors lowers the process's limit for the test.
func fewerDescriptors(t *testing.T, most uint64) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	})
	if before.Cur < most {
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: before.Max}); err != nil {
		t.Skipf("SKIPPED: the descriptor limit cannot be lowered: %v", err)
	}
}

// TestNoDescriptorsLeft: when the process has used them up, members go on, newcomers are refused, and
// when there are some again newcomers come in without anybody's help.
func TestNoDescriptorsLeft(t *testing.T) {
	fewerDescriptors(t, 1000)
	n := start(t, Config{})
	members := []*client{mustJoin(t, n), mustJoin(t, n)}
	var newcomers [20]rawSocket
	for i := range newcomers {
		var err error
		if newcomers[i], err = newRaw(); err != nil {
			t.Fatal(err)
		}
		defer newcomers[i].close()
	}
	talk := func(text string) {
		t.Helper()
		if err := members[0].send(ws.OpText, text); err != nil {
			t.Fatal(err)
		}
		for _, c := range members {
			c.wants(t, ws.OpText, text)
		}
	}
	talk("before")
	for round := range 2 {
		var hoard []int
		take := func() bool {
			fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err == nil {
				hoard = append(hoard, fd)
			}
			return err == nil
		}
		for take() {
		}
		before := n.Stats()
		half := newcomers[round*10 : round*10+10]
		for _, s := range half {
			if err := s.connect(n); err != nil && err != unix.ECONNRESET && err != unix.EPIPE {
				t.Fatal(err)
			}
			for round == 1 && take() { // the one that the node gives up for a moment, too
			}
		}
		talk(fmt.Sprint("in need ", round))
		eventually(t, "the failures are counted", func() bool {
			return n.Stats().AcceptErrors["descriptors"] > before.AcceptErrors["descriptors"]
		})
		if round == 0 {
			eventually(t, "all are refused", func() bool {
				return n.Stats().Denials["no_descriptors"] == before.Denials["no_descriptors"]+10
			})
		}
		for _, fd := range hoard {
			unix.Close(fd)
		}
		for i, s := range half {
			// Refused, or, who was not accepted in need, let in as soon as it is over.
			b, err := s.read(12)
			if err != nil && !strings.Contains(err.Error(), "reset") || err == nil && b != "HTTP/1.1 503" && b != "HTTP/1.1 101" {
				t.Errorf("round %d, newcomer %d: %q, %v", round, i, b, err)
			}
			s.close()
			half[i] = -1
		}
		c := mustJoin(t, n)
		c.Close()
		eventually(t, "only the members are left", func() bool { return n.conns.len() == len(members) })
		talk(fmt.Sprint("after ", round))
	}
}

// TestAcceptGoesOnByItself: when there is not even a descriptor to refuse with, who comes waits, and is let in as
// soon as there are some, though no new connection makes an event.
func TestAcceptGoesOnByItself(t *testing.T) {
	n := start(t, Config{})
	member := mustJoin(t, n)
	s, err := newRaw()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	// Numbers from 3 on are not given out any more, also not those that are given back.
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: before.Max}); err != nil {
		t.Skipf("SKIPPED: the descriptor limit cannot be lowered: %v", err)
	}
	err = s.connect(n)
	tried := becomes(func() bool { return n.Stats().AcceptErrors["descriptors"] > 0 })
	talk := member.send(ws.OpText, "in need")
	m, read := member.next()
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err != nil || talk != nil || read != nil || m.payload != "in need" || !tried {
		t.Fatalf("connect %v, send %v, got %v %v, accept has failed: %v", err, talk, m, read, tried)
	}
	if b, err := s.read(12); err != nil || b != "HTTP/1.1 101" {
		t.Errorf("%q, %v; want to be let in", b, err)
	}
}
