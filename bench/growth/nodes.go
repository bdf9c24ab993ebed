package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"crier/bench"
	"crier/bench/internal/harness"
)

type nodesCmd struct {
	Connections int           `short:"n" default:"200000" placeholder:"N" help:"Connections, over all nodes (${default})."`
	Nodes       int           `placeholder:"K" help:"Node processes (as many as have descriptors enough)."`
	Procs       int           `placeholder:"P" help:"Generator processes (as many as have descriptors enough)."`
	Size        int           `default:"128" placeholder:"BYTES" help:"Size of a message (${default})."`
	Hold        time.Duration `default:"10s" placeholder:"TIME" help:"How long connections are held idle (${default})."`
	Rounds      int           `default:"10" placeholder:"N" help:"Messages sent to all, one at a time (${default})."`
	BurstRounds int           `default:"5" placeholder:"N" help:"Batches sent to all (${default})."`
	Limit       time.Duration `default:"10m" placeholder:"TIME" help:"After it the run is stopped (${default})."`

	Raw  string `default:"bin/nodes.json" placeholder:"FILE" help:"All that was measured (${default}); empty: none."`
	From string `placeholder:"FILE" help:"Measure nothing: write the document from the --raw of an earlier run."`
}

// rawNodes is all that a run has measured, as --raw keeps it.
type rawNodes struct {
	harness.Origin
	Nodes    int           `json:"nodes"`
	Result   *bench.Result `json:"result"`
	Failures []string      `json:"failures,omitempty"`
}

// Validate is kong's.
func (x *nodesCmd) Validate() error {
	if x.Connections <= 0 || x.Nodes < 0 || x.Procs < 0 || x.Size <= 0 || x.Rounds <= 0 || x.BurstRounds <= 0 {
		return errors.New("--connections, --size, --rounds, --burst-rounds: want more than 0; --nodes, --procs: not less")
	}
	return nil
}

// Run is kong's.
func (x *nodesCmd) Run(ctx context.Context, c *cli, args arguments) error {
	r := new(rawNodes)
	if x.From != "" {
		if err := load(x.From, r); err != nil {
			return err
		}
		if r.Result == nil {
			return fmt.Errorf("%s: no result in it", x.From)
		}
	} else {
		var err error
		if r, err = x.measure(ctx, c, args); err != nil {
			return err
		}
		if err := save(x.Raw, r); err != nil {
			return err
		}
	}
	if err := c.put("nodes", "Several processes on one port", r.section()); err != nil {
		return err
	}
	if len(r.problems()) > 0 {
		return errors.New("there were problems: see above")
	}
	return nil
}

// spare is the part of a node's descriptors that is not counted on: the kernel spreads connections over the nodes by chance. Of 200,000
// on 11 nodes the fullest gets 2 % more than the mean, three times in a hundred.
const spare = 0.06

func (x *nodesCmd) measure(ctx context.Context, c *cli, args arguments) (*rawNodes, error) {
	if err := c.programs(); err != nil {
		return nil, err
	}
	most, err := harness.PerProcess()
	if err != nil {
		return nil, err
	}
	nodes, procs := x.Nodes, x.Procs
	if nodes == 0 {
		nodes = harness.Processes(x.Connections, max(1, int(float64(most)*(1-spare))))
	}
	if procs == 0 {
		procs = harness.Processes(x.Connections, most)
	}
	r := &rawNodes{Origin: harness.Origin{Args: args, Commit: harness.Commit(c.Crier), Started: time.Now()}, Nodes: nodes}
	ctx, cancel := context.WithTimeoutCause(ctx, x.Limit, fmt.Errorf("the limit of %v is over", x.Limit))
	defer cancel()

	flags := []string{"-n", strconv.Itoa(x.Connections), "--procs", strconv.Itoa(procs), "--source", harness.Sources(x.Connections), "--size", strconv.Itoa(x.Size),
		"--hold", x.Hold.String(), "--rounds", strconv.Itoa(x.Rounds), "--burst-rounds", strconv.Itoa(x.BurstRounds), "--warmup", "1", "--patience", "1m"}
	listen, target := "127.0.0.1:0", ""
	var running []*harness.Server
	stop := func() (errs []error) {
		for _, p := range running {
			if err := p.Stop(stopLimit); err != nil {
				errs = append(errs, fmt.Errorf("node %d: %w", p.PID, err))
			}
		}
		running = nil
		return errs
	}
	defer stop()
	for range nodes {
		p, err := harness.Start(ctx, harness.Command{Args: []string{c.Crier, "serve", "--reuse-port", "--listen", listen, "--admin", "127.0.0.1:0"}, Admin: true})
		if err != nil {
			return nil, err
		}
		running = append(running, p)
		flags = append(flags, "--pid", strconv.Itoa(p.PID))
		if target == "" { // the first has chosen the port
			target = p.URL
			u, err := url.Parse(target)
			if err != nil {
				return nil, err
			}
			listen = u.Host
		}
	}
	fmt.Fprintf(os.Stderr, "%d nodes on %s, %d generators\n", nodes, listen, procs)
	g := c.generator()
	if r.Result, err = g.Run(ctx, "survey", flags, target); err != nil {
		return nil, err
	}
	for _, err := range stop() {
		r.Failures = append(r.Failures, err.Error())
	}
	r.Seconds = time.Since(r.Started).Seconds()
	return r, nil
}
