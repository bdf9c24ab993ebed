package main

import (
	"fmt"
	"strings"

	"crier/bench"
	"crier/bench/internal/harness"
)

// A figure is one of those that are followed as connections become more.
type figure struct {
	name string
	of   func(*turn) (value float64, known bool)
	unit func(value float64) harness.Unit
}

func always(u harness.Unit) func(float64) harness.Unit {
	return func(float64) harness.Unit { return u }
}

// known is a figure that is not known when it is 0.
func known(v float64) (float64, bool) { return v, v > 0 }

func connect(t *turn) bench.Connect {
	if t.Result == nil || t.Result.Connect == nil {
		return bench.Connect{}
	}
	return *t.Result.Connect
}

// idleRSS is the process's memory in bytes when it was looked at last while all connections were idle.
func idleRSS(t *turn) (rss float64) {
	if t.Result == nil {
		return 0
	}
	for _, s := range t.Result.Samples {
		if s.Phase == "idle" {
			rss = float64(s.ServerRSS)
		}
	}
	return rss
}

func fanout(t *turn) bench.Rounds {
	if t.Result == nil || t.Result.Fanout == nil {
		return bench.Rounds{}
	}
	return *t.Result.Fanout
}

var (
	memory    = figure{"RSS per idle connection", func(t *turn) (float64, bool) { return known(connect(t).ServerBytes) }, harness.Size}
	resident  = figure{"RSS of the node", func(t *turn) (float64, bool) { return known(idleRSS(t)) }, harness.Size}
	handshake = figure{"CPU per handshake", func(t *turn) (float64, bool) { return known(connect(t).ServerCPU) }, always(harness.Microseconds)}
	connects  = figure{"connections opened", func(t *turn) (float64, bool) { return known(connect(t).PerSecond) }, always(harness.PerSecond)}
	// µs of CPU in a second of doing nothing, for each connection.
	idle = figure{"CPU per idle connection in a second", func(t *turn) (float64, bool) {
		if t.Result == nil || t.Result.Idle == nil || t.Result.Server == nil || connect(t).Open == 0 {
			return 0, false
		}
		return t.Result.Idle.ServerCPU / 100 * 1e6 / float64(connect(t).Open), true
	}, always(harness.Microseconds)}
	last       = figure{"one message to all: last receiver after", func(t *turn) (float64, bool) { return known(fanout(t).Last.P50) }, always(harness.Milliseconds)}
	deliveries = figure{"deliveries", func(t *turn) (float64, bool) { return known(fanout(t).PerSecond) }, always(harness.Millions)}
	delivery   = figure{"CPU per delivery", func(t *turn) (float64, bool) { return known(fanout(t).ServerCPU) }, always(harness.Microseconds)}
	collection = figure{"CPU of a full collection", func(t *turn) (float64, bool) { return known(t.GC / 1e3) }, always(harness.Milliseconds)}
	// µs for each connection.
	collectionEach = figure{"of that per connection", func(t *turn) (float64, bool) { return known(t.GC / float64(t.Connections)) }, always(harness.Microseconds)}
)

// counted are the turns of complete cycles of one step.
func (r *rawSteps) counted(n int) []turn {
	var all []turn
	for _, t := range r.Turns {
		if t.Connections == n && t.Cycle <= r.Cycles {
			all = append(all, t)
		}
	}
	return all
}

// sum is one figure of one step.
func (r *rawSteps) sum(n int, f *figure) harness.Spread {
	var values []float64
	for _, t := range r.counted(n) {
		if v, ok := f.of(&t); ok {
			values = append(values, v)
		}
	}
	return harness.Sum(values...)
}

func (r *rawSteps) machine() bench.Machine {
	for _, t := range r.Turns {
		if t.Result != nil {
			return t.Result.Machine
		}
	}
	return bench.Machine{}
}

// section is the part of docs/benchmarks.md about one process.
func (r *rawSteps) section(chart string) string {
	times := "once"
	if r.Cycles > 1 {
		times = fmt.Sprintf("%d times, in turn", r.Cycles)
	}
	parts := []string{
		fmt.Sprintf("`make growth` (`%s`, %s): one node process, messages of %d bytes, each step %s and each time in a fresh process. The node's memory grows "+
			"along a straight line; what it uses by itself, and the collector's headroom, which grows in steps, weigh on the first figures per connection.",
			harness.CommandLine("bin/growth", r.Args), harness.Minutes(r.Seconds), r.Size, times),
		r.Where(r.machine()),
	}
	if chart != "" {
		parts = append(parts, "![Figures over connections]("+chart[strings.LastIndexByte(chart, '/')+1:]+")")
	}
	parts = append(parts, "Median (least–most).", r.table(&resident, &memory, &idle, &handshake, &connects), r.table(&last, &deliveries, &delivery, &collection, &collectionEach),
		"A full collection is forced over `/debug/pprof/heap?gc=1`, with all connections idle; what the profile itself costs is taken off.")
	if lines := r.troubles(); lines != "" {
		parts = append(parts, "Not all went well; the figures are of what did:", lines)
	}
	return strings.Join(append(parts, r.Notes...), "\n\n")
}

func (r *rawSteps) table(figures ...*figure) string {
	columns := []string{"connections"}
	for _, f := range figures {
		columns = append(columns, f.name)
	}
	var rows [][]string
	for _, n := range r.Steps {
		row := []string{harness.Count(n)}
		for _, f := range figures {
			if sum := r.sum(n, f); sum.N > 0 {
				row = append(row, sum.Write(f.unit(sum.Median)))
			} else {
				row = append(row, "–")
			}
		}
		rows = append(rows, row)
	}
	return harness.Table(columns, rows)
}

