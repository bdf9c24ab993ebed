package bench_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"crier/bench"
	"crier/bench/internal/rogue"
)

// An end from outside keeps what was found until then, and blames nobody for what was never sent.
func TestInterruptedWhileMessagesFlow(t *testing.T) {
	for _, test := range []struct {
		scenario, phase string
		procs           int
	}{
		{bench.ScenarioRate, "stream", 1}, {bench.ScenarioRate, "stream", 2}, {bench.ScenarioSlow, "stream", 1}, {bench.ScenarioStorm, "storm", 2},
		{bench.ScenarioFanout, "fanout", 1}, {bench.ScenarioBurst, "burst", 2},
	} {
		t.Run(test.scenario+[]string{"", "/here", "/children"}[test.procs], func(t *testing.T) {
			t.Parallel()
			s := rogue.Start(t, rogue.Behaviour{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := bench.Run(ctx, bench.Config{
				Scenario: test.scenario, URL: s.URL(), Connections: 20, Procs: test.procs, Command: []string{os.Args[0], childArg},
				Rate: 200, Duration: time.Hour, Rounds: 1e6, Slow: 10, Pause: time.Millisecond,
				OnSample: func(s bench.Sample) {
					if s.Phase == test.phase && s.Deliveries > 200 {
						cancel()
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Problems) != 1 || r.Problems[0].What != "interrupted" {
				t.Errorf("problems: %q", r.Problems)
			}
			if c := s.Counts(); r.Tally.Lost != 0 || r.Tally.Sent != int64(c.Messages) || r.Tally.Sent < 5 {
				t.Errorf("tally %+v, the server got %d messages", r.Tally, c.Messages)
			}
			switch {
			case r.Fanout != nil:
				if r.Fanout.Rounds == 0 || r.Fanout.Last.Count == 0 {
					t.Errorf("fanout: %+v", r.Fanout)
				}
			case r.Burst != nil:
				if r.Burst.Rounds == 0 || r.Burst.Last.Count == 0 {
					t.Errorf("burst: %+v", r.Burst)
				}
			case r.Stream == nil || r.Stream.Messages == 0 || r.Stream.Latency.Count == 0 || r.Stream.Messages != r.Stream.SendDelay.Count:
				t.Errorf("stream: %+v", r.Stream)
			}
		})
	}
}

// A server that sends back what it gets, but not to others, is no broadcast: it is told of, and soon.
func TestEchoIsNoBroadcast(t *testing.T) {
	s := rogue.Start(t, rogue.Behaviour{Islands: 1000})
	r, err := bench.Run(t.Context(), bench.Config{Scenario: bench.ScenarioFanout, URL: s.URL(), Connections: 30, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].String(), "clients hear only what they say themselves") || r.Setup.Publishers > 3 {
		t.Errorf("%d publishers, problems %q", r.Setup.Publishers, r.Problems)
	}
}

// A server that lets some in and then answers nobody is not asked for each of the others in turn.
func TestFullServerThatSaysNothing(t *testing.T) {
	s := rogue.Start(t, rogue.Behaviour{Door: rogue.Silence, Welcome: 20})
	r, err := bench.Run(t.Context(), bench.Config{
		Scenario: bench.ScenarioFanout, URL: s.URL(), Connections: 900, Connecting: 40, ConnectTimeout: 200 * time.Millisecond, Rounds: 2})
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Connect; c.Open != 20 || c.Failed > 200 || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].What, "were not tried after that") || r.Fanout == nil {
		t.Errorf("connect %+v, problems %q", c, r.Problems)
	}
}

// A process of the generator that is killed is told of, and what it held is not called lost by the server.
func TestChildThatIsKilled(t *testing.T) {
	s := rogue.Start(t, rogue.Behaviour{})
	var once sync.Once
	r, err := bench.Run(t.Context(), bench.Config{
		Scenario: bench.ScenarioRate, URL: s.URL(), Connections: 20, Procs: 2, Rate: 200, Duration: 2 * time.Second, Command: []string{os.Args[0], childArg},
		OnSample: func(sample bench.Sample) {
			if sample.Phase == "stream" {
				once.Do(func() { killAChild(t) })
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, p := range r.Problems {
		told = told || strings.Contains(p.What, "generator process")
		if strings.Contains(p.What, "lost") {
			t.Errorf("blamed: %q", p)
		}
	}
	if !told {
		t.Errorf("nobody tells: %q", r.Problems)
	}
}

// killAChild kills one process that this one has started.
func killAChild(t *testing.T) {
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // a thread that has ended
		}
		for _, word := range strings.Fields(string(b)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Error("no child to be seen")
}
