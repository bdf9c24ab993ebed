package report

import (
	"fmt"
	"strings"

	"crier/bench"
)

// A section is one part of what a run has found, as people read it.
type section struct {
	Name  string
	Facts []fact
}

type fact struct{ Name, Value string }

func (s *section) add(name, format string, args ...any) {
	s.Facts = append(s.Facts, fact{name, fmt.Sprintf(format, args...)})
}

// costs adds what a delivery took, as far as it is known.
func (s *section) costs(server, generator float64) {
	var parts []string
	if server > 0 {
		parts = append(parts, "server "+microseconds(server))
	}
	if generator > 0 {
		parts = append(parts, "generator "+microseconds(generator))
	}
	if len(parts) > 0 {
		s.add("CPU per delivery", "%s", strings.Join(parts, ", "))
	}
}

// findings are the sections that the run has, in the order in which they happened.
func findings(r *bench.Result) []section {
	var all []section
	if c := r.Connect; c != nil {
		s := section{Name: "connect"}
		s.add("open", "%s of %s in %s: %s/s", count(c.Open), count(c.Wanted), seconds(c.Seconds), perSecond(c.PerSecond))
		if c.Failed > 0 {
			s.add("failed", "%s", plural(c.Failed, "attempt"))
		}
		if c.ServerBytes > 0 {
			s.add("server RSS", "%s per connection", size(c.ServerBytes))
		}
		if c.ServerCPU > 0 {
			s.add("server CPU", "%s per handshake", microseconds(c.ServerCPU))
		}
		all = append(all, s)
	}
	if i := r.Idle; i != nil {
		s := section{Name: "idle"}
		s.add("held", "%s, %s ended by the server", seconds(i.Seconds), plural(i.Dropped, "connection"))
		if r.Server != nil {
			s.add("server CPU", "%s %% of a core", digits(i.ServerCPU))
		}
		all = append(all, s)
	}
	for _, x := range []struct {
		name   string
		rounds *bench.Rounds
	}{{"fanout", r.Fanout}, {"burst", r.Burst}} {
		if x.rounds == nil {
			continue
		}
		s := section{Name: x.name}
		s.add("sent", "%s of %s to all", plural(x.rounds.Rounds, "round"), plural(x.rounds.Batch, "message"))
		s.add("delivered", "%s: %s/s", count(x.rounds.Deliveries), perSecond(x.rounds.PerSecond))
		s.costs(x.rounds.ServerCPU, x.rounds.GeneratorCPU)
		all = append(all, s)
	}
	if x := r.Stream; x != nil {
		s := section{Name: "stream"}
		s.add("sent", "%s", plural(x.Messages, "message"))
		s.add("delivered", "%s in %s: %s/s", count(x.Deliveries), seconds(x.Seconds), perSecond(x.PerSecond))
		s.costs(x.ServerCPU, x.GeneratorCPU)
		all = append(all, s)
	}
	if x := r.Slow; x != nil {
		s := section{Name: "slow"}
		s.add("never read", "%s", plural(x.Members, "connection"))
		s.add("removed", "%s reset while they did not read, %s more found closed when they read at the end", count(x.Removed), count(x.Closed))
		if len(x.CloseLog) > 0 {
			s.add("closed with", "%s", reasons(x.CloseLog))
		}
		all = append(all, s)
	}
	if x := r.Storm; x != nil {
		s := section{Name: "storm"}
		s.add("cut off", "%s (%s)", plural(x.Cut, "connection"), clean(x.Mode))
		s.add("back", "%s in %s: %s/s", count(x.Back), seconds(x.Seconds), perSecond(x.PerSecond))
		if x.Failed > 0 {
			s.add("failed", "%s", plural(x.Failed, "attempt"))
		}
		if len(x.Failures) > 0 {
			s.add("failed with", "%s", reasons(x.Failures))
		}
		all = append(all, s)
	}
	return all
}

func reasons(all []bench.Reason) string {
	var parts []string
	for _, r := range all {
		parts = append(parts, fmt.Sprintf("%s (%s)", clean(r.Reason), count(r.Count)))
	}
	return strings.Join(parts, ", ")
}

// spread is one distribution of times.
type spread struct {
	Name string
	bench.Latency
}

// spreads are the distributions that the run has.
func spreads(r *bench.Result) []spread {
	var all []spread
	add := func(name string, l bench.Latency) {
		if l.Count > 0 {
			all = append(all, spread{name, l})
		}
	}
	if r.Connect != nil {
		add("handshake", r.Connect.Handshake)
	}
	if r.Fanout != nil {
		add("fanout, last receiver", r.Fanout.Last)
		add("fanout, each delivery", r.Fanout.Each)
	}
	if r.Burst != nil {
		add("burst, last receiver", r.Burst.Last)
		add("burst, each delivery", r.Burst.Each)
	}
	if r.Stream != nil {
		name := "delivery"
		if r.Tally.Lost > 0 {
			name = "delivery, of what came"
		}
		add(name, r.Stream.Latency)
		add("late to send", r.Stream.SendDelay)
	}
	if r.Slow != nil && r.Slow.After != nil {
		add("until reset", *r.Slow.After)
	}
	if r.Storm != nil {
		add("handshake, storm", r.Storm.Handshake)
	}
	return all
}

