package report

import (
	"math"
	"time"

	"crier/bench"
)

// Runs of every scenario, made up.

// latency is a distribution whose median is that; its tail grows as tails do.
func latency(n int64, median float64) bench.Latency {
	at := func(percentile float64) float64 {
		x := 1 / (1 - min(percentile, 100-100/float64(n+1))/100)
		return median * (0.6 + 0.4*math.Pow(math.Log2(x), 0.9))
	}
	l := bench.Latency{Count: n, Min: at(0), Mean: median * 1.07, P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: at(100)}
	for _, p := range []float64{0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 99.999, 100} {
		l.Curve = append(l.Curve, bench.Point{Percentile: p, MS: at(p)})
	}
	return l
}

func run(scenario string) *bench.Result {
	r := &bench.Result{
		Scenario: scenario,
		Target:   "ws://127.0.0.1:8888/chat",
		Started:  time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC),
		Seconds:  42.137,
		Version:  "v0.4.0",
		Setup: bench.Setup{Connections: 15000, Size: 128, Opcode: "binary", Procs: 2, Sources: 4, Publishers: 1,
			Args: []string{scenario, "-n", "15000", "--procs", "2", "ws://127.0.0.1:8888/chat"}},
		Machine: bench.Machine{CPU: "Xeon", Cores: 2, Memory: 24 << 30, Kernel: "Linux 6.1.0", Go: "go1.26.0"},
		Connect: &bench.Connect{Wanted: 15000, Open: 15000, Seconds: 1.3171, PerSecond: 11388.7, Handshake: latency(15000, 1.234),
			ServerCPU: 18.237, ServerBytes: 338.4},
		Server:    &bench.Server{Source: "pid", Processes: 1, CPUSeconds: 12.345, RSSStart: 5_100_000, RSSEnd: 10_200_000, RSSPeak: 11_534_336},
		Generator: bench.Generator{CPUSeconds: 6.1234, RSS: 126_000_000},
	}
	var sent, received int64
	rounds := func(batch int, perSecond float64, last float64, cpu float64) *bench.Rounds {
		n := int64(batch) * 25 * 15000
		sent, received = sent+int64(batch)*25, received+n
		return &bench.Rounds{Batch: batch, Rounds: 25, Deliveries: n, Last: latency(25, last), Each: latency(n, last*0.52),
			PerSecond: perSecond, ServerCPU: cpu, GeneratorCPU: cpu * 0.4}
	}
	stream := func() {
		r.Setup.Rate = 20
		sent, received = 200, 200*15000
		r.Stream = &bench.Stream{Seconds: 10.04, Messages: 200, Deliveries: received, PerSecond: 298_800, Latency: latency(received, 41.2),
			SendDelay: latency(200, 0.021), ServerCPU: 7.91, GeneratorCPU: 2.8}
	}
	switch scenario {
	case bench.ScenarioIdle:
		r.Setup.Size, r.Setup.Opcode = 0, ""
		r.Idle = &bench.Idle{Seconds: 10.002, ServerCPU: 0.21}
	case bench.ScenarioFanout:
		r.Fanout = rounds(1, 137_614.7, 109.2, 8.53)
	case bench.ScenarioBurst:
		r.Burst = rounds(16, 1_983_471, 121.3, 0.553)
	case bench.ScenarioSurvey:
		r.Idle = &bench.Idle{Seconds: 5.001, ServerCPU: 0.21}
		r.Fanout = rounds(1, 137_614.7, 109.2, 8.53)
		r.Burst = rounds(16, 1_983_471, 121.3, 0.553)
	case bench.ScenarioLimit:
		r.Target, r.Connect, r.Setup.Procs, r.Setup.Sources = "a bare write loop", nil, 1, 0
		r.Fanout = rounds(1, 142_003, 105.6, 8.2)
		r.Burst = rounds(16, 2_140_000, 112, 0.51)
		r.Server.CPUSeconds = 4.2
		r.Server.Processes = 1
	case bench.ScenarioRate:
		stream()
	case bench.ScenarioSlow:
		stream()
		after := latency(150, 4210)
		r.Slow = &bench.Slow{Members: 150, Removed: 148, Closed: 150, After: &after,
			CloseLog: []bench.Reason{{Reason: "1013 too slow", Count: 148}, {Reason: "reset by peer", Count: 2}}}
		received -= 150 * 180
	case bench.ScenarioStorm:
		r.Setup.Rate = 10
		r.Storm = &bench.Storm{Mode: "restart", Cut: 13500, Back: 13499, Failed: 12, Seconds: 1.52, PerSecond: 8881, Handshake: latency(13499, 310),
			Failures: []bench.Reason{{Reason: "connection refused", Count: 11}, {Reason: "503 full", Count: 1}}}
		sent, received = 100, 150_000
		r.Stream = &bench.Stream{Seconds: 10, Messages: 100, Deliveries: received, PerSecond: 15_000, Latency: latency(received, 2.2), GeneratorCPU: 3}
	}
	r.Tally = bench.Tally{Sent: sent, Received: received}
	r.Samples = samples(r)
	return r
}

