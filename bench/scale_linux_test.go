package bench

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"crier/netpoll"
)

// TestScale holds 15,000 connections to a node in a process of its own, broadcasts to all of them again and
// again, and fails if anything is lost, doubled or out of order. It logs the figures that DESIGN's targets are about.
// It is opt-in (make test-scale): it wants the machine for itself.
func TestScale(t *testing.T) {
	if os.Getenv("CRIER_SCALE") == "" {
		t.Skip("opt-in: make test-scale")
	}
	n := 15_000
	if s := os.Getenv("CRIER_SCALE_CONNECTIONS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	const size = 128
	server := startNode(t)
	threads := server.metric(t, "go_goroutines") // first, so that a scrape's own memory is there before
	server.settle(t)
	before, heap := server.rss(t), server.liveHeap(t)

	cpu, began := server.cpu(t), time.Now()
	fleet, err := Dial(Target{Addr: server.addr, Path: "/chat", N: n, From: []netip.Addr{
		netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3"), netip.MustParseAddr("127.0.0.4")}})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	took := time.Since(began)
	t.Logf("connect:      %.0f connections/s, %.1f µs server CPU each", float64(n)/took.Seconds(), micros(server.cpu(t)-cpu, n))

	server.settle(t)
	now := server.rss(t)
	t.Logf("idle:         %.0f B RSS a connection (%.1f MB before, %.1f MB now), %.0f B of it live heap",
		float64(now-before)/float64(n), float64(before)/1e6, float64(now)/1e6, (server.liveHeap(t)-heap)/float64(n))
	if now := server.metric(t, "go_goroutines"); now > threads+2 {
		t.Errorf("%v goroutines with %d connections, %v without", now, n, threads)
	}
	cpu, began = server.cpu(t), time.Now()
	server.idleFor(5 * time.Second)
	t.Logf("idle:         %.2f %% of a core", 100*float64(server.cpu(t)-cpu)/float64(time.Since(began)))

	var seq uint64
	round := func(k int) (last, cpu time.Duration) {
		fleet.Expect(int64(n * k))
		c, sent := server.cpu(t), time.Now()
		if err := fleet.Send(seq, k, size); err != nil {
			t.Fatal(err)
		}
		seq += uint64(k)
		at, err := fleet.Await(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return at.Sub(sent), server.cpu(t) - c
	}
	round(1)
	for _, k := range []int{1, 16} {
		var lasts, cpus []time.Duration
		for range 25 {
			last, cpu := round(k)
			lasts, cpus = append(lasts, last), append(cpus, cpu)
		}
		t.Logf("%2d to all:    last receiver after %v (median; %v to %v), %.2f µs server CPU a delivery, %.2f M deliveries/s", k,
			median(lasts).Round(100*time.Microsecond), slices.Min(lasts).Round(100*time.Microsecond), slices.Max(lasts).Round(100*time.Microsecond),
			micros(median(cpus), n*k), float64(n*k)/median(lasts).Seconds()/1e6)
	}
	for name, want := range map[string]float64{
		"crier_connections": float64(n), "crier_members_lagging": 0, "crier_lag_bytes": 0,
		"crier_messages_sent_total": float64(n) * float64(seq), "crier_publish_write_duration_seconds_count": float64(seq),
	} {
		if got := server.metric(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if fleet.Lost() > 0 {
		t.Errorf("%d connections were lost: %v", fleet.Lost(), fleet.Err())
	}
}

// TestIdleConnectionsCostNoGoroutine holds 20,000 idle connections, or as many as this process may have descriptors.
func TestIdleConnectionsCostNoGoroutine(t *testing.T) {
	_, limit, err := netpoll.Descriptors()
	if err != nil {
		t.Fatal(err)
	}
	server := startNode(t)
	n := min(20_000, limit-200, int(server.metric(t, "crier_connections_limit")))
	before := server.metric(t, "go_goroutines")
	fleet, err := Dial(Target{Addr: server.addr, Path: "/chat", N: n, From: []netip.Addr{
		netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	if open := server.metric(t, "crier_connections"); open != float64(n) {
		t.Fatalf("%v connections are open, want %d", open, n)
	}
	// The scrape's own connection may have come or gone with its two.
	if now := server.metric(t, "go_goroutines"); now > before+2 {
		t.Errorf("%v goroutines with %d connections, %v with none", now, n, before)
	}
	fleet.Expect(int64(n))
	if err := fleet.Send(0, 1, 128); err != nil {
		t.Fatal(err)
	}
	if _, err := fleet.Await(time.Minute); err != nil {
		t.Fatal(err)
	}
}

type nodeProcess struct {
	cmd         *exec.Cmd
	addr, admin string
}

// startNode builds and starts a node on free ports.
func startNode(t *testing.T) *nodeProcess {
	t.Helper()
	bin := os.Getenv("CRIER_BIN") // a build of another commit, to compare with
	if bin == "" {
		bin = filepath.Join(t.TempDir(), "crier")
		if out, err := exec.Command("go", "build", "-o", bin, "crier/cmd/crier").CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	cmd := exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the node ended with: %v", err)
		}
	})
	p := &nodeProcess{cmd: cmd}
	for lines := bufio.NewScanner(out); (p.addr == "" || p.admin == "") && lines.Scan(); {
		for _, word := range strings.Fields(lines.Text()) {
			if a, ok := strings.CutPrefix(word, "ws://"); ok && p.addr == "" {
				p.addr, _, _ = strings.Cut(a, "/")
			}
			if a, ok := strings.CutPrefix(word, "http://"); ok {
				p.admin = a
			}
		}
	}
	if p.addr == "" || p.admin == "" {
		t.Fatal("the node did not print its addresses")
	}
	return p
}

func (p *nodeProcess) cpu(t *testing.T) time.Duration {
	t.Helper()
	d, err := CPU(p.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (p *nodeProcess) rss(t *testing.T) int64 {
	t.Helper()
	n, err := RSS(p.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// settle waits until the node's memory has stopped to change.
func (p *nodeProcess) settle(t *testing.T) {
	for before := int64(0); ; {
		now := p.rss(t)
		if now == before {
			return
		}
		before = now
		p.idleFor(500 * time.Millisecond)
	}
}

// liveHeap returns the bytes of the heap that are in use after two collections: what sync.Pools hold outlives one.
func (p *nodeProcess) liveHeap(t *testing.T) float64 {
	t.Helper()
	for range 2 {
		resp, err := http.Get("http://" + p.admin + "/debug/pprof/heap?gc=1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return p.metric(t, "go_memstats_heap_alloc_bytes")
}

// idleFor lets the node be idle: there is no event to wait for when what is measured is that none happens.
func (p *nodeProcess) idleFor(d time.Duration) { <-time.After(d) }

func (p *nodeProcess) metric(t *testing.T, name string) float64 {
	t.Helper()
	resp, err := http.Get("http://" + p.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	t.Fatalf("the node has no metric %s", name)
	return 0
}

func micros(d time.Duration, n int) float64 { return float64(d) / float64(n) / 1e3 }

func median[T cmp.Ordered](s []T) T {
	s = slices.Clone(s)
	slices.Sort(s)
	return s[len(s)/2]
}

func TestSequence(t *testing.T) {
	for _, test := range []struct {
		seqs []uint64
		want string
	}{
		{[]uint64{7, 8, 9}, ""},
		{[]uint64{7, 9}, "lost 1 messages: 9 came after 7"},
		{[]uint64{7, 8, 8}, "out of order or twice: 8 came after 8"},
		{[]uint64{7, 8, 7}, "out of order or twice: 7 came after 8"},
	} {
		var s sequence
		var err error
		for _, seq := range test.seqs {
			if err == nil {
				err = s.see(seq)
			}
		}
		if fmt.Sprint(err) != fmt.Sprint(cmp.Or(test.want, "<nil>")) {
			t.Errorf("%v: got %v, want %q", test.seqs, err, test.want)
		}
	}
}