// troubles is a list of what went wrong, "" if nothing did.
func (r *rawSteps) troubles() string {
	var lines []string
	for _, n := range r.Steps {
		for _, t := range r.counted(n) {
			for _, p := range t.problems() {
				lines = append(lines, fmt.Sprintf("- %s connections, cycle %d: %s", harness.Count(n), t.Cycle, harness.OneLine(p)))
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (t *turn) problems() []string { return problems(t.Failures, t.Result) }

func problems(failures []string, r *bench.Result) []string {
	all := append([]string{}, failures...)
	if r != nil {
		for _, p := range r.Problems {
			all = append(all, p.What)
		}
	}
	return all
}

// line is the turn in short, for who waits.
func (t *turn) line() string {
	var parts []string
	for _, f := range []*figure{&memory, &handshake, &last, &delivery, &collection} {
		if v, ok := f.of(t); ok {
			u := f.unit(v)
			parts = append(parts, u.In(v)+u.Name)
		}
	}
	return strings.Join(append(parts, t.problems()...), ", ") + " (" + harness.Minutes(t.Seconds) + ")"
}

func (r *rawNodes) problems() []string { return problems(r.Failures, r.Result) }

// section is the part of docs/benchmarks.md about several processes.
func (r *rawNodes) section() string {
	parts := []string{
		fmt.Sprintf("`make growth` (`%s`, %s): %d node processes share a port (SO_REUSEPORT), and so the connections. What is sent to one of them goes to all of its "+
			"clients; a message to all is one to each node. Messages of %d bytes; the generator is %d processes on the same machine.",
			harness.CommandLine("bin/growth", r.Args), harness.Minutes(r.Seconds), r.Nodes, r.Result.Setup.Size, r.Result.Setup.Procs),
		r.Where(r.Result.Machine),
		facts(r.Result),
	}
	if p := r.problems(); len(p) > 0 {
		parts = append(parts, "Not all went well:", list(p))
	}
	return strings.Join(parts, "\n\n")
}

// guestSection is the part of docs/benchmarks.md about the guest.
func guestSection(r *bench.Result, commit string) string {
	o := harness.Origin{Commit: commit, Started: r.Started}
	parts := []string{
		fmt.Sprintf("`make growth-guest` (`bench/guest.sh`, %s): one node process, in a guest that allows it the descriptors: user-mode Linux, a kernel that runs as a program, "+
			"with one CPU and its loopback only, several times slower than the machine it is on. So this is about memory, and about nothing being lost; its times "+
			"say nothing about Crier. Messages of %d bytes.", harness.Minutes(r.Seconds), r.Setup.Size),
		o.Where(r.Machine),
		harness.Table([]string{"", ""}, append(connectFacts(r), tallyFacts(r)...)),
	}
	if len(r.Problems) > 0 {
		parts = append(parts, "Not all went well:", list(problems(nil, r)))
	}
	return strings.Join(parts, "\n\n")
}

func list(lines []string) string {
	var all []string
	for _, l := range lines {
		all = append(all, "- "+harness.OneLine(l))
	}
	return strings.Join(all, "\n")
}

func connectFacts(r *bench.Result) [][]string {
	c := r.Connect
	if c == nil {
		return nil
	}
	rows := [][]string{{"connections", harness.Count(c.Open) + " of " + harness.Count(c.Wanted)}}
	if c.ServerBytes > 0 {
		rows = append(rows, []string{"RSS per idle connection", harness.Bytes(c.ServerBytes)})
	}
	if s := r.Server; s != nil {
		rows = append(rows, []string{"RSS in all, at the most", harness.Bytes(float64(s.RSSPeak))})
	}
	if g := r.Generator; g.RSS > 0 {
		rows = append(rows, []string{"RSS of the generator", harness.Bytes(float64(g.RSS))})
	}
	return rows
}

func tallyFacts(r *bench.Result) [][]string {
	t := r.Tally
	return [][]string{
		{"messages sent", harness.Count(t.Sent)},
		{"deliveries", harness.Count(t.Received)},
		{"lost, doubled, out of order, damaged", fmt.Sprintf("%s, %s, %s, %s", harness.Count(t.Lost), harness.Count(t.Doubled), harness.Count(t.Reordered), harness.Count(t.Damaged))},
		{"connections that the node has ended", harness.Count(t.Ended)},
	}
}

// facts is a survey as a table of two columns.
func facts(r *bench.Result) string {
	rows := connectFacts(r)
	add := func(name string, value float64, u harness.Unit) {
		if value > 0 {
			rows = append(rows, []string{name, u.In(value) + u.Name})
		}
	}
	if c := r.Connect; c != nil {
		add("connections opened", c.PerSecond, harness.PerSecond)
		add("CPU per handshake", c.ServerCPU, harness.Microseconds)
	}
	if i := r.Idle; i != nil && r.Server != nil {
		add("CPU while all are idle, of a core", i.ServerCPU, harness.Percent)
	}
	if f := r.Fanout; f != nil {
		add("one message to all: last receiver after (median)", f.Last.P50, harness.Milliseconds)
		add("– deliveries", f.PerSecond, harness.Millions)
		add("– node CPU per delivery", f.ServerCPU, harness.Microseconds)
	}
	if b := r.Burst; b != nil {
		add(fmt.Sprintf("%d messages back to back: deliveries", b.Batch), b.PerSecond, harness.Millions)
		add("– node CPU per delivery", b.ServerCPU, harness.Microseconds)
	}
	return harness.Table([]string{"", ""}, append(rows, tallyFacts(r)...))
}
