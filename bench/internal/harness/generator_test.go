package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"testing"

	"crier/bench"
)

// generate behaves as bin/bench does; what it is to do is its scenario.
func generate() int {
	scenario := os.Args[1]
	r := bench.Result{Scenario: scenario, Setup: bench.Setup{Args: os.Args[1:]}}
	fmt.Fprintln(os.Stderr, "progress")
	code := 0
	switch scenario {
	case "lossy":
		r.Problems = []bench.Problem{{What: "3 messages were lost"}}
		code = 1
	case "unclear":
		code = 1
	case "usage":
		fmt.Fprintln(os.Stderr, "bench: --no-such-flag")
		return 2
	case "long":
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt)
		fmt.Fprintln(os.Stderr, "waiting")
		<-interrupted
		code = 1
	}
	json.NewEncoder(os.Stdout).Encode(r)
	return code
}

func TestGenerator(t *testing.T) {
	t.Setenv("HARNESS_TEST", "generator")
	var progress bytes.Buffer
	g := Generator{Path: os.Args[0], Progress: &progress}
	r, err := g.Run(t.Context(), "fine", []string{"-n", "3"}, "ws://x/")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"fine", "--json", "-", "-n", "3", "ws://x/"}; !slices.Equal(r.Setup.Args, want) || len(r.Problems) != 0 {
		t.Errorf("got %q and %v", r.Setup.Args, r.Problems)
	}
	if progress.String() != "progress\n" {
		t.Errorf("progress is %q", &progress)
	}
	for scenario, want := range map[string]string{"lossy": "3 messages were lost", "unclear": "the generator ended with exit status 1"} {
		r, err := g.Run(t.Context(), scenario, nil, "")
		if err != nil || len(r.Problems) != 1 || r.Problems[0].What != want {
			t.Errorf("%s: got %+v, %v", scenario, r, err)
		}
	}
	if _, err := g.Run(t.Context(), "usage", nil, ""); err == nil || !strings.Contains(err.Error(), "--no-such-flag") {
		t.Errorf("usage: got %v", err)
	}
}

// TestStoppedGenerator stops a generator that has begun: what it has found so far is kept.
func TestStoppedGenerator(t *testing.T) {
	t.Setenv("HARNESS_TEST", "generator")
	ctx, cancel := context.WithCancelCause(t.Context())
	g := Generator{Path: os.Args[0], Progress: writer(func(b []byte) {
		if bytes.Contains(b, []byte("waiting")) {
			cancel(errors.New("time is up"))
		}
	})}
	r, err := g.Run(ctx, "long", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) != 1 || r.Problems[0].What != "the run was stopped: time is up" {
		t.Errorf("got %v", r.Problems)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}
