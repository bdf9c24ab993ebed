package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"crier/bench/internal/fleet"
)

// A crew is the fleets of a run, one in this process or several in children.
type crew struct {
	fleets []*fleet.Remote
	own    *processes // the generator's
}

// newCrew makes the fleets that c wants: configs has one for each.
func newCrew(ctx context.Context, command []string, configs []fleet.Config) (*crew, error) {
	c := new(crew)
	for range configs {
		if len(configs) == 1 {
			c.fleets = append(c.fleets, fleet.Here())
			break
		}
		f, err := fleet.Child(append(command, childFleet))
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.fleets = append(c.fleets, f)
	}
	c.own = &processes{pids: []int{os.Getpid()}}
	for _, f := range c.fleets {
		if pid := f.PID(); pid != os.Getpid() {
			c.own.pids = append(c.own.pids, pid)
		}
	}
	if _, err := ask[fleet.Nothing](ctx, c, "Make", func(i int) any { return configs[i] }); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *crew) close() error {
	errs := make([]error, len(c.fleets))
	var wg sync.WaitGroup
	for i, f := range c.fleets {
		wg.Go(func() { errs[i] = f.Close() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// ask calls a method of all fleets at once and returns their answers.
func ask[Answer any](ctx context.Context, c *crew, method string, args func(i int) any) ([]Answer, error) {
	answers, errs := make([]Answer, len(c.fleets)), make([]error, len(c.fleets))
	var wg sync.WaitGroup
	for i, f := range c.fleets {
		wg.Go(func() {
			var a Answer
			if errs[i] = f.Call(ctx, method, args(i), &a); errs[i] == nil {
				answers[i] = a
			}
		})
	}
	wg.Wait()
	return answers, errors.Join(errs...)
}

func same(v any) func(int) any { return func(int) any { return v } }

func none(int) any { return fleet.Nothing{} }

// usage is what the generator's own processes have used.
func (c *crew) usage() (usage, error) {
	u, err := c.own.read(context.Background())
	if err != nil {
		return usage{}, fmt.Errorf("the generator's own figures: %w", err)
	}
	return u, nil
}

// fleetConfigs gives each process of a run its part.
func fleetConfigs(cfg *Config, t fleet.Target, run uint32) []fleet.Config {
	prefix, suffix := cutEnvelope(cfg.Envelope)
	var answers []fleet.Answer
	for _, a := range cfg.Answers {
		answers = append(answers, fleet.Answer(a))
	}
	configs := make([]fleet.Config, cfg.Procs)
	first := 0
	for i := range configs {
		clients := share(cfg, i)
		configs[i] = fleet.Config{
			First: first, Clients: clients, Target: t, Sources: cfg.Sources,
			Connecting: max(cfg.Connecting/cfg.Procs, 1), ConnectRate: cfg.ConnectRate / float64(cfg.Procs),
			ConnectTimeout: cfg.ConnectTimeout, Patience: cfg.Patience,
			Run: run, Size: cfg.Size, Text: cfg.Text, Hello: cfg.Hello, Prefix: prefix, Suffix: suffix, Answers: answers,
		}
		switch cfg.Scenario {
		case ScenarioSlow:
			configs[i].Slow, configs[i].Buffer = cfg.Slow, cfg.Buffer
		case ScenarioStorm:
			configs[i].Mobile, configs[i].Stay = true, cfg.Stay
		}
		first += clients
	}
	return configs
}

// share is how many clients process i of a run has.
func share(cfg *Config, i int) int {
	return cfg.Connections*(i+1)/cfg.Procs - cfg.Connections*i/cfg.Procs
}

// pause waits, or until ctx is done.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
