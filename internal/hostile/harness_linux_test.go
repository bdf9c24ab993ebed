package hostile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	_ "crier/internal/admin"
	_ "crier/internal/node"
)

// limit is how long anything may take that is waited for.
const limit = 30 * time.Second

// program is the node, built without the race detector, whose memory would hide the node's own.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "crier-hostile")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	end := func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}
	if program = os.Getenv("CRIER_BIN"); program == "" { // a build of another commit, to compare with
		program = filepath.Join(dir, "crier")
		if out, err := exec.Command("go", "build", "-o", program, "crier/cmd/crier").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the node: %v\n%s", err, out)
			end(1)
		}
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(end))
}

// A server is a node in a process of its own.
type server struct {
	cmd   *exec.Cmd
	addr  netip.AddrPort
	admin string
	http  *http.Client // keeps its one connection, so that it is there before and after
	log   bytes.Buffer // what the node says; not to be read before it has ended
}

// serve starts a node with the given flags. At the end of the test it must stop in good order.
func serve(t *testing.T, flags ...string) *server {
	t.Helper()
	flags = append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, flags...)
	return launch(t, exec.Command(program, flags...))
}

func launch(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	// Go test keeps a result until what the package imports, or what a test has looked at, is another. So the program,
	// which is neither, is imported as far as can be, and its own sources are looked at.
	sources, err := filepath.Glob("../../cmd/crier/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal("where are the program's sources?", err)
	}
	for _, f := range sources {
		if _, err := os.Stat(f); err != nil {
			t.Fatal(err)
		}
	}
	s := &server{cmd: cmd, http: &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: limit}}
	cmd.Stderr = &s.log
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.http.CloseIdleConnections()
		hung := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
		defer hung.Stop()
		err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
		if err != nil {
			t.Errorf("the node ended with: %v", err)
		}
		if t.Failed() {
			t.Logf("the node said:\n%s", s.log.Bytes())
		}
	})
	for lines := bufio.NewScanner(out); (!s.addr.IsValid() || s.admin == "") && lines.Scan(); {
		for _, word := range strings.Fields(lines.Text()) {
			if a, ok := strings.CutPrefix(word, "ws://"); ok && !s.addr.IsValid() {
				a, _, _ = strings.Cut(a, "/")
				if s.addr, err = netip.ParseAddrPort(a); err != nil {
					t.Fatal(err)
				}
			}
			if a, ok := strings.CutPrefix(word, "http://"); ok {
				s.admin = a
			}
		}
	}
	if !s.addr.IsValid() || s.admin == "" {
		t.Fatal("the node did not print its addresses")
	}
	return s
}

// Figures are the metrics of one scrape, each under its name with its labels.
type figures map[string]float64

func denials(reason string) string { return `crier_handshakes_refused_total{reason="` + reason + `"}` }
func leaves(reason string) string  { return `crier_leaves_total{reason="` + reason + `"}` }

// sum adds up what begins with name, over all its labels.
func (f figures) sum(name string) (sum float64) {
	for k, v := range f {
		if strings.HasPrefix(k, name+"{") {
			sum += v
		}
	}
	return sum
}

// String lists the node's own figures that are not zero.
func (f figures) String() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(f)) {
		if strings.HasPrefix(k, "crier_") && !strings.Contains(k, "_bucket") && f[k] != 0 {
			fmt.Fprintf(&b, "\n%s %v", k, f[k])
		}
	}
	return b.String()
}

// list tells the reasons of name that are not zero.
func (f figures) list(name string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(f)) {
		if label, ok := strings.CutPrefix(k, name+`{reason="`); ok && f[k] != 0 {
			fmt.Fprintf(&b, " %s %v", strings.TrimSuffix(label, `"}`), f[k])
		}
	}
	return b.String()
}

func (s *server) get(path string) ([]byte, error) {
	resp, err := s.http.Get("http://" + s.admin + path)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, resp.Status, b)
	}
	return b, err
}

func (s *server) scrape() (figures, error) {
	b, err := s.get("/metrics")
	if err != nil {
		return nil, err
	}
	f := make(figures)
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			v, err := strconv.ParseFloat(line[i+1:], 64)
			if err != nil {
				return nil, fmt.Errorf("/metrics: %q: %w", line, err)
			}
			f[line[:i]] = v
		}
	}
	return f, nil
}

