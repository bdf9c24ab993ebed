package bench_test

import (
	"testing"
	"time"

	"crier/bench"
	"crier/bench/internal/rogue"
)

// least checks a lower bound: a server that is so late cannot have been found to be earlier. The histogram rounds.
func least(t *testing.T, what string, got float64, want time.Duration) {
	t.Helper()
	if want := float64(want.Microseconds()) / 1e3 * 0.998; got < want {
		t.Errorf("%s is %v ms, want %v or more", what, got, want)
	}
}

// TestRogueDelay: no delivery is found earlier than it was made.
func TestRogueDelay(t *testing.T) {
	const d = 60 * time.Millisecond
	for _, scenario := range []string{bench.ScenarioRate, bench.ScenarioFanout, bench.ScenarioBurst} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			s := rogue.Start(t, rogue.Behaviour{Delay: d})
			res := run(t, s, bench.Config{Scenario: scenario, Rounds: 5, Patience: 20 * time.Second})
			blames(t, res)
			tallied(t, res, tally{})
			switch {
			case res.Stream != nil:
				least(t, "the shortest latency", res.Stream.Latency.Min, d)
			case res.Fanout != nil:
				least(t, "the shortest round", res.Fanout.Last.Min, d)
				least(t, "the shortest delivery", res.Fanout.Each.Min, d)
			case res.Burst != nil:
				least(t, "the shortest round", res.Burst.Last.Min, d)
				least(t, "the shortest delivery", res.Burst.Each.Min, d)
			default:
				t.Error("no latencies")
			}
		})
	}
}

// TestRoguePause: the server does nothing for a while. All that was to be sent in that time counts, by when it was to be sent.
func TestRoguePause(t *testing.T) {
	const pause = 600 * time.Millisecond
	s := rogue.Start(t, rogue.Behaviour{Fault: rogue.Fault{Do: rogue.Pause, At: 60, For: pause}})
	res := run(t, s, bench.Config{Scenario: bench.ScenarioRate, Rate: 200, Duration: time.Second, Patience: 20 * time.Second})
	blames(t, res)
	tallied(t, res, tally{})
	least(t, "the longest latency", res.Stream.Latency.Max, pause)
	// 60 of the 200 messages were to be sent in the first half of the pause, and had to wait for the second.
	least(t, "a tenth of the latencies", res.Stream.Latency.P90, pause/2)
	least(t, "a quarter of the latencies, in the mean", res.Stream.Latency.Mean, pause*60/200/2)
}

// TestRogueDeaf: the server does not read for a while, so that the publisher cannot send. What was to be sent in that time
// counts all the same, and all of it is sent.
func TestRogueDeaf(t *testing.T) {
	const pause = 800 * time.Millisecond
	s := rogue.Start(t, rogue.Behaviour{DeafAt: 30, DeafFor: pause})
	// 50 MiB are to be sent in that time; socket buffers take 4 MiB here and 32 there at most (tcp_wmem, tcp_rmem).
	res := run(t, s, bench.Config{Scenario: bench.ScenarioRate, Connections: 3, Size: 128 << 10, Rate: 500, Duration: time.Second, Patience: 20 * time.Second})
	blames(t, res)
	tallied(t, res, tally{})
	if res.Stream.Messages != 500 {
		t.Errorf("%d messages were sent, want 500", res.Stream.Messages)
	}
	least(t, "the longest latency", res.Stream.Latency.Max, pause-10*time.Millisecond)
	least(t, "the longest delay of a send", res.Stream.SendDelay.Max, pause/4)
}

// TestRogueDeafForGood: the run gives the publisher up.
func TestRogueDeafForGood(t *testing.T) {
	for _, scenario := range []string{bench.ScenarioRate, bench.ScenarioBurst} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			s := rogue.Start(t, rogue.Behaviour{DeafAt: 30})
			res := run(t, s, bench.Config{Scenario: scenario, Connections: 3, Size: 128 << 10, Rate: 500, Batch: 500, Rounds: 3, Duration: time.Second, Patience: time.Second})
			blames(t, res, "not read", "lost|have not come|not read|were not sent")
			if c := s.Counts(); c.Messages != 30 || res.Tally.Received != int64(c.Due) {
				t.Errorf("%d deliveries came, want %d", res.Tally.Received, c.Due)
			}
		})
	}
}
