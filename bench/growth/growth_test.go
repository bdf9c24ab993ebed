package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("GROWTH_TEST") == "version" { // as the program crier, which is asked for its version
		fmt.Println("crier 0000000")
		return
	}
	goleak.VerifyTestMain(m)
}

var update = flag.Bool("update", false, "write the golden files")

// TestDocument renders runs that were made up: nothing in testdata/made-up-*.json was measured.
func TestDocument(t *testing.T) {
	t.Setenv("GROWTH_TEST", "version")
	dir := t.TempDir()
	out := filepath.Join(dir, "benchmarks.md")
	for range 2 { // the second time over what the first has written
		for _, args := range [][]string{
			{"--from", "testdata/made-up-steps.json", "--chart", filepath.Join(dir, "growth.svg")},
			{"nodes", "--from", "testdata/made-up-nodes.json"},
			{"guest", "testdata/made-up-guest.json", "--crier", os.Args[0]},
		} {
			if err := run(t.Context(), append(args, "--out", out)); err != nil {
				t.Fatal(args, err)
			}
		}
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/made-up.md"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("it is not %s (-update writes it):\n%s", golden, got)
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "growth.svg")); err != nil || !strings.Contains(string(svg), "</svg>") {
		t.Errorf("the chart is %.40q…, %v", svg, err)
	}
}

// TestTroubleIsTold says that a run with problems is written down with them, and fails.
func TestTroubleIsTold(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.md")
	err := run(t.Context(), []string{"nodes", "--from", "testdata/made-up-trouble.json", "--out", out})
	if err == nil || !strings.Contains(err.Error(), "problems") {
		t.Errorf("got %v", err)
	}
	text, _ := os.ReadFile(out)
	for _, want := range []string{"- 2 messages were lost", "- node 7: it ended by itself"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestMistakes(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.json")
	if err := os.WriteFile(empty, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--steps", "0"}, {"nodes", "-n", "0"}, {"--no-such-flag"}} {
		var u *usageError
		if err := run(t.Context(), args); !errors.As(err, &u) {
			t.Errorf("%v: got %v", args, err)
		}
	}
	for want, args := range map[string][]string{
		"no complete cycle":       {"--from", empty},
		"no result":               {"nodes", "--from", empty},
		"no connections in it":    {"guest", empty},
		"no such file":            {"guest", empty + ".none"},
		"make growth builds what": {"--crier", "/no/such/program"},
	} {
		if err := run(t.Context(), append(args, "--out", "")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}

// TestCollect has this process collect its own garbage.
func TestCollect(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: CPU is read from /proc, which is Linux")
	}
	var with, without atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/metrics":
			fmt.Fprint(w, "# TYPE crier_connections gauge\ncrier_connections 7\n")
		case r.URL.Path != "/debug/pprof/heap":
			http.NotFound(w, r)
		case r.URL.Query().Get("gc") == "1":
			with.Add(1)
			runtime.GC()
		default:
			without.Add(1)
		}
	}))
	defer s.Close()
	a := &admin{url: s.URL, pid: os.Getpid()}
	defer a.CloseIdleConnections()
	if _, err := a.collect(t.Context()); err != nil {
		t.Error(err)
	}
	if with.Load() != without.Load() || with.Load() < 5 {
		t.Errorf("%d with, %d without", with.Load(), without.Load())
	}

	if err := a.await(t.Context(), 7, nil); err != nil {
		t.Error(err)
	}
	ended := make(chan error, 1)
	ended <- nil
	if err := a.await(t.Context(), 8, ended); err == nil || !strings.Contains(err.Error(), "ended at 7 of 8") {
		t.Errorf("got %v", err)
	}
	<-ended // it was put back
	if _, err := a.metric(t.Context(), "none"); err == nil {
		t.Error("a metric that is not there was found")
	}
	if err := a.get(t.Context(), "/none", nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}
