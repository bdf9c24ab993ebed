package report_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"crier/bench"
	"crier/bench/report"
)

// The result of a small run.
var result = &bench.Result{
	Scenario: bench.ScenarioFanout,
	Target:   "ws://127.0.0.1:8888/chat",
	Started:  time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC),
	Seconds:  4.2,
	Setup:    bench.Setup{Connections: 1000, Size: 128, Opcode: "binary", Procs: 1},
	Connect:  &bench.Connect{Wanted: 1000, Open: 1000, Seconds: 0.1, PerSecond: 10000},
	Fanout: &bench.Rounds{Batch: 1, Rounds: 25, Deliveries: 24_999, PerSecond: 121_951,
		Last: bench.Latency{Count: 25, Min: 7.4, Mean: 8.3, P50: 8.2, P90: 9.1, P99: 10.4, P999: 10.4, Max: 10.4}},
	Tally:     bench.Tally{Sent: 25, Received: 24_999, Lost: 1},
	Server:    &bench.Server{Source: "pid", Processes: 1, CPUSeconds: 0.21, RSSStart: 8 << 20, RSSEnd: 9 << 20, RSSPeak: 9 << 20},
	Generator: bench.Generator{CPUSeconds: 0.34, RSS: 30 << 20},
	Problems:  []bench.Problem{{What: "1 delivery was lost", Do: "look for connection 17 in the server's log"}},
}

func ExampleTable() {
	if err := report.Table(os.Stdout, result); err != nil {
		fmt.Println(err)
	}
	// Output:
	// fanout of ws://127.0.0.1:8888/chat
	// 1,000 connections, 128 B binary messages, 4.20 s in all
	//
	// connect  open       1,000 of 1,000 in 100 ms: 10,000/s
	// fanout   sent       25 rounds of 1 message to all
	//          delivered  24,999: 122,000/s
	//
	// latency                    p50      p90      p99    p99.9      max  count
	// fanout, last receiver  8.20 ms  9.10 ms  10.4 ms  10.4 ms  10.4 ms     25
	//
	// server     CPU       210 ms
	//            RSS       8.00 MiB at the start, 9.00 MiB at the end, 9.00 MiB at most
	//            measured  1 process, by pid
	// generator  CPU       340 ms
	//            RSS       30.0 MiB
	//
	// messages  sent 25 messages, warm-up included, received 24,999, lost 1, doubled 0, reordered 0, damaged 0, ended by the server 0 connections
	// problem: 1 delivery was lost: look for connection 17 in the server's log
}

func ExampleJSON() {
	if err := report.JSON(os.Stdout, &bench.Result{Scenario: bench.ScenarioIdle, Target: "ws://127.0.0.1:8888/chat?a&b"}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {
	//   "scenario": "idle",
	//   "target": "ws://127.0.0.1:8888/chat?a&b",
	//   "started": "0001-01-01T00:00:00Z",
	//   "seconds": 0,
	//   "setup": {
	//     "connections": 0,
	//     "procs": 0
	//   },
	//   "machine": {
	//     "cpu": "",
	//     "cores": 0,
	//     "memory": 0,
	//     "kernel": "",
	//     "go": ""
	//   },
	//   "tally": {
	//     "sent": 0,
	//     "received": 0,
	//     "lost": 0,
	//     "doubled": 0,
	//     "reordered": 0,
	//     "damaged": 0,
	//     "other": 0,
	//     "ended": 0
	//   },
	//   "generator": {
	//     "cpu_seconds": 0,
	//     "rss": 0
	//   }
	// }
}

// One file with all of the run, to keep or to mail.
func ExampleHTML() {
	var page bytes.Buffer
	if err := report.HTML(&page, result); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.Count(page.String(), "<svg"), "plot,", strings.Count(page.String(), "<script"), "scripts")
	// Output: 1 plot, 0 scripts
}

// Two figures of three servers, beside each other.
func ExampleBars() {
	var svg bytes.Buffer
	err := report.Bars(&svg, report.BarChart{
		Title:     "Crier and others, 15,000 connections",
		Highlight: "Crier",
		Panels: []report.BarPanel{
			{Title: "RSS per idle connection", Unit: "KB", Note: "less is better, logarithmic", Log: true, Bars: []report.Bar{
				{Name: "Crier", Value: 0.338, Min: 0.336, Max: 0.341},
				{Name: "gws", Value: 9.0, Min: 8.9, Max: 9.2},
				{Name: "bare loop", Value: math.NaN()},
			}},
			{Title: "CPU per delivery", Unit: "µs", Note: "less is better", Bars: []report.Bar{
				{Name: "Crier", Value: 8.5, Min: 8.4, Max: 8.7},
				{Name: "gws", Value: 10.4, Min: 10.1, Max: 10.9},
				{Name: "bare loop", Value: 8.2, Min: 8.1, Max: 8.3, Reference: true},
			}},
		},
	})
	if err != nil {
		fmt.Println(err)
	}
	_, alt, _ := strings.Cut(svg.String(), "<desc>")
	alt, _, _ = strings.Cut(alt, "</desc>")
	fmt.Println(alt)
	// Output: RSS per idle connection, KB: Crier 0.338, gws 9.00, bare loop –. CPU per delivery, µs: Crier 8.50, gws 10.4, bare loop 8.20
}

// How one figure grows with the connections.
func ExampleLines() {
	var svg bytes.Buffer
	err := report.Lines(&svg, report.LineChart{
		Title: "Growth",
		Panels: []report.LinePanel{{
			Title: "RSS per connection", Unit: "B", Note: "flat is the claim", X: "connections",
			Series: []report.Series{{Name: "Crier", Points: []report.XY{{X: 1000, Y: 352}, {X: 5000, Y: 341}, {X: 15000, Y: 338}}}},
		}},
	})
	if err != nil {
		fmt.Println(err)
	}
	_, alt, _ := strings.Cut(svg.String(), "<desc>")
	alt, _, _ = strings.Cut(alt, "</desc>")
	fmt.Println(alt)
	// Output: RSS per connection, B over connections: Crier from 352 to 338, at most 352
}

// A run tells the line how it stands; before anything else is written, the line is cleared.
func ExampleNewProgress() {
	progress := report.NewProgress(os.Stderr, 15000)
	config := bench.Config{
		Scenario:    bench.ScenarioFanout,
		URL:         "ws://127.0.0.1:8888/chat",
		Connections: 15000,
		OnSample:    progress.Update,
	}
	_ = config // bench.Run(ctx, config)
	progress.Close()
	// Output:
}
