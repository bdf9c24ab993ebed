package bench_test

import (
	"strings"
	"testing"
	"time"

	"crier/bench"
	"crier/bench/internal/rogue"
)

// ends checks that so many connections have ended, all for one reason that holds one of these words.
func ends(t *testing.T, got []bench.Reason, n int, words string) {
	t.Helper()
	count := 0
	for _, r := range got {
		found := false
		for w := range strings.SplitSeq(words, "|") {
			found = found || strings.Contains(r.Reason, w)
		}
		if !found {
			t.Errorf("one ended with %q, want %q", r.Reason, words)
		}
		count += r.Count
	}
	if count != n {
		t.Errorf("the reasons %v are of %d, want %d", got, count, n)
	}
}

// TestRogueEnds: the server ends one connection, or all; or says what makes the client end it.
func TestRogueEnds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault rogue.Fault
		why   string
	}{
		{"close", rogue.Fault{Do: rogue.Close, Text: "too slow"}, `closed with 1013 "too slow"`},
		{"close without a reason", rogue.Fault{Do: rogue.Close, Code: 1001}, "closed with 1001"},
		{"close without a code", rogue.Fault{Do: rogue.Close, Code: 1005}, "closed without a code"},
		{"close with an odd reason", rogue.Fault{Do: rogue.Close, Code: 4000, Text: "one\ntwo\x1b[31m\u202e"}, "closed with 4000"},
		{"end", rogue.Fault{Do: rogue.FIN}, "without a close frame"},
		{"reset", rogue.Fault{Do: rogue.RST}, "reset"},
		{"a mask", rogue.Fault{Do: rogue.Masked}, "mask"},
		{"a reserved bit", rogue.Fault{Do: rogue.Reserved}, "rsv|reserved"},
		{"bad text", rogue.Fault{Do: rogue.BadText}, "UTF-8|utf8"},
		{"1 GiB", rogue.Fault{Do: rogue.Enormous}, "big|large"},
	} {
		for _, all := range []bool{false, true} {
			for _, scenario := range []string{bench.ScenarioRate, bench.ScenarioFanout} {
				name, n := scenario+": "+tt.name, 1
				if all {
					name, n = name+", all", members
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					fault := tt.fault
					fault.At = 20
					if !all {
						fault.Member = 3
					}
					s := rogue.Start(t, rogue.Behaviour{Fault: fault})
					res := run(t, s, bench.Config{Scenario: scenario, Rounds: 30})
					if res.Tally.Ended != n {
						t.Errorf("%d have ended, want %d", res.Tally.Ended, n)
					}
					ends(t, res.Tally.EndedByWhy, n, tt.why)
					if got := res.Tally; got.Doubled+got.Reordered+got.Damaged+got.Other != 0 {
						t.Errorf("%+v", got)
					}
					if all {
						// The publisher has ended, too: the scenario has to end.
						blames(t, res, "the server ended 20 of 20 connections", "publisher|no connection is left")
					} else {
						blames(t, res, "the server ended 1 of 20 connections")
						if scenario == bench.ScenarioRate && res.Stream.Messages != 200 {
							t.Errorf("%d messages were sent, want all 200", res.Stream.Messages)
						}
					}
				})
			}
		}
	}
}

// TestRogueDies: the server is gone in the middle.
func TestRogueDies(t *testing.T) {
	for _, scenario := range []string{bench.ScenarioRate, bench.ScenarioFanout, bench.ScenarioBurst, bench.ScenarioSlow, bench.ScenarioStorm} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			s := rogue.Start(t, rogue.Behaviour{Fault: rogue.Fault{Do: rogue.Die, At: 30, Member: 1}})
			res := run(t, s, bench.Config{Scenario: scenario, Rounds: 40, Rate: 100, Duration: time.Second, ConnectTimeout: 2 * time.Second})
			if len(res.Problems) == 0 {
				t.Fatal("no problem")
			}
			switch scenario {
			case bench.ScenarioRate, bench.ScenarioFanout, bench.ScenarioBurst:
				if res.Tally.Ended != members {
					t.Errorf("%d have ended, want %d", res.Tally.Ended, members)
				}
				ends(t, res.Tally.EndedByWhy, members, "without a close frame|reset")
			}
			if res.Tally.Received == 0 || res.Connect == nil || res.Connect.Open != members {
				t.Errorf("what was found before is not kept: %+v, %+v", res.Tally, res.Connect)
			}
		})
	}
}

