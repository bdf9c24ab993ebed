package bench_test

import (
	"bufio"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"crier/bench"
	"crier/bench/report"
	"crier/netpoll"
)

// TestScale holds 15,000 connections to a node in a process of its own, broadcasts to all of them again and
// again, and fails if anything is lost, doubled or out of order, or if the node counts otherwise than its clients. It logs the figures that
// DESIGN's targets are about. It is opt-in (make test-scale): it wants the machine for itself.
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
	server := startNode(t)
	threads := server.metric(t, "go_goroutines") // first, so that a scrape's own memory is there before
	heap := server.liveHeap(t)
	var once sync.Once
	res, err := bench.Run(t.Context(), bench.Config{
		Scenario: bench.ScenarioSurvey, URL: "ws://" + server.addr + "/chat", Connections: n, PIDs: []int{server.cmd.Process.Pid},
		Sources: loopback(2, 4),
		OnSample: func(s bench.Sample) {
			if s.Phase != "idle" {
				return
			}
			once.Do(func() {
				if now := server.metric(t, "go_goroutines"); now > threads+2 {
					t.Errorf("%v goroutines with %d connections, %v without", now, n, threads)
				}
				t.Logf("live heap: %.0f B a connection", (server.liveHeap(t)-heap)/float64(n))
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := report.Table(&table, res); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", table.String())
	for _, p := range res.Problems {
		t.Error(p)
	}
	for name, want := range map[string]float64{
		"crier_members_lagging": 0, "crier_lag_bytes": 0,
		"crier_messages_sent_total": float64(n) * float64(res.Tally.Sent), "crier_publish_write_duration_seconds_count": float64(res.Tally.Sent),
	} {
		if got := server.metric(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
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
	var once sync.Once
	res, err := bench.Run(t.Context(), bench.Config{
		Scenario: bench.ScenarioSurvey, URL: "ws://" + server.addr + "/chat", Connections: n, Sources: loopback(2, 3),
		Hold: time.Second, Rounds: 1, Warmup: -1, Batch: 2, Patience: time.Minute,
		OnSample: func(s bench.Sample) {
			if s.Phase != "idle" {
				return
			}
			once.Do(func() {
				if open := server.metric(t, "crier_connections"); open != float64(n) {
					t.Errorf("%v connections are open, want %d", open, n)
				}
				// The scrape's own connection may have come or gone with its two.
				if now := server.metric(t, "go_goroutines"); now > before+2 {
					t.Errorf("%v goroutines with %d connections, %v with none", now, n, before)
				}
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	once.Do(func() { t.Error("nobody looked while the connections were idle") })
	if want := int64(n) * res.Tally.Sent; len(res.Problems) > 0 || res.Tally.Received != want || res.Tally.Sent < 4 {
		t.Errorf("%d deliveries of %d messages, want %d; problems: %v", res.Tally.Received, res.Tally.Sent, want, res.Problems)
	}
}

func loopback(first, last byte) (addrs []netip.Addr) {
	for i := first; i <= last; i++ {
		addrs = append(addrs, netip.AddrFrom4([4]byte{127, 0, 0, i}))
	}
	return addrs
}

type nodeProcess struct {
	cmd         *exec.Cmd
	addr, admin string
}

// startNode builds and starts a node on free ports.
func startNode(t *testing.T, flags ...string) *nodeProcess {
	t.Helper()
	bin := os.Getenv("CRIER_BIN") // a build of another commit, to compare with
	if bin == "" {
		bin = filepath.Join(t.TempDir(), "crier")
		if out, err := exec.Command("go", "build", "-o", bin, "crier/cmd/crier").CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	if !slices.Contains(flags, "--listen") {
		flags = append(flags, "--listen", "127.0.0.1:0")
	}
	cmd := exec.Command(bin, append([]string{"serve", "--admin", "127.0.0.1:0"}, flags...)...)
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
