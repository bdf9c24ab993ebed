package bench_test

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode"

	"crier/bench"
	"crier/bench/internal/rogue"
)

// members is how many clients a run against a rogue server has.
const members = 20

// patience is how long a run waits for what does not come; a server that is only slow must be faster.
const patience = time.Second

// run runs cfg against a server, with small figures for all that cfg leaves out, and looks at what holds for every run.
func run(t *testing.T, s *rogue.Server, cfg bench.Config) *bench.Result {
	t.Helper()
	cfg.URL = s.URL()
	if cfg.Connections == 0 {
		cfg.Connections = members
	}
	if cfg.Patience == 0 {
		cfg.Patience = patience
	}
	if cfg.Rate == 0 {
		cfg.Rate = 400
	}
	if cfg.Duration == 0 {
		cfg.Duration = time.Second / 2
	}
	if cfg.Hold == 0 {
		cfg.Hold = 100 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := bench.Run(ctx, cfg)
	if err != nil {
		t.Fatalf("the run did not begin: %v", err)
	}
	if ctx.Err() != nil {
		t.Errorf("the run did not end by itself")
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the run found %+v\nthe server did %+v", res.Tally, s.Counts())
		}
	})
	t.Logf("problems: %q", res.Problems)
	for _, p := range res.Problems {
		if strings.ContainsFunc(p.String(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("a problem is not one line of text: %q", p.String())
		}
	}
	return res
}

// blames checks the problems: each word is in one of them at least, and each problem has one of the words. A word may be several, with | between.
func blames(t *testing.T, res *bench.Result, words ...string) {
	t.Helper()
	has := func(p bench.Problem, word string) bool {
		for w := range strings.SplitSeq(word, "|") {
			if strings.Contains(p.What, w) {
				return true
			}
		}
		return false
	}
	for _, word := range words {
		found := false
		for _, p := range res.Problems {
			found = found || has(p, word)
		}
		if !found {
			t.Errorf("no problem tells %q: %q", word, res.Problems)
		}
	}
	for _, p := range res.Problems {
		known := false
		for _, word := range words {
			known = known || has(p, word)
		}
		if !known {
			t.Errorf("a problem that there is not: %q", p)
		}
	}
}

// a tally is what of a bench.Tally follows from the fault alone.
type tally struct{ lost, doubled, reordered, damaged, other, ended int }

func tallied(t *testing.T, res *bench.Result, want tally) {
	t.Helper()
	got := tally{
		int(res.Tally.Lost), int(res.Tally.Doubled), int(res.Tally.Reordered), int(res.Tally.Damaged), int(res.Tally.Other), res.Tally.Ended,
	}
	if got != want {
		t.Errorf("the tally is %+v, want %+v", got, want)
	}
}

// complete checks that every delivery that the server owed has been counted, but for so many.
func complete(t *testing.T, s *rogue.Server, res *bench.Result, but int) {
	t.Helper()
	if c := s.Counts(); res.Tally.Sent != int64(c.Messages) || res.Tally.Received != int64(c.Due-but) {
		t.Errorf("%d messages were sent and %d deliveries came, want %d and %d", res.Tally.Sent, res.Tally.Received, c.Messages, c.Due-but)
	}
}