// TestRogueIdle: connections end on which nothing happens.
func TestRogueIdle(t *testing.T) {
	for name, fault := range map[string]rogue.Fault{
		"one": {Do: rogue.Close, At: members, Member: 3, Text: "idle"}, "all": {Do: rogue.Close, At: members, Text: "idle"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := 1
			if fault.Member == 0 {
				want = members
			}
			// What is said first is what the fault counts; the end comes when everybody is in.
			s := rogue.Start(t, rogue.Behaviour{Fault: fault, Delay: 500 * time.Millisecond})
			res := run(t, s, bench.Config{Scenario: bench.ScenarioIdle, Hello: []string{"hello"}, Hold: 1500 * time.Millisecond})
			if res.Idle == nil || res.Idle.Dropped != want || res.Tally.Ended != want {
				t.Errorf("%+v, %+v, want %d dropped", res.Idle, res.Tally, want)
			}
			ends(t, res.Tally.EndedByWhy, want, `closed with 1013 "idle"`)
			blames(t, res, "ended|dropped")
		})
	}
}

// TestRogueUnanswered: who does not answer an application's ping is cut off, and the run tells.
func TestRogueUnanswered(t *testing.T) {
	s := rogue.Start(t, rogue.Behaviour{Ask: 300 * time.Millisecond})
	res := run(t, s, bench.Config{Scenario: bench.ScenarioIdle, Hold: 1200 * time.Millisecond})
	if res.Tally.Ended != members {
		t.Errorf("%d have ended, want all", res.Tally.Ended)
	}
	ends(t, res.Tally.EndedByWhy, members, "without a close frame")
	blames(t, res, "ended|dropped")
}

// TestRogueSlow: members that do not read are removed, or not. The others feel nothing of it.
func TestRogueSlow(t *testing.T) {
	for _, tt := range []struct {
		name    string
		b       rogue.Behaviour
		removed int // noticed without reading
		closed  string
	}{
		{"reset", rogue.Behaviour{Queue: 500, Full: rogue.RST}, 2, "reset"},
		// A close frame is behind what they have not read: they learn of it when they read.
		{"close", rogue.Behaviour{Queue: 500, Full: rogue.Close}, 0, `closed with 1008 "too slow"`},
		{"end", rogue.Behaviour{Queue: 500, Full: rogue.FIN}, 0, "without a close frame"},
		{"never", rogue.Behaviour{}, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := rogue.Start(t, tt.b)
			res := run(t, s, bench.Config{Scenario: bench.ScenarioSlow, Slow: 10, Size: 1024, Rate: 500, Duration: 2 * time.Second})
			slow := res.Slow
			if slow == nil {
				t.Fatal("nothing is told of the slow members")
			}
			gone := 2
			if tt.closed == "" {
				gone = 0
			}
			// Closed are those of whom it was not known before.
			if slow.Members != 2 || slow.Removed != tt.removed || slow.Closed != gone-tt.removed {
				t.Errorf("%+v, want 2 members, %d removed, %d closed", slow, tt.removed, gone-tt.removed)
			}
			if tt.removed > 0 && (slow.After == nil || slow.After.Count != int64(tt.removed)) {
				t.Errorf("they were removed after %+v", slow.After)
			}
			if gone > 0 {
				ends(t, slow.CloseLog, gone, tt.closed)
			}
			if c := s.Counts(); c.Removed != gone {
				t.Errorf("the server has removed %d, want %d", c.Removed, gone)
			}
			blames(t, res)
			tallied(t, res, tally{})
			if want := res.Tally.Sent * (members - 2); res.Tally.Received != want {
				t.Errorf("%d deliveries came, want %d", res.Tally.Received, want)
			}
		})
	}
}
