package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	return o.run(bench.ScenarioIdle, &c.common, func(cfg *bench.Config) { cfg.Hold = orRefuse(c.Hold) })
}

// Run sends one message at a time to all.
func (c *fanoutCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioFanout, &c.common, c.rounds.into)
}

// Run sends messages back to back to all.
func (c *burstCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioBurst, &c.common, func(cfg *bench.Config) {
		c.rounds.into(cfg)
		cfg.Bursts, cfg.Batch = cfg.Rounds, orRefuse(c.Batch)
	})
}

// Run sends messages at a fixed rate.
func (c *rateCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioRate, &c.common, func(cfg *bench.Config) {
		cfg.Rate, cfg.Duration = orRefuse(c.Rate), orRefuse(c.Duration)
	})
}

// Run does so with members that never read.
func (c *slowCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioSlow, &c.common, func(cfg *bench.Config) {
		cfg.Rate, cfg.Duration, cfg.Slow, cfg.Buffer = orRefuse(c.Rate), orRefuse(c.Duration), orRefuse(c.Slow), c.Buffer
	})
}

// Run has members leave and come back.
func (c *stormCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioStorm, &c.common, func(cfg *bench.Config) {
		cfg.Rate, cfg.Duration, cfg.Stay, cfg.Churn = orRefuse(c.Rate), orRefuse(c.Duration), orRefuse(c.Stay), c.Churn
	})
}

// Run does idle, fanout and burst over the same connections.
func (c *surveyCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioSurvey, &c.common, func(cfg *bench.Config) {
		c.rounds.into(cfg)
		cfg.Hold, cfg.Batch, cfg.Bursts = orRefuse(c.Hold), orRefuse(c.Batch), c.BurstRounds
	})
}

// Run measures the machine.
func (c *limitCmd) Run(o *outcome) error {
	return o.run(bench.ScenarioLimit, &common{clients: c.clients, output: c.output}, func(cfg *bench.Config) {
		c.rounds.into(cfg)
		cfg.Batch, cfg.Bursts, cfg.Writers, cfg.Envelope = orRefuse(c.Batch), c.BurstRounds, c.Writers, ""
	})
}

// orRefuse turns a zero that somebody has typed into what bench refuses: there 0 would be the default.
func orRefuse[T int | float64 | interface{ ~int64 }](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// run runs a scenario and shows what it has found.
func (o *outcome) run(scenario string, c *common, set func(*bench.Config)) error {
	cfg, err := c.config()
	if err != nil {
		return &usageError{err}
	}
	cfg.Scenario = scenario
	set(&cfg)
	// The files are made first: a run is long, and nobody wants to hear at its end that a directory is missing.
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
	return errors.Join(o.show(res, c, files), files.close())
}

func (o *outcome) show(res *bench.Result, c *common, files *files) error {
	var errs []error
	if c.JSON != "-" {
		errs = append(errs, report.Table(os.Stdout, res))
	}
	if files.json != nil {
		errs = append(errs, report.JSON(files.json, res))
	}
	if files.html != nil {
		errs = append(errs, report.HTML(files.html, res))
	}
	return errors.Join(errs...)
}

// files are where the result goes; nil for what is not wanted.
type files struct{ json, html io.WriteCloser }

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

func createOne(flag, name string) (io.WriteCloser, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return file, nil
}

func (f *files) close() error {
	var errs []error
	for _, c := range []io.WriteCloser{f.json, f.html} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