// usage is what server and generator took.
func usage(r *bench.Result) []section {
	var all []section
	if x := r.Server; x != nil {
		s := section{Name: "server"}
		s.add("CPU", "%s", seconds(x.CPUSeconds))
		if x.RSSPeak > 0 {
			s.add("RSS", "%s at the start, %s at the end, %s at most", size(float64(x.RSSStart)), size(float64(x.RSSEnd)), size(float64(x.RSSPeak)))
		}
		processes := "1 process"
		if x.Processes > 1 {
			processes = count(x.Processes) + " processes"
		}
		s.add("measured", "%s, by %s", processes, clean(x.Source))
		all = append(all, s)
	}
	if x := r.Generator; x != (bench.Generator{}) {
		s := section{Name: "generator"}
		s.add("CPU", "%s", seconds(x.CPUSeconds))
		s.add("RSS", "%s", size(float64(x.RSS)))
		all = append(all, s)
	}
	return all
}

// hint says that the run measured the generator, if it may have: while messages flowed it used more CPU than the server. A bare
// write loop is cheaper than any client, so there it says nothing.
func hint(r *bench.Result) string {
	var server, generator float64 // µs
	add := func(deliveries int64, perServer, perGenerator float64) {
		server += float64(deliveries) * perServer
		generator += float64(deliveries) * perGenerator
	}
	for _, x := range []*bench.Rounds{r.Fanout, r.Burst} {
		if x != nil {
			add(x.Deliveries, x.ServerCPU, x.GeneratorCPU)
		}
	}
	if x := r.Stream; x != nil {
		add(x.Deliveries, x.ServerCPU, x.GeneratorCPU)
	}
	if r.Server == nil || r.Scenario == bench.ScenarioLimit || server == 0 || generator <= server || !busy(r) {
		return ""
	}
	return fmt.Sprintf("while messages flowed the generator used more CPU (%s) than the server (%s): on one machine the times are partly its own; give it more cores, or a machine of its own",
		seconds(generator/1e6), seconds(server/1e6))
}

// busy reports whether server and generator together ever used most of the machine: else neither held up the other.
func busy(r *bench.Result) bool {
	for _, s := range r.Samples {
		if s.ServerCPU+s.GeneratorCPU > 0.75*float64(r.Machine.Cores) {
			return true
		}
	}
	return false
}

// tally is what the clients got, over the whole run.
func tally(t *bench.Tally) []fact {
	facts := []fact{
		{"sent", plural(t.Sent, "message") + ", warm-up included"},
		{"received", count(t.Received)},
		{"lost", count(t.Lost)},
		{"doubled", count(t.Doubled)},
		{"reordered", count(t.Reordered)},
		{"damaged", count(t.Damaged)},
	}
	if t.Other > 0 {
		facts = append(facts, fact{"not of this run", count(t.Other)})
	}
	return append(facts, fact{"ended by the server", plural(t.Ended, "connection")})
}

// setup is what the run was asked, in one line.
func setup(r *bench.Result) string {
	s := r.Setup
	parts := []string{plural(s.Connections, "connection")}
	if s.Procs > 1 {
		parts = append(parts, count(s.Procs)+" processes")
	}
	if s.Sources > 1 {
		parts = append(parts, count(s.Sources)+" source addresses")
	}
	if s.Publishers > 1 {
		parts = append(parts, count(s.Publishers)+" publishers")
	}
	if s.Size > 0 {
		parts = append(parts, strings.Join(strings.Fields(size(float64(s.Size))+" "+clean(s.Opcode)+" messages"), " "))
	}
	if s.Rate > 0 {
		parts = append(parts, trimZeros(perSecond(s.Rate))+" messages/s")
	}
	return strings.Join(append(parts, seconds(r.Seconds)+" in all"), ", ")
}

// machine is where the generator ran, in one line.
func machine(m *bench.Machine) string {
	var parts []string
	add := func(part string) {
		if part != "" {
			parts = append(parts, clean(part))
		}
	}
	add(m.CPU)
	if m.Cores > 0 {
		add(plural(m.Cores, "core"))
	}
	if m.Memory > 0 {
		add(trimZeros(digits(float64(m.Memory)/(1<<30))) + " GiB of memory")
	}
	add(m.Kernel)
	add(m.Go)
	return strings.Join(parts, ", ")
}
