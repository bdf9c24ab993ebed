package main

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files")

// TestDocuments renders a run that was made up: nothing in testdata/made-up.json was measured.
func TestDocuments(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("README.md"), []byte("# By hand\n\n<!-- figures:begin -->\nold\n<!-- figures:end -->\n\nthe rest\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over what the first has written
		if err := run(t.Context(), []string{"--from", "testdata/made-up.json", "--out", at("benchmarks.md"), "--chart", at("benchmarks.svg"), "--readme", at("README.md")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"benchmarks.md", "README.md"} {
		got, err := os.ReadFile(at(name))
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "made-up-"+name)
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
			t.Errorf("%s is not %s (-update writes it):\n%s", name, golden, got)
		}
	}
	svg, err := os.ReadFile(at("benchmarks.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(svg), "<svg") && !strings.HasPrefix(string(svg), "<?xml") {
		t.Errorf("the chart is %.40q…", svg)
	}
}

// TestCycleThatWasCutOff says that a run stopped in its first cycle has nothing to tell.
func TestCycleThatWasCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "raw.json")
	r := &raw{Servers: builds(nil)}
	if err := r.save(path); err != nil {
		t.Fatal(err)
	}
	if _, err := load(path); err == nil || !strings.Contains(err.Error(), "no complete cycle") {
		t.Errorf("got %v", err)
	}
}

func TestChoose(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"bench", "crier", "before", "gorilla", "gws", "nbio", "coder", "centrifuge"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho "+name+" 1234567-dirty\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	now, before := filepath.Join(dir, "crier"), "before="+filepath.Join(dir, "before")
	for _, test := range []struct {
		crier, servers []string
		want, err      string
	}{
		{[]string{now}, nil, "crier gorilla gws nbio coder centrifuge kernel", ""},
		{[]string{now}, []string{"kernel", "crier"}, "kernel crier", ""},
		{[]string{now, before}, []string{"crier", "gws"}, "crier before gws", ""},
		{[]string{before, now}, []string{"before"}, "before", ""},
		{[]string{now}, []string{"uwebsockets"}, "", "--servers uwebsockets: there are crier, gorilla"},
		{[]string{now, now}, nil, "", "another server has that name"},
		{[]string{"gws=" + now}, nil, "", "another server has that name"},
		{[]string{filepath.Join(dir, "none")}, nil, "", "make compare builds what it needs"},
	} {
		c := cli{Crier: test.crier, Servers: test.servers, Bench: filepath.Join(dir, "bench"), Peers: dir}
		all, err := c.choose()
		if err != nil || test.err != "" {
			if err == nil || test.err == "" || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v %v: got %v, want %q", test.crier, test.servers, err, test.err)
			}
			continue
		}
		var got []string
		for _, s := range all {
			got = append(got, s.Name)
			if s.Crier && s.Version != "1234567 with changes" {
				t.Errorf("%s is of commit %q", s.Name, s.Version)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%v %v: got %v, want %s", test.crier, test.servers, got, test.want)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{"--cycles", "0"}, {"-n", "-1"}, {"--no-such-flag"}} {
		var u *usageError
		if err := run(t.Context(), args); !errors.As(err, &u) {
			t.Errorf("%v: got %v", args, err)
		}
	}
}

// TestTurnsThatFail says that a server that does not come up is a turn with a failure, and that the others have theirs.
func TestTurnsThatFail(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"bench", "crier", "gws"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho "+name+" is broken >&2\nexit 3\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	raw := filepath.Join(dir, "raw.json")
	c := cli{Connections: 10, Size: 128, Cycles: 2, Limit: time.Hour, Rounds: 1, Batch: 16, BurstRounds: 1, Servers: []string{"crier", "gws", "kernel"},
		Crier: []string{filepath.Join(dir, "crier")}, Bench: filepath.Join(dir, "bench"), Peers: dir, Raw: raw}
	r, err := c.measure(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Cycles != 2 || len(r.Turns) != 6 {
		t.Fatalf("%d cycles, %d turns", r.Cycles, len(r.Turns))
	}
	for i, want := range []string{"crier is broken", "gws is broken", "bench is broken"} {
		for _, turn := range []turn{r.Turns[i], r.Turns[i+3]} {
			if got := turn.problems(); len(got) != 1 || !strings.Contains(got[0], want) {
				t.Errorf("%s: got %q, want %q", turn.Server, got, want)
			}
		}
	}
	if again, err := load(raw); err != nil || len(again.Turns) != 6 {
		t.Errorf("the file: %v", err)
	}
	if err := c.write(r); err == nil || !strings.Contains(err.Error(), "crier had problems") {
		t.Errorf("write: got %v", err)
	}
}

// TestPeersAreNamed holds the names in the help, the table and the README of bench/peers together.
func TestPeersAreNamed(t *testing.T) {
	if got := names(); got[0] != "crier" || got[len(got)-1] != kernel || len(got) != len(slices.Compact(slices.Sorted(slices.Values(got)))) {
		t.Errorf("got %v", got)
	}
	for _, s := range peers("../peers") {
		if s.Name == kernel {
			continue
		}
		if _, err := os.Stat(filepath.Join("../peers", s.Name)); err != nil {
			t.Error(err)
		}
	}
}
