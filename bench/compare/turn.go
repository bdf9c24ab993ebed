package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"crier/bench"
	"crier/bench/internal/harness"
)

// A turn takes this long at most, and a server so long to end.
const (
	turnLimit = 3 * time.Minute
	stopLimit = 20 * time.Second
)

// turn measures one server once. Whatever goes wrong is in the turn's problems.
func (c *cli) turn(ctx context.Context, g harness.Generator, s server, n int) (t turn) {
	ctx, cancel := context.WithTimeoutCause(ctx, turnLimit, fmt.Errorf("it took more than %v", turnLimit))
	defer cancel()
	t = turn{Server: s.Name, Started: time.Now()}
	defer func() { t.Seconds = time.Since(t.Started).Seconds() }()

	scenario, url, flags := "limit", "", []string{}
	if s.Name != kernel {
		p, err := harness.Start(ctx, harness.Command{Args: s.Args})
		if err != nil {
			t.fail(err)
			return t
		}
		defer func() {
			if err := p.Stop(stopLimit); err != nil {
				t.fail(fmt.Errorf("the server: %w", err))
			}
		}()
		scenario, url = "survey", p.URL+s.Query
		flags = append(flags, "--pid", strconv.Itoa(p.PID), "--source", harness.Sources(n), "--hold", c.Hold.String())
		flags = append(flags, s.Flags...)
	}
	flags = append(flags, "-n", strconv.Itoa(n), "--size", strconv.Itoa(c.Size), "--rounds", strconv.Itoa(c.Rounds),
		"--batch", strconv.Itoa(c.Batch), "--burst-rounds", strconv.Itoa(c.BurstRounds), "--warmup", strconv.Itoa(c.Warmup))
	r, err := g.Run(ctx, scenario, flags, url)
	if err != nil {
		t.fail(err)
		return t
	}
	t.Result = r
	return t
}

func (t *turn) fail(err error) { t.Failures = append(t.Failures, err.Error()) }

// problems are the turn's own and the generator's, in one line each.
func (t *turn) problems() []string {
	all := append([]string{}, t.Failures...)
	if t.Result != nil {
		for _, p := range t.Result.Problems {
			all = append(all, p.What)
		}
	}
	return all
}

// line is the turn in short, for who waits.
func (t *turn) line() string {
	parts := []string{}
	if t.Result != nil {
		for _, f := range []*figure{&memory, &handshake, &last, &delivery, &throughput} {
			if v, ok := f.of(t.Result); ok {
				u := f.unit(v)
				parts = append(parts, u.In(v)+u.Name)
			}
		}
	}
	if p := t.problems(); len(p) > 0 {
		parts = append(parts, strings.Join(p, "; "))
	}
	return strings.Join(parts, ", ") + " (" + harness.Minutes(t.Seconds) + ")"
}

// A figure is one of those that are compared.
type figure struct {
	name string
	of   func(*bench.Result) (value float64, known bool)
	unit func(value float64) harness.Unit
}

func always(u harness.Unit) func(float64) harness.Unit {
	return func(float64) harness.Unit { return u }
}

var (
	memory = figure{"RSS per idle connection", func(r *bench.Result) (float64, bool) {
		return positive(serves(r), func() float64 { return r.Connect.ServerBytes })
	}, harness.Size}
	handshake = figure{"server CPU per handshake", func(r *bench.Result) (float64, bool) {
		return positive(serves(r), func() float64 { return r.Connect.ServerCPU })
	}, always(harness.Microseconds)}
	connects = figure{"connections opened", func(r *bench.Result) (float64, bool) {
		return positive(serves(r), func() float64 { return r.Connect.PerSecond })
	}, always(harness.PerSecond)}
	idle = figure{"CPU while all are idle, of a core", func(r *bench.Result) (float64, bool) {
		if r.Idle == nil || r.Server == nil || !serves(r) {
			return 0, false
		}
		return r.Idle.ServerCPU, true
	}, always(harness.Percent)}

	last = figure{"last receiver after", func(r *bench.Result) (float64, bool) {
		return positive(r.Fanout != nil, func() float64 { return r.Fanout.Last.P50 })
	}, always(harness.Milliseconds)}
	last99 = figure{"p99 of that", func(r *bench.Result) (float64, bool) {
		return positive(r.Fanout != nil, func() float64 { return r.Fanout.Last.P99 })
	}, always(harness.Milliseconds)}
	delivery = figure{"server CPU per delivery", func(r *bench.Result) (float64, bool) {
		return positive(r.Fanout != nil, func() float64 { return r.Fanout.ServerCPU })
	}, always(harness.Microseconds)}
	generator = figure{"the generator's", func(r *bench.Result) (float64, bool) {
		return positive(r.Fanout != nil, func() float64 { return r.Fanout.GeneratorCPU })
	}, always(harness.Microseconds)}

	throughput = figure{"deliveries", func(r *bench.Result) (float64, bool) {
		return positive(r.Burst != nil, func() float64 { return r.Burst.PerSecond })
	}, always(harness.Millions)}
	burstDelivery = figure{"server CPU per delivery", func(r *bench.Result) (float64, bool) {
		return positive(r.Burst != nil, func() float64 { return r.Burst.ServerCPU })
	}, always(harness.Microseconds)}
	burstGenerator = figure{"the generator's", func(r *bench.Result) (float64, bool) {
		return positive(r.Burst != nil, func() float64 { return r.Burst.GeneratorCPU })
	}, always(harness.Microseconds)}
)

// serves tells a server from the bare write loop, which is no server: it keeps nothing of a connection and shakes no hands.
func serves(r *bench.Result) bool { return r.Connect != nil && r.Scenario != bench.ScenarioLimit }

// positive is a figure that is not known when it is 0.
func positive(there bool, v func() float64) (float64, bool) {
	if !there {
		return 0, false
	}
	return v(), v() > 0
}
