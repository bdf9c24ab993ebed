package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"crier/bench"
	"crier/bench/report"
)

// An outcome is what a command leaves behind for main.
type outcome struct {
	ctx      context.Context
	restore  func() // after which a second signal ends the process
	problems bool
}

// Run opens connections and holds them.
func (c *idleCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioIdle, &c.common, zeros{"hold": c.Hold == 0}, func(cfg *bench.Config) { cfg.Hold = c.Hold })
}

// Run sends one message at a time to all.
func (c *fanoutCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioFanout, &c.common, zeros{"rounds": c.Rounds == 0}, c.rounds.into)
}

// Run sends messages back to back to all.
func (c *burstCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioBurst, &c.common, zeros{"rounds": c.Rounds == 0, "batch": c.Batch == 0}, func(cfg *bench.Config) {
		c.rounds.into(cfg)
		cfg.Batch = c.Batch
	})
}

// Run sends messages at a fixed rate.
func (c *rateCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioRate, &c.common, zeros{"rate": c.Rate == 0, "duration": c.Duration == 0}, func(cfg *bench.Config) {
		cfg.Rate, cfg.Duration = c.Rate, c.Duration
	})
}

// Run does so with members that never read.
func (c *slowCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioSlow, &c.common, zeros{"rate": c.Rate == 0, "duration": c.Duration == 0, "slow": c.Slow == 0, "buffer": c.Buffer == 0},
		func(cfg *bench.Config) {
			cfg.Rate, cfg.Duration, cfg.Slow, cfg.Buffer = c.Rate, c.Duration, c.Slow, c.Buffer
		})
}

// Run has members leave and come back.
func (c *stormCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioStorm, &c.common, zeros{"rate": c.Rate == 0, "duration": c.Duration == 0, "stay": c.Stay == 0},
		func(cfg *bench.Config) {
			cfg.Rate, cfg.Duration, cfg.Stay, cfg.Churn = c.Rate, c.Duration, c.Stay, c.Churn
		})
}

// Run does idle, fanout and burst over the same connections.
func (c *surveyCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioSurvey, &c.common, zeros{"rounds": c.Rounds == 0, "batch": c.Batch == 0, "hold": c.Hold == 0}, func(cfg *bench.Config) {
		c.rounds.into(cfg)
		cfg.Hold, cfg.Batch, cfg.Bursts = c.Hold, c.Batch, c.BurstRounds
	})
}

// Run measures the machine.
func (c *limitCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioLimit, &common{clients: c.clients, output: c.output}, zeros{"rounds": c.Rounds == 0, "batch": c.Batch == 0}, func(cfg *bench.Config) {
		c.rounds.into(cfg)
		cfg.Batch, cfg.Bursts, cfg.Writers, cfg.Envelope = c.Batch, c.BurstRounds, c.Writers, ""
	})
}

// run runs a scenario and shows what it has found.
func (o *outcome) run(scenario string, c *common, refused zeros, set func(*bench.Config)) error {
	cfg, err := c.config()
	if err = errors.Join(err, refuseZero(refused)); err != nil {
		return &usageError{err}
	}
	cfg.Scenario = scenario
	set(&cfg)
	if _, err := cfg.Filled(); err != nil {
		return &usageError{err}
	}
	// The files are opened first: a run is long, and nobody wants to hear at its end that a directory is missing.
	files, err := create(c.JSON, c.HTML)
	if err != nil {
		return &usageError{err}
	}
	progress := report.NewProgress(os.Stderr, cfg.Connections)
	cfg.OnSample = progress.Update
	stop := context.AfterFunc(o.ctx, o.restore)
	defer stop()
	res, err := bench.Run(o.ctx, cfg)
	progress.Close()
	if err != nil {
		err = errors.Join(err, files.close())
		if bad := (*bench.ConfigError)(nil); errors.As(err, &bad) {
			return &usageError{err}
		}
		return err
	}
	o.problems = len(res.Problems) > 0
	res.Setup.Args, res.Version = os.Args[1:], versionText()
	if scenario != bench.ScenarioLimit && len(cfg.PIDs) == 0 && cfg.Metrics == "" {
		res.Notes = append(res.Notes, "the server's CPU and memory are not known: --pid or --metrics tells where to read them")
	}
	return errors.Join(o.show(res, c, files), files.close())
}

func (o *outcome) show(res *bench.Result, c *common, files *files) error {
	var errs []error
	if c.JSON != "-" {
		errs = append(errs, report.Table(os.Stdout, res))
	} else {
		for _, p := range res.Problems {
			fmt.Fprintf(os.Stderr, "bench: %s\n", p)
		}
	}
	if files.json != nil {
		errs = append(errs, begin(files.json), report.JSON(files.json, res))
	}
	if files.html != nil {
		errs = append(errs, begin(files.html), report.HTML(files.html, res))
	}
	return errors.Join(errs...)
}

// begin empties a file that was there before. What is no file, as a pipe, has nothing to be emptied.
func begin(f *os.File) error {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || f == os.Stdout {
		return err
	}
	return f.Truncate(0)
}

// files are where the result goes; nil for what is not wanted.
type files struct{ json, html *os.File }

func create(jsonName, htmlName string) (f *files, err error) {
	f = new(files)
	if jsonName == "-" {
		f.json = os.Stdout
	} else if f.json, err = createOne("json", jsonName); err != nil {
		return nil, err
	}
	if f.html, err = createOne("html", htmlName); err != nil {
		return nil, err
	}
	return f, nil
}

// createOne opens a file to write to. What it holds stays until there is something to put in its place.
func createOne(flag, name string) (*os.File, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return nil, fmt.Errorf("--%s -: want the name of a file", flag)
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return file, nil
}

func (f *files) close() error {
	var errs []error
	for _, c := range []*os.File{f.json, f.html} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