func (s *server) figures(t *testing.T) figures {
	t.Helper()
	f, err := s.scrape()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// becomes scrapes until ok says so, and returns an error with the last scrape if that takes too long.
func (s *server) becomes(what string, ok func(figures) bool) (figures, error) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(limit); ; <-ticker.C {
		f, err := s.scrape()
		if err != nil || ok(f) {
			return f, err
		}
		if time.Now().After(deadline) {
			return f, fmt.Errorf("not within %v: %s; the node's figures:%v", limit, what, f)
		}
	}
}

func (s *server) await(t *testing.T, what string, ok func(figures) bool) figures {
	t.Helper()
	f, err := s.becomes(what, ok)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A meter measures the node's memory over one attack.
type meter struct {
	s      *server
	before figures
}

const (
	resident = "process_resident_memory_bytes"
	heap     = "go_memstats_heap_inuse_bytes"
)

// measure begins an attack: what the node holds now is what it must come back to. Bystanders should be in.
func (s *server) measure(t *testing.T) *meter {
	t.Helper()
	s.collect(t)
	m := &meter{s: s, before: s.figures(t)}
	// From now on VmHWM is the peak since now (proc(5)): no sampling, no peak missed.
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return m
}

// collect has the node collect its garbage, twice, since what sync.Pools hold outlives one collection.
func (s *server) collect(t *testing.T) {
	t.Helper()
	for range 2 {
		if _, err := s.get("/debug/pprof/heap?gc=1"); err != nil {
			t.Fatal(err)
		}
	}
}

// peak returns the highest resident memory since measure.
func (m *meter) peak(t *testing.T) float64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseFloat(strings.Fields(kb)[0], 64)
			if err != nil {
				t.Fatal(err)
			}
			return n * 1024
		}
	}
	t.Fatal("the node's process tells no VmHWM")
	return 0
}

// process is what a node's process may take beside what it keeps for its peers: pages of its program that it
// runs for the first time (it has 9 MB of them), stacks of threads, the collector's own.
const process = 6 << 20

// remains is what may be left in use of the heap after an attack: spans with one object that stays, buffers in pools,
// a segment of the log.
const remains = 1 << 20

// end closes an attack. grows is the bound on what the node may have taken at the height, beside process. After it,
// the node must have what it had before: as many connections, goroutines and descriptors, and its heap but for remains.
func (m *meter) end(t *testing.T, grows float64) {
	t.Helper()
	m.s.await(t, "all connections of the attack are gone", func(f figures) bool {
		return f["crier_connections"] == m.before["crier_connections"] && f["process_open_fds"] <= m.before["process_open_fds"] &&
			f["go_goroutines"] <= m.before["go_goroutines"]
	})
	peak := m.peak(t)
	after := m.s.await(t, "the heap is what it was", func(f figures) bool {
		if f[heap] <= m.before[heap]+remains {
			return true
		}
		m.s.collect(t)
		return false
	})
	const mib = 1 << 20
	t.Logf("memory: before %.1f MiB, height %.1f MiB, after %.1f MiB (heap in use: before %.1f MiB, after %.1f MiB); height bounded by %.1f MiB",
		m.before[resident]/mib, peak/mib, after[resident]/mib, m.before[heap]/mib, after[heap]/mib, (m.before[resident]+process+grows)/mib)
	if peak > m.before[resident]+process+grows {
		t.Errorf("at the height %.1f MiB more than before, want at most %.1f MiB", (peak-m.before[resident])/mib, (process+grows)/mib)
	}
	if ends := after.sum("crier_leaves_total"); after["crier_connections_opened_total"] != ends+after["crier_connections"] {
		t.Errorf("%v opened, %v left, %v there", after["crier_connections_opened_total"], ends, after["crier_connections"])
	}
}

// spread calls f for each of 0 to n-1, on as many goroutines as workers, until one returns an error.
func spread(workers, n int, f func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := f(i); err != nil {
					cancel(fmt.Errorf("%d of %d: %w", i, n, err))
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
