// Command compare measures Crier beside other WebSocket servers, and writes down what it found.
//
// The servers take turns: A B C … A B C …, so that whatever else the machine does strikes all of them alike. In its turn a server is
// a fresh process, and the only one: bench survey opens all connections, holds them idle, sends one message at a time to all, then
// sixteen back to back. Every figure is the median over the cycles, with the least and the most beside it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"crier/bench/internal/harness"
)

type cli struct {
	Connections int           `short:"n" default:"15000" placeholder:"N" help:"Connections (${default}), or as many as a process may have descriptors for."`
	Size        int           `default:"128" placeholder:"BYTES" help:"Size of a message (${default})."`
	Cycles      int           `default:"3" placeholder:"N" help:"How often each server is measured (${default})."`
	Limit       time.Duration `default:"15m" placeholder:"TIME" help:"No cycle is begun that would not end within it (${default})."`
	Hold        time.Duration `default:"5s" placeholder:"TIME" help:"How long connections are held idle (${default})."`
	Rounds      int           `default:"25" placeholder:"N" help:"Messages sent one at a time (${default})."`
	Batch       int           `default:"16" placeholder:"N" help:"Messages sent back to back (${default})."`
	BurstRounds int           `default:"7" placeholder:"N" help:"How often they are (${default})."`
	Warmup      int           `default:"2" placeholder:"N" help:"Rounds before those that count (${default})."`

	Servers []string `placeholder:"NAME" help:"Only these, in this order (all: ${servers})."`
	Crier   []string `sep:"none" placeholder:"[NAME=]PATH" help:"Build of crier; repeats, so that two commits are compared in one run. Ratios are to the first (bin/crier)."`
	Bench   string   `default:"bin/bench" placeholder:"PATH" help:"The load generator (${default})."`
	Peers   string   `default:"bin/peers" placeholder:"DIR" help:"Where the other servers' programs are (${default})."`

	Out    string `default:"docs/benchmarks.md" placeholder:"FILE" help:"Document that gets the tables (${default}); empty: none."`
	Chart  string `default:"docs/benchmarks.svg" placeholder:"FILE" help:"Chart (${default}); empty: none."`
	Readme string `placeholder:"FILE" help:"Document that gets the short table, between <!-- figures:begin --> and <!-- figures:end -->."`
	Raw    string `default:"bin/compare.json" placeholder:"FILE" help:"All that was measured (${default}); empty: none."`
	From   string `placeholder:"FILE" help:"Measure nothing: write the documents from the --raw of an earlier run."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "compare: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		if u := (*usageError)(nil); errors.As(err, &u) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// A usageError is a mistake in the command line.
type usageError struct{ error }

func run(ctx context.Context, args []string) error {
	var c cli
	parser, err := kong.New(&c, kong.Name("compare"), kong.Description("Measures Crier beside other WebSocket servers."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Vars{"servers": strings.Join(names(), ", ")})
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); err != nil {
		return &usageError{fmt.Errorf("%w (see compare --help)", err)}
	}
	if c.From != "" {
		r, err := load(c.From)
		if err != nil {
			return err
		}
		return c.write(r)
	}
	r, err := c.measure(ctx, args)
	if err != nil {
		return err
	}
	return c.write(r)
}

// Validate is kong's.
func (c *cli) Validate() error {
	for name, v := range map[string]int{"connections": c.Connections, "size": c.Size, "cycles": c.Cycles, "rounds": c.Rounds, "batch": c.Batch, "burst-rounds": c.BurstRounds} {
		if v <= 0 {
			return fmt.Errorf("--%s %d: want more than 0", name, v)
		}
	}
	return nil
}

// measure runs all cycles. What was measured is in the file for it after each turn, so that nothing is lost when the run is cut off.
func (c *cli) measure(ctx context.Context, args []string) (*raw, error) {
	servers, err := c.choose()
	if err != nil {
		return nil, err
	}
	r := &raw{Origin: harness.Origin{Args: args, Commit: harness.Commit(servers[0].program()), Started: time.Now()},
		Wanted: c.Cycles, Connections: c.Connections, Size: c.Size, Batch: c.Batch, Servers: servers}
	most, err := harness.PerProcess()
	if err != nil {
		return nil, err
	}
	if most < c.Connections {
		r.Connections = most
		r.note("%s connections were asked for; a process may have descriptors for %s here (ulimit -n).", harness.Count(c.Connections), harness.Count(most))
	}
	g := harness.Generator{Path: c.Bench}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		g.Progress = os.Stderr
	}

	end, cancel := context.WithDeadlineCause(ctx, r.Started.Add(c.Limit), fmt.Errorf("the limit of %v is over", c.Limit))
	defer cancel()
	longest := time.Duration(0)
	for cycle := 1; cycle <= c.Cycles; cycle++ {
		began := time.Now()
		if left := time.Until(r.Started.Add(c.Limit)); left < longest {
			r.note("%d cycles were asked for; there was time for %d within %v.", c.Cycles, r.Cycles, c.Limit)
			break
		}
		inTime := end
		if cycle == 1 {
			inTime = ctx // one cycle there is always; each of its turns is bounded
		}
		for _, s := range servers {
			fmt.Fprintf(os.Stderr, "%d/%d %-12s ", cycle, c.Cycles, s.Name)
			t := c.turn(inTime, g, s, r.Connections)
			t.Cycle = cycle
			fmt.Fprintln(os.Stderr, t.line())
			if ctx.Err() != nil {
				return nil, fmt.Errorf("stopped: %w", context.Cause(ctx))
			}
			r.Turns = append(r.Turns, t)
			r.Seconds = time.Since(r.Started).Seconds()
			if err := r.save(c.Raw); err != nil {
				return nil, err
			}
			if end.Err() != nil && cycle > 1 {
				break
			}
		}
		if end.Err() != nil && cycle > 1 {
			r.note("%d cycles were asked for; there was time for %d within %v.", c.Cycles, r.Cycles, c.Limit)
			break
		}
		r.Cycles = cycle
		longest = max(longest, time.Since(began))
	}
	r.Seconds = time.Since(r.Started).Seconds()
	return r, r.save(c.Raw)
}

// choose finds the servers of the run and their programs.
func (c *cli) choose() ([]server, error) {
	all := builds(c.Crier)
	taken := names()[1:]
	for _, s := range all {
		if slices.Contains(taken, s.Name) {
			return nil, &usageError{fmt.Errorf("--crier %s=%s: another server has that name", s.Name, s.Args[0])}
		}
		taken = append(taken, s.Name)
	}
	all = append(all, peers(c.Peers)...)
	if len(c.Servers) > 0 {
		var chosen []server
		for _, name := range c.Servers {
			before := len(chosen)
			for _, s := range all {
				if s.Name == name || s.Crier && name == "crier" {
					chosen = append(chosen, s)
				}
			}
			if len(chosen) == before {
				return nil, &usageError{fmt.Errorf("--servers %s: there are %s", name, strings.Join(names(), ", "))}
			}
		}
		all = chosen
	}
	var missing []string
	for _, program := range append([]string{c.Bench}, programs(all)...) {
		if _, err := os.Stat(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("there is no %s: make compare builds what it needs", strings.Join(missing, ", no "))
	}
	for i := range all {
		all[i].identify()
	}
	return all, nil
}