// TestRogueDeliveries: at a fixed rate, the run goes on to its end and every fault is found as often as there was one.
func TestRogueDeliveries(t *testing.T) {
	const late = 50 // behind the warm-up
	for _, tt := range []struct {
		name   string
		fault  rogue.Fault
		tally  func(c rogue.Counts) tally
		blames []string
	}{
		{
			"every 1000th delivery is lost", rogue.Fault{Do: rogue.Lose, Every: 1000},
			func(c rogue.Counts) tally { return tally{lost: c.Hits} }, []string{"lost"},
		}, {
			"every 7th delivery is lost", rogue.Fault{Do: rogue.Lose, Every: 7, At: late},
			func(c rogue.Counts) tally { return tally{lost: c.Hits} }, []string{"lost"},
		}, {
			"every 50th message is lost for everybody", rogue.Fault{Do: rogue.Lose, EveryMessage: 50},
			func(c rogue.Counts) tally { return tally{lost: c.Hits} }, []string{"lost"},
		}, {
			"one member loses one", rogue.Fault{Do: rogue.Lose, At: late, Member: 3},
			func(rogue.Counts) tally { return tally{lost: 1} }, []string{"lost: 1 delivery|lost: 1 deliveries"},
		}, {
			"the publisher loses one", rogue.Fault{Do: rogue.Lose, At: late, Member: rogue.Sender},
			func(rogue.Counts) tally { return tally{lost: 1} }, []string{"lost"},
		}, {
			"one member loses every second one", rogue.Fault{Do: rogue.Lose, At: late, EveryMessage: 2, Member: 3}, // more gaps than are remembered
			func(c rogue.Counts) tally { return tally{lost: c.Hits} }, []string{"lost"},
		}, {
			"two are swapped for one member", rogue.Fault{Do: rogue.Swap, At: late, Member: 3},
			func(rogue.Counts) tally { return tally{reordered: 1} }, []string{"order"},
		}, {
			"two are swapped for everybody", rogue.Fault{Do: rogue.Swap, At: late},
			func(rogue.Counts) tally { return tally{reordered: members} }, []string{"order"},
		}, {
			"one comes twice", rogue.Fault{Do: rogue.Twice, At: late, Member: 3},
			func(rogue.Counts) tally { return tally{doubled: 1} }, []string{"doubled"},
		}, {
			"one comes twice to everybody", rogue.Fault{Do: rogue.Twice, At: late},
			func(rogue.Counts) tally { return tally{doubled: members} }, []string{"doubled"},
		}, {
			"the first of all comes twice", rogue.Fault{Do: rogue.Twice, At: 1, Member: 3},
			func(rogue.Counts) tally { return tally{doubled: 1} }, []string{"doubled"},
		}, {
			"the last byte is wrong", rogue.Fault{Do: rogue.Damage, At: late, Member: 3, Offset: -1},
			func(rogue.Counts) tally { return tally{damaged: 1} }, []string{"damaged"},
		}, {
			"a byte in the middle is wrong", rogue.Fault{Do: rogue.Damage, At: late, Member: 3, Offset: 70},
			func(rogue.Counts) tally { return tally{damaged: 1} }, []string{"damaged"},
		}, {
			"the number is wrong", rogue.Fault{Do: rogue.Damage, At: late, Member: 3, Offset: 12},
			func(rogue.Counts) tally { return tally{damaged: 1, lost: 1} }, []string{"damaged", "lost"},
		}, {
			"the first byte is wrong", rogue.Fault{Do: rogue.Damage, At: late, Member: 3},
			func(rogue.Counts) tally { return tally{other: 1, lost: 1} }, []string{"lost"},
		}, {
			"something else comes", rogue.Fault{Do: rogue.Foreign, At: late, Member: 3},
			func(rogue.Counts) tally { return tally{other: 1, lost: 1} }, []string{"lost"},
		}, {
			"half of it comes", rogue.Fault{Do: rogue.Foreign, At: late, Member: 3, Text: "Cr1:AAAA"},
			func(rogue.Counts) tally { return tally{damaged: 1, lost: 1} }, []string{"damaged", "lost"},
		}, {
			"one member gets nothing any more", rogue.Fault{Do: rogue.Stall, At: late, Member: 3},
			func(c rogue.Counts) tally { return tally{lost: c.Withheld} }, []string{"lost"},
		}, {
			"nobody gets anything any more", rogue.Fault{Do: rogue.Stall, At: late},
			func(c rogue.Counts) tally { return tally{lost: c.Withheld} }, []string{"lost"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := rogue.Start(t, rogue.Behaviour{Fault: tt.fault})
			res := run(t, s, bench.Config{Scenario: bench.ScenarioRate})
			c := s.Counts()
			if c.Hits == 0 {
				t.Error("the server has done nothing wrong")
			}
			want := tt.tally(c)
			tallied(t, res, want)
			blames(t, res, tt.blames...)
			complete(t, s, res, want.lost)
			if res.Stream == nil || res.Stream.Messages != 200 {
				t.Errorf("the stream is %+v, want 200 messages", res.Stream)
			}
		})
	}
}

// TestRogueMany: what is lost here and there is found among many members, too.
func TestRogueMany(t *testing.T) {
	const many = 200
	s := rogue.Start(t, rogue.Behaviour{Fault: rogue.Fault{Do: rogue.Lose, Every: 1000}})
	res := run(t, s, bench.Config{Scenario: bench.ScenarioRate, Connections: many, Rate: 100})
	hits := s.Counts().Hits
	tallied(t, res, tally{lost: hits})
	blames(t, res, "lost")
	complete(t, s, res, hits)
	if want := int(res.Tally.Sent) * many / 1000; hits != want {
		t.Errorf("the server has lost %d, want %d", hits, want)
	}
}