// samples are a run of 1.5 s of connects, and then all else that the run has, 3 s each.
func samples(r *bench.Result) []bench.Sample {
	var all []bench.Sample
	at, deliveries := 0.0, int64(0)
	phase := func(name string, seconds, rate, p50 float64) {
		for i := 1.0; i <= seconds*4; i++ {
			at += 0.25
			wobble := 1 + 0.08*math.Sin(at*7) // so that lines are seen to be drawn
			s := bench.Sample{At: at, Phase: name, Connections: 15000, ServerCPU: 0.9 * wobble, GeneratorCPU: 0.45 * wobble}
			if name == "connect" {
				s.Connections = int(15000 * i / (seconds * 4))
			}
			deliveries += int64(rate * wobble / 4)
			s.Deliveries = deliveries
			if rate > 0 {
				s.P50, s.P99, s.Max = p50*wobble, p50*1.9*wobble, p50*2.4*wobble*wobble
			} else if name == "idle" {
				s.ServerCPU, s.GeneratorCPU = 0.002, 0.001
			}
			s.ServerRSS = int64(5_100_000 + 338*s.Connections + int(rate)/2)
			all = append(all, s)
		}
	}
	if r.Connect != nil {
		phase("connect", 1.5, 0, 0)
	}
	if r.Idle != nil {
		phase("idle", 3, 0, 0)
	}
	if r.Fanout != nil {
		phase("fanout", 3, r.Fanout.PerSecond, r.Fanout.Each.P50)
	}
	if r.Burst != nil {
		phase("burst", 3, r.Burst.PerSecond, r.Burst.Each.P50)
	}
	if r.Stream != nil {
		phase("stream", 10, r.Stream.PerSecond, r.Stream.Latency.P50)
	}
	return all
}

// failed is a run in which all went wrong that can.
func failed() *bench.Result {
	r := run(bench.ScenarioFanout)
	r.Connect.Open, r.Connect.Failed = 14_321, 679
	r.Tally.Received -= 1234
	r.Tally.Lost, r.Tally.Doubled, r.Tally.Reordered, r.Tally.Damaged, r.Tally.Other, r.Tally.Ended = 1234, 2, 3, 1, 7, 21
	r.Tally.EndedByWhy = []bench.Reason{{Reason: "reset by peer", Count: 20}, {Reason: "1011 <script>alert(1)</script>\x1b[2J", Count: 1}}
	r.Target = `ws://127.0.0.1:8888/<script>alert("target")</script>?a=1&b=2`
	r.Notes = []string{"the machine was busy: 1.2 of 2 cores were in use before the run"}
	r.Problems = []bench.Problem{
		{What: "679 connections failed: connection refused", Do: "raise the server's limit of descriptors (ulimit -n)"},
		{What: "1,234 deliveries were lost"},
		{What: "the server sent <script>alert('problem')</script>\nand a \x1b[31msecond line", Do: "look at its log"},
	}
	return r
}

var scenarios = []string{bench.ScenarioIdle, bench.ScenarioFanout, bench.ScenarioBurst, bench.ScenarioRate, bench.ScenarioSlow, bench.ScenarioStorm,
	bench.ScenarioSurvey, bench.ScenarioLimit}

// allRuns are the runs by name.
func allRuns() map[string]*bench.Result {
	all := map[string]*bench.Result{"failed": failed(), "nothing": {Scenario: "fanout", Target: "ws://127.0.0.1:1/",
		Setup: bench.Setup{Connections: 1000}, Problems: []bench.Problem{{What: "no connection: connection refused", Do: "is the server up?"}}}}
	for _, s := range scenarios {
		all[s] = run(s)
	}
	return all
}
