package bench_test

import (
	"fmt"
	"testing"
	"time"

	"crier/bench"
	"crier/bench/internal/rogue"
)

// TestRogueLegal: what a server may do is no problem, however odd it looks.
func TestRogueLegal(t *testing.T) {
	for _, tt := range []struct {
		name  string
		b     rogue.Behaviour
		cfg   bench.Config
		other int // messages of others
	}{
		{name: "correct"},
		{name: "text", cfg: bench.Config{Text: true}},
		{name: "the smallest messages", cfg: bench.Config{Size: bench.MinSize}},
		{name: "large messages", cfg: bench.Config{Size: 100 << 10, Rate: 20}},
		{name: "an odd head", b: rogue.Behaviour{Door: rogue.OddHead}},
		{name: "an answer byte by byte", b: rogue.Behaviour{Head: rogue.Bytewise}},
		{name: "a frame right behind the answer", b: rogue.Behaviour{Greeting: "welcome", Head: rogue.WithFrame}, other: members},
		{name: "a greeting", b: rogue.Behaviour{Greeting: "welcome"}, other: members},
		{name: "a greeting, byte by byte", b: rogue.Behaviour{Greeting: "welcome", Head: rogue.Bytewise, Wire: rogue.Wire{Crumbs: true}}, other: members},
		{name: "a subprotocol that was offered", b: rogue.Behaviour{Door: rogue.Subprotocol("chat")}, cfg: bench.Config{Protocols: []string{"soap", "chat"}}},
		{name: "something around each message", b: rogue.Behaviour{Wire: rogue.Wire{Before: `{"room":"a","data":"`, After: `"}`}}, cfg: bench.Config{Text: true}},
		{name: "an envelope", cfg: bench.Config{Text: true, Envelope: `{"publish":"{}"}`}},
		{name: "several messages in a frame", b: rogue.Behaviour{Wire: rogue.Wire{Gather: 4}}},
		{name: "several messages in a fragmented frame", b: rogue.Behaviour{Wire: rogue.Wire{Gather: 4, Fragment: 100, Before: "[", After: "]"}}},
		{name: "fragments", b: rogue.Behaviour{Wire: rogue.Wire{Fragment: 7}}},
		{name: "fragments of text", b: rogue.Behaviour{Wire: rogue.Wire{Fragment: 1, Before: "für → "}}, cfg: bench.Config{Text: true, Rate: 50}},
		{name: "pings", b: rogue.Behaviour{Wire: rogue.Wire{Ping: true}}},
		{name: "pings in fragments", b: rogue.Behaviour{Wire: rogue.Wire{Ping: true, Fragment: 50}}},
		{name: "crumbs", b: rogue.Behaviour{Wire: rogue.Wire{Crumbs: true}}},
		{name: "crumbs of everything", b: rogue.Behaviour{Wire: rogue.Wire{Crumbs: true, Ping: true, Fragment: 50, Gather: 2, Before: "("}}},
		{name: "a late join", b: rogue.Behaviour{JoinAfter: 100 * time.Millisecond}},
		{name: "a very late join", b: rogue.Behaviour{JoinAfter: 2500 * time.Millisecond}},
		{name: "the first message takes its time", b: rogue.Behaviour{Fault: rogue.Fault{Do: rogue.Pause, At: 1, For: 2500 * time.Millisecond}}},
		{name: "the first messages are missed", b: rogue.Behaviour{Miss: 2}},
		{
			name: "pings of its own", b: rogue.Behaviour{Ask: 2 * time.Second},
			cfg: bench.Config{Answers: []bench.Answer{{To: "marco", With: "polo"}, {To: "ping", With: "pong"}}},
		},
		{name: "a bound that nobody reaches", b: rogue.Behaviour{Queue: 10_000, Full: rogue.RST}},
	} {
		for _, scenario := range []string{bench.ScenarioRate, bench.ScenarioBurst} {
			t.Run(scenario+": "+tt.name, func(t *testing.T) {
				t.Parallel()
				s := rogue.Start(t, tt.b)
				cfg := tt.cfg
				cfg.Scenario, cfg.Rounds, cfg.Batch, cfg.Patience = scenario, 5, 8, 20*time.Second
				res := run(t, s, cfg)
				blames(t, res)
				tallied(t, res, tally{other: tt.other})
				c := s.Counts()
				if tt.b.Miss == 0 && tt.b.JoinAfter == 0 {
					complete(t, s, res, 0)
				} else if res.Tally.Received != int64(c.Due-c.Missed) {
					t.Errorf("%d deliveries came, want %d", res.Tally.Received, c.Due-c.Missed)
				}
				if c.Accepted != members || c.Removed != 0 {
					t.Errorf("the server counts %+v", c)
				}
				if c.Pongs > c.Pings || c.Pings > 0 && c.Pongs == 0 {
					t.Errorf("%d pings have been answered %d times", c.Pings, c.Pongs)
				}
				if tt.b.Ask > 0 && c.Answered < members {
					t.Errorf("%d of %d application pings were answered", c.Answered, c.Asked)
				}
				if tt.b.Wire.Gather > 1 && scenario == bench.ScenarioBurst && c.Gathered == 0 {
					t.Error("no frame had several messages")
				}
				if r := res.Burst; scenario == bench.ScenarioBurst && (r == nil || r.Rounds != 5 || r.Batch != 8 || r.Deliveries != 5*8*members) {
					t.Errorf("the burst was %+v", r)
				}
				if r := res.Stream; scenario == bench.ScenarioRate {
					want := int64(cfg.Rate / 2)
					if want == 0 {
						want = 200
					}
					if r == nil || r.Messages != want || r.Deliveries != want*members {
						t.Errorf("the stream was %+v, want %d messages", r, want)
					}
				}
			})
		}
	}
}

