package bench_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"crier/bench"
)

// Each scenario against a real node, in one process and in two: nothing is wrong, and everything that it promises is there.
func TestScenariosAgainstANode(t *testing.T) {
	server := startNode(t)
	const n = 60
	for _, test := range []struct {
		name  string
		cfg   bench.Config
		check func(t *testing.T, r *bench.Result)
	}{
		{"idle", bench.Config{Hold: 50 * time.Millisecond}, func(t *testing.T, r *bench.Result) {
			if r.Idle == nil || r.Idle.Seconds < 0.05 || r.Idle.Dropped != 0 {
				t.Errorf("idle: %+v", r.Idle)
			}
		}},
		{"fanout", bench.Config{Rounds: 5}, func(t *testing.T, r *bench.Result) { checkRounds(t, r.Fanout, 1, 5, n) }},
		{"burst", bench.Config{Rounds: 5, Bursts: 3, Batch: 20}, func(t *testing.T, r *bench.Result) { checkRounds(t, r.Burst, 20, 3, n) }},
		{"survey", bench.Config{Rounds: 3, Hold: 50 * time.Millisecond}, func(t *testing.T, r *bench.Result) {
			checkRounds(t, r.Fanout, 1, 3, n)
			checkRounds(t, r.Burst, 16, 3, n)
		}},
		{"rate", bench.Config{Rate: 200, Duration: 500 * time.Millisecond}, func(t *testing.T, r *bench.Result) { checkStream(t, r, 100, 100*n) }},
		{"slow", bench.Config{Rate: 200, Duration: 500 * time.Millisecond, Slow: 10}, func(t *testing.T, r *bench.Result) {
			checkStream(t, r, 100, 100*(n-n/10))
			if r.Slow == nil || r.Slow.Members != n/10 || r.Slow.Removed != 0 || r.Slow.Closed != 0 {
				t.Errorf("slow: %+v", r.Slow)
			}
		}},
		{"storm", bench.Config{Rate: 50, Duration: time.Second, Stay: 20}, func(t *testing.T, r *bench.Result) {
			// A fifth stays, and so does the first of each process, which may be a publisher.
			if s := r.Storm; s == nil || s.Mode != "restart" || s.Cut != n-n/5-r.Setup.Procs || s.Back != s.Cut || s.Failed != 0 || s.Handshake.Count != int64(s.Cut) {
				t.Errorf("storm: %+v", s)
			}
			checkStream(t, r, 50, 50)
		}},
		{"storm", bench.Config{Rate: 50, Duration: time.Second, Churn: 100}, func(t *testing.T, r *bench.Result) {
			if s := r.Storm; s == nil || s.Mode != "churn" || s.Cut < 50 || s.Cut > 60 || s.Back != s.Cut || s.Failed != 0 {
				t.Errorf("storm: %+v", s)
			}
		}},
		{"limit", bench.Config{Rounds: 3}, func(t *testing.T, r *bench.Result) {
			checkRounds(t, r.Fanout, 1, 3, n)
			checkRounds(t, r.Burst, 16, 3, n)
		}},
	} {
		for _, procs := range []int{1, 2} {
			mode := ""
			if test.cfg.Churn > 0 {
				mode = "-churn"
			}
			t.Run(test.name+mode+"/"+[]string{"", "here", "children"}[procs], func(t *testing.T) {
				cfg := test.cfg
				cfg.Scenario, cfg.Connections, cfg.Procs, cfg.Command = test.name, n, procs, []string{os.Args[0], childArg}
				if test.name != "limit" {
					cfg.URL = "ws://" + server.addr + "/chat"
				}
				if test.name == "survey" { // the others need not wait for its memory to settle
					cfg.PIDs = []int{server.cmd.Process.Pid}
				}
				r, err := bench.Run(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range r.Problems {
					t.Error(p)
				}
				if r.Connect == nil || r.Connect.Open != n || r.Connect.Failed != 0 || r.Connect.Handshake.Count != n {
					t.Errorf("connect: %+v", r.Connect)
				}
				if r.Tally.Lost+r.Tally.Doubled+r.Tally.Reordered+r.Tally.Damaged+r.Tally.Other != 0 || r.Tally.Ended != 0 {
					t.Errorf("tally: %+v", r.Tally)
				}
				if s := r.Server; len(cfg.PIDs) > 0 && (s == nil || s.Source != "pid" || s.Processes != 1 || s.CPUSeconds <= 0 || s.RSSStart <= 0 || s.RSSEnd <= 0 || s.RSSPeak < s.RSSEnd) {
					t.Errorf("server %+v", s)
				}
				if r.Generator.CPUSeconds <= 0 || r.Generator.RSS <= 0 {
					t.Errorf("generator %+v", r.Generator)
				}
				test.check(t, r)
			})
		}
	}
}

func checkRounds(t *testing.T, r *bench.Rounds, batch, rounds, n int) {
	t.Helper()
	if r == nil || r.Batch != batch || r.Rounds != rounds || r.Deliveries != int64(batch*rounds*n) ||
		r.Last.Count != int64(rounds) || r.Each.Count != r.Deliveries || r.Last.Max <= 0 || r.Last.P50 < r.Each.Min || r.Each.Max > r.Last.Max*1.01 ||
		r.PerSecond <= 0 || r.GeneratorCPU <= 0 {
		t.Errorf("rounds: %+v", r)
	}
}

// checkStream wants so many messages, and at least so many recorded deliveries.
func checkStream(t *testing.T, r *bench.Result, messages, deliveries int64) {
	t.Helper()
	s := r.Stream
	if s == nil || s.Messages != messages || s.SendDelay.Count != messages || s.Deliveries < deliveries || s.Latency.Count < deliveries/2 ||
		s.Latency.P50 <= 0 || s.Latency.P50 > s.Latency.P99 || s.PerSecond <= 0 {
		t.Errorf("stream: %+v", s)
	}
}

// Several processes on one port are several rooms: the generator finds out, and has a publisher in each.
func TestSeveralNodesOnOnePort(t *testing.T) {
	first := startNode(t, "--reuse-port")
	startNode(t, "--reuse-port", "--listen", first.addr)
	const n = 80
	r, err := bench.Run(t.Context(), bench.Config{
		Scenario: bench.ScenarioFanout, URL: "ws://" + first.addr + "/chat", Connections: n, Procs: 2, Rounds: 5, Command: []string{os.Args[0], childArg},
	})
	if err != nil {
		t.Fatal(err)
	}
	// The kernel spreads 80 connections over two listeners: that one gets none is less likely than anything else that can go wrong.
	if len(r.Problems) > 0 || r.Setup.Publishers != 2 || r.Fanout == nil || r.Fanout.Deliveries != 5*n {
		t.Errorf("%d publishers, fanout %+v, problems %v", r.Setup.Publishers, r.Fanout, r.Problems)
	}
}

func TestMetricsInsteadOfPID(t *testing.T) {
	server := startNode(t)
	r, err := bench.Run(t.Context(), bench.Config{
		Scenario: bench.ScenarioFanout, URL: "ws://" + server.addr + "/chat", Connections: 10, Rounds: 2, Metrics: "http://" + server.admin + "/metrics",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) > 0 || r.Server == nil || r.Server.Source != "metrics" || r.Server.RSSEnd < 1<<20 {
		t.Errorf("server %+v, problems %v", r.Server, r.Problems)
	}
}

// An end from outside keeps what was found until then.
func TestInterrupted(t *testing.T) {
	server := startNode(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := bench.Run(ctx, bench.Config{
		Scenario: bench.ScenarioIdle, URL: "ws://" + server.addr + "/chat", Connections: 10, Hold: time.Hour,
		OnSample: func(s bench.Sample) {
			if s.Phase == "idle" {
				cancel()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Connect == nil || r.Connect.Open != 10 || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].String(), "interrupted") {
		t.Errorf("connect %+v, problems %v", r.Connect, r.Problems)
	}
}

// A process of the generator that dies is told of.
func TestChildThatDoesNotStart(t *testing.T) {
	_, err := bench.Run(t.Context(), bench.Config{
		Scenario: bench.ScenarioIdle, URL: "ws://127.0.0.1:1/", Connections: 10, Procs: 2, Command: []string{os.Args[0], childArg, "nonsense"},
	})
	if err == nil || !strings.Contains(err.Error(), "generator process") {
		t.Errorf("got %v, want an error about a generator process", err)
	}
}
