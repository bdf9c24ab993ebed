package node

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The runtime makes its own epoll instance with the first socket: not a descriptor that a test has leaked.
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close()
	}
	goleak.VerifyTestMain(m)
}

// limit is generous: it is only ever reached by a test that fails.
const limit = 10 * time.Second

// within returns what comes out of ch.
func within[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case v := <-ch:
		return v
	case <-timer.C:
		t.Fatalf("no %s within %v", what, limit)
		panic("unreachable")
	}
}

// eventually waits for a gauge that nothing announces.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !becomes(ok) {
		t.Fatalf("not within %v: %s", limit, what)
	}
}

func becomes(ok func() bool) bool {
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(limit); !ok(); <-look.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// start runs a node until the end of the test, by when every descriptor must be given back.
func start(t *testing.T, cfg Config) *Node {
	t.Helper()
	sameDescriptors(t)
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	n, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close the node: %v", err)
		}
		s := n.Stats()
		if s.Connections != 0 || s.Hub.Rooms != 0 || n.conns.len() != 0 {
			t.Errorf("a closed node has %d connections, %d rooms, %d sockets", s.Connections, s.Hub.Rooms, n.conns.len())
		}
		if left := sum(s.Leaves); left != s.Opened {
			t.Errorf("%d connections were opened and %d have left: %v", s.Opened, left, s.Leaves)
		}
	})
	return n
}

func sum(counts map[string]int64) (total int64) {
	for _, n := range counts {
		total += n
	}
	return total
}

// sameDescriptors checks at the end of the test that the process has as many descriptors as now. What is
// registered with Cleanup later ends before that.
func sameDescriptors(t *testing.T) {
	t.Helper()
	before := openDescriptors(t)
	t.Cleanup(func() {
		// Go closes what a dialer has given up in the background.
		if now := 0; !becomes(func() bool { now = openDescriptors(t); return now <= before }) {
			t.Errorf("%d descriptors before, %d after: %v", before, now, descriptorNames())
		}
	})
}

func openDescriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func descriptorNames() (names []string) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries[:min(len(entries), 50)] {
		link, _ := os.Readlink("/proc/self/fd/" + e.Name())
		names = append(names, fmt.Sprintf("%s=%s", e.Name(), link))
	}
	return names
}