// TestRogueHello: what the clients say first comes back to those who are there; it is no message of the run.
func TestRogueHello(t *testing.T) {
	s := rogue.Start(t, rogue.Behaviour{})
	res := run(t, s, bench.Config{Scenario: bench.ScenarioFanout, Rounds: 3, Hello: []string{"subscribe", "Cr1"}})
	blames(t, res)
	if hellos := s.Counts().Messages - int(res.Tally.Sent); hellos != 2*members {
		t.Errorf("%d hellos came, want %d", hellos, 2*members)
	}
	if res.Tally.Other < 2*members || res.Tally.Lost != 0 {
		t.Errorf("%+v", res.Tally)
	}
}

// TestRogueTwoRuns: two runs on one server do not mistake each other's messages for their own.
func TestRogueTwoRuns(t *testing.T) {
	s := rogue.Start(t, rogue.Behaviour{})
	long := make(chan *bench.Result)
	t.Run("both", func(t *testing.T) {
		t.Run("long", func(t *testing.T) {
			t.Parallel()
			res := run(t, s, bench.Config{Scenario: bench.ScenarioRate, Rate: 100, Duration: 3 * time.Second})
			blames(t, res)
			go func() { long <- res }()
		})
		t.Run("short", func(t *testing.T) {
			t.Parallel()
			s.Await(t, "the first run has begun", func(c rogue.Counts) bool { return c.Messages > 20 })
			res := run(t, s, bench.Config{Scenario: bench.ScenarioFanout, Rounds: 5, Connections: 5})
			blames(t, res)
			if res.Tally.Other == 0 {
				t.Error("it has heard nothing of the other run")
			}
			tallied(t, res, tally{other: int(res.Tally.Other)})
		})
	})
	if res := <-long; res.Tally.Received != res.Tally.Sent*members || res.Tally.Other == 0 {
		t.Errorf("%+v", res.Tally)
	}
}

// TestRogueIslands: two processes on one port, each with half of the members. The run has a publisher on each.
func TestRogueIslands(t *testing.T) {
	for _, scenario := range []string{bench.ScenarioRate, bench.ScenarioBurst} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			s := rogue.Start(t, rogue.Behaviour{Islands: 2})
			res := run(t, s, bench.Config{Scenario: scenario, Rounds: 3, Patience: 10 * time.Second})
			blames(t, res)
			tallied(t, res, tally{})
			if c := s.Counts(); res.Setup.Publishers != 2 || res.Tally.Received != int64(c.Due-c.Missed) {
				t.Errorf("%d publishers and %d deliveries, want 2 and %d", res.Setup.Publishers, res.Tally.Received, c.Due-c.Missed)
			}
		})
	}
}

// TestRogueLate: members that came late never get anything, not even from themselves.
func TestRogueLate(t *testing.T) {
	for _, tt := range []struct {
		scenario string
		patience time.Duration
	}{
		{bench.ScenarioRate, time.Second}, {bench.ScenarioFanout, time.Second},
		{bench.ScenarioFanout, 4 * time.Second}, // long enough to look for a second process
	} {
		t.Run(fmt.Sprint(tt.scenario, " ", tt.patience), func(t *testing.T) {
			t.Parallel()
			s := rogue.Start(t, rogue.Behaviour{Late: 13})
			// One at a time, so that the first client is the first member.
			res := run(t, s, bench.Config{Scenario: tt.scenario, Rounds: 3, Connecting: 1, Patience: tt.patience})
			blames(t, res, "7 of 20 clients have got nothing")
			if res.Connect.Open != members {
				t.Errorf("%d are in, want all", res.Connect.Open)
			}
		})
	}
}
