package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"crier/bench"
	"crier/bench/internal/harness"
)

type stepsCmd struct {
	Steps  []int         `default:"1000,2000,5000,10000,15000,19000,50000,100000,200000" placeholder:"N" help:"Connections; those that a process may not have descriptors for are left out (${default})."`
	Cycles int           `default:"3" placeholder:"N" help:"How often each step is measured (${default})."`
	Limit  time.Duration `default:"15m" placeholder:"TIME" help:"No cycle is begun that would not end within it (${default})."`
	Size   int           `default:"128" placeholder:"BYTES" help:"Size of a message (${default})."`
	Hold   time.Duration `default:"10s" placeholder:"TIME" help:"How long connections are held idle (${default})."`
	Rounds int           `default:"25" placeholder:"N" help:"Messages sent to all, one at a time (${default})."`

	Chart string `default:"docs/growth.svg" placeholder:"FILE" help:"Chart (${default}); empty: none."`
	Raw   string `default:"bin/growth.json" placeholder:"FILE" help:"All that was measured (${default}); empty: none."`
	From  string `placeholder:"FILE" help:"Measure nothing: write the documents from the --raw of an earlier run."`
}

// rawSteps is all that a run has measured, as --raw keeps it.
type rawSteps struct {
	harness.Origin
	Wanted int      `json:"cycles_wanted"`
	Cycles int      `json:"cycles"` // that are complete; the turns of others do not count
	Size   int      `json:"size"`
	Steps  []int    `json:"steps"`
	Turns  []turn   `json:"turns"`
	Notes  []string `json:"notes,omitempty"`
}

// A turn is one step, measured once: one survey, and then in a fresh process the collector.
type turn struct {
	Connections int           `json:"connections"`
	Cycle       int           `json:"cycle"`
	Seconds     float64       `json:"seconds"`
	Result      *bench.Result `json:"result,omitempty"`
	GC          float64       `json:"gc_cpu_us,omitempty"` // µs of CPU of a full collection, median
	Failures    []string      `json:"failures,omitempty"`  // of the turn itself
}

func (t *turn) fail(what string, err error) { t.Failures = append(t.Failures, what+": "+err.Error()) }

func (r *rawSteps) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Validate is kong's.
func (s *stepsCmd) Validate() error {
	for _, n := range append([]int{s.Cycles, s.Size, s.Rounds}, s.Steps...) {
		if n <= 0 {
			return fmt.Errorf("--steps, --cycles, --size, --rounds: want more than 0, not %d", n)
		}
	}
	return nil
}

// Run is kong's.
func (s *stepsCmd) Run(ctx context.Context, c *cli, args arguments) error {
	var r *rawSteps
	if s.From != "" {
		r = new(rawSteps)
		if err := load(s.From, r); err != nil {
			return err
		}
	} else {
		var err error
		if r, err = s.measure(ctx, c, args); err != nil {
			return err
		}
	}
	if r.Cycles == 0 {
		return fmt.Errorf("no complete cycle")
	}
	if err := c.put("growth", "Growth", r.section(s.Chart)); err != nil {
		return err
	}
	if s.Chart != "" {
		if err := r.chart(s.Chart); err != nil {
			return err
		}
	}
	if r.troubles() != "" {
		return fmt.Errorf("there were problems: see above")
	}
	return nil
}

// measure runs all cycles: small … large, small … large. What was measured is in the file for it after each turn.
func (s *stepsCmd) measure(ctx context.Context, c *cli, args arguments) (*rawSteps, error) {
	if err := c.programs(); err != nil {
		return nil, err
	}
	most, err := harness.PerProcess()
	if err != nil {
		return nil, err
	}
	r := &rawSteps{Origin: harness.Origin{Args: args, Commit: harness.Commit(c.Crier), Started: time.Now()}, Wanted: s.Cycles, Size: s.Size}
	var above []string
	for _, n := range s.Steps {
		if n <= most {
			r.Steps = append(r.Steps, n)
		} else {
			above = append(above, harness.Count(n))
		}
	}
	if len(r.Steps) == 0 {
		return nil, fmt.Errorf("a process may have descriptors for %d connections here: raise ulimit -n, or ask for fewer with --steps", most)
	}
	if len(above) > 0 {
		r.note("Not measured: %s. A process may have descriptors for %s connections here.", strings.Join(above, ", "), harness.Count(most))
	}
	end, longest := r.Started.Add(s.Limit), time.Duration(0)
	for cycle := 1; cycle <= s.Cycles; cycle++ {
		began := time.Now()
		if time.Until(end) < longest {
			r.note("%d cycles were asked for; there was time for %d within %v.", s.Cycles, r.Cycles, s.Limit)
			break
		}
		for _, n := range r.Steps {
			fmt.Fprintf(os.Stderr, "%d/%d %7d ", cycle, s.Cycles, n)
			t := s.turn(ctx, c, n, most)
			t.Cycle = cycle
			if ctx.Err() != nil {
				return nil, fmt.Errorf("stopped: %w", context.Cause(ctx))
			}
			fmt.Fprintln(os.Stderr, t.line())
			r.Turns = append(r.Turns, t)
			r.Seconds = time.Since(r.Started).Seconds()
			if err := save(s.Raw, r); err != nil {
				return nil, err
			}
		}
		r.Cycles = cycle
		longest = max(longest, time.Since(began))
	}
	r.Seconds = time.Since(r.Started).Seconds()
	return r, save(s.Raw, r)
}

// A turn takes this long at most, and a node so long to end.
const (
	turnLimit = 5 * time.Minute
	stopLimit = 30 * time.Second
)

func (s *stepsCmd) turn(ctx context.Context, c *cli, n, most int) (t turn) {
	ctx, cancel := context.WithTimeoutCause(ctx, turnLimit, fmt.Errorf("it took more than %v", turnLimit))
	defer cancel()
	t = turn{Connections: n}
	began := time.Now()
	defer func() { t.Seconds = time.Since(began).Seconds() }()
	clients := []string{"-n", strconv.Itoa(n), "--procs", strconv.Itoa(harness.Processes(n, most)), "--source", harness.Sources(n)}

	t.with(ctx, c, func(p *harness.Server) error {
		g := c.generator()
		r, err := g.Run(ctx, "survey", append(clients, "--pid", strconv.Itoa(p.PID), "--size", strconv.Itoa(s.Size),
			"--hold", s.Hold.String(), "--rounds", strconv.Itoa(s.Rounds)), p.URL)
		t.Result = r
		return err
	})
	t.with(ctx, c, func(p *harness.Server) error {
		cost, err := collections(ctx, c.generator(), p, clients, n)
		t.GC = float64(cost) / 1e3
		return err
	})
	return t
}

// with runs do with a fresh node.
func (t *turn) with(ctx context.Context, c *cli, do func(*harness.Server) error) {
	p, err := harness.Start(ctx, harness.Command{Args: []string{c.Crier, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, Admin: true})
	if err != nil {
		t.fail("node", err)
		return
	}
	if err := do(p); err != nil {
		t.fail("run", err)
	}
	if err := p.Stop(stopLimit); err != nil {
		t.fail("node", err)
	}
}

func load(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func save(path string, v any) error {
	if path == "" {
		return nil
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return harness.WriteFile(path, append(b, '\n'))
}