// TestRogueRounds: a round that is not complete is the last one. What was found before is kept.
func TestRogueRounds(t *testing.T) {
	const late = 20 // a round or more behind the warm-up, and before the last
	for _, tt := range []struct {
		name   string
		fault  rogue.Fault
		tally  func(c rogue.Counts) tally
		stops  bool
		blames []string
	}{
		{
			"every 400th delivery is lost", rogue.Fault{Do: rogue.Lose, Every: 400},
			func(c rogue.Counts) tally { return tally{lost: c.Hits} }, true, []string{"lost"},
		}, {
			"a message is lost", rogue.Fault{Do: rogue.Lose, At: late},
			func(rogue.Counts) tally { return tally{lost: members} }, true, []string{"lost"},
		}, {
			"one member gets nothing any more", rogue.Fault{Do: rogue.Stall, At: late, Member: 3},
			func(c rogue.Counts) tally { return tally{lost: c.Withheld} }, true, []string{"lost"},
		}, {
			"nobody gets anything any more", rogue.Fault{Do: rogue.Stall, At: late},
			func(c rogue.Counts) tally { return tally{lost: c.Withheld} }, true, []string{"lost"},
		}, {
			"something else comes", rogue.Fault{Do: rogue.Foreign, At: late, Member: 3},
			func(rogue.Counts) tally { return tally{other: 1, lost: 1} }, true, []string{"lost"},
		}, {
			"the number is wrong", rogue.Fault{Do: rogue.Damage, At: late, Member: 3, Offset: 12},
			func(rogue.Counts) tally { return tally{damaged: 1, lost: 1} }, true, []string{"damaged", "lost"},
		}, {
			"one comes twice", rogue.Fault{Do: rogue.Twice, At: late, Member: 3},
			func(rogue.Counts) tally { return tally{doubled: 1} }, false, []string{"doubled"},
		}, {
			"the last byte is wrong", rogue.Fault{Do: rogue.Damage, At: late, Member: 3, Offset: -1},
			func(rogue.Counts) tally { return tally{damaged: 1} }, false, []string{"damaged"},
		},
	} {
		for _, scenario := range []string{bench.ScenarioFanout, bench.ScenarioBurst} {
			t.Run(scenario+": "+tt.name, func(t *testing.T) {
				t.Parallel()
				const rounds = 40
				s := rogue.Start(t, rogue.Behaviour{Fault: tt.fault})
				res := run(t, s, bench.Config{Scenario: scenario, Rounds: rounds, Batch: 4})
				if s.Counts().Hits == 0 {
					t.Error("the server has done nothing wrong")
				}
				want := tt.tally(s.Counts())
				tallied(t, res, want)
				complete(t, s, res, want.lost)
				r := res.Fanout
				if scenario == bench.ScenarioBurst {
					r = res.Burst
				}
				if r == nil {
					t.Fatal("what was found is not kept")
				}
				if tt.stops {
					// The engine may tell of the round, too.
					blames(t, res, append(tt.blames, "have not come")...)
				} else {
					blames(t, res, tt.blames...)
				}
				if tt.stops && (r.Rounds == 0 || r.Rounds >= rounds) || !tt.stops && r.Rounds != rounds {
					t.Errorf("%d of %d rounds were complete", r.Rounds, rounds)
				}
				if r.Last.Count != int64(r.Rounds) || r.Deliveries < int64(r.Rounds*r.Batch*members) {
					t.Errorf("of %d rounds there are %d times and %d deliveries", r.Rounds, r.Last.Count, r.Deliveries)
				}
			})
		}
	}
}

// TestRogueSwapInBurst: two messages in the middle of a batch are swapped; the round is complete all the same.
func TestRogueSwapInBurst(t *testing.T) {
	for _, n := range []int{1, members} {
		fault := rogue.Fault{Do: rogue.Swap, At: 40}
		if n == 1 {
			fault.Member = 3
		}
		s := rogue.Start(t, rogue.Behaviour{Fault: fault})
		res := run(t, s, bench.Config{Scenario: bench.ScenarioBurst, Rounds: 2, Batch: 64})
		tallied(t, res, tally{reordered: n})
		blames(t, res, "order")
		complete(t, s, res, 0)
		if res.Burst.Rounds != 2 {
			t.Errorf("%d rounds were complete, want 2", res.Burst.Rounds)
		}
	}
}

// TestRogueSurvey: what is lost in the burst does not touch what the fanout has found.
func TestRogueSurvey(t *testing.T) {
	s := rogue.Start(t, rogue.Behaviour{Fault: rogue.Fault{Do: rogue.Lose, At: 60, Member: 1}})
	res := run(t, s, bench.Config{Scenario: bench.ScenarioSurvey, Rounds: 10, Batch: 16})
	tallied(t, res, tally{lost: 1})
	if res.Fanout == nil || res.Fanout.Rounds != 10 || res.Idle == nil {
		t.Errorf("the fanout was %+v, the idle time %+v, want both whole", res.Fanout, res.Idle)
	}
	if res.Burst == nil || res.Burst.Rounds >= 10 {
		t.Error("the burst was to end early")
	}
}
