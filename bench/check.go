package bench

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"crier/bench/internal/fleet"
)

// MinSize is the size in bytes of what every message carries, and so of the smallest message.
const MinSize = fleet.MinSize

// Scenarios are all there are.
var Scenarios = []string{ScenarioIdle, ScenarioFanout, ScenarioBurst, ScenarioRate, ScenarioSlow, ScenarioStorm, ScenarioSurvey, ScenarioLimit}

// Filled returns the configuration with its defaults, or an error for each value that makes no sense.
func (c Config) Filled() (Config, error) {
	switch c.Scenario {
	case ScenarioSurvey:
		setDefault(&c.Hold, 5*time.Second)
	case ScenarioStorm:
		setDefault(&c.Rate, 10)
	}
	setDefault(&c.Connections, 1000)
	setDefault(&c.Procs, 1)
	setDefault(&c.Connecting, 128)
	setDefault(&c.ConnectTimeout, 30*time.Second)
	setDefault(&c.Size, 128)
	setDefault(&c.Rounds, 25)
	setDefault(&c.Bursts, c.Rounds)
	setDefault(&c.Warmup, 3)
	setDefault(&c.Batch, 16)
	setDefault(&c.Duration, 10*time.Second)
	setDefault(&c.Slow, 1)
	setDefault(&c.Buffer, 4096)
	setDefault(&c.Stay, 10)
	setDefault(&c.Patience, 10*time.Second)
	setDefault(&c.Hold, 10*time.Second)
	setDefault(&c.Rate, 100)
	c.Warmup, c.Buffer, c.Churn, c.ConnectRate = max(c.Warmup, 0), max(c.Buffer, 0), max(c.Churn, 0), max(c.ConnectRate, 0)
	if c.Envelope == "" {
		c.Envelope = "{}"
	}

	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(!slices.Contains(Scenarios, c.Scenario), "scenario %q: want one of %s", c.Scenario, strings.Join(Scenarios, ", "))
	wrong(c.Scenario == ScenarioLimit && c.URL != "", "limit measures no server: it takes no URL")
	wrong(c.Scenario == ScenarioLimit && (len(c.PIDs) > 0 || c.Metrics != ""), "limit measures its own write loop: it takes no pid and no metrics")
	wrong(c.Connections < 1, "connections: %d: want at least 1", c.Connections)
	wrong(c.Procs < 1 || c.Procs > c.Connections, "procs: %d: want 1 to the number of connections", c.Procs)
	wrong(c.Connecting < 1, "connecting: %d: want at least 1", c.Connecting)
	wrong(c.ConnectTimeout < 0, "connect-timeout: %v: want more than 0", c.ConnectTimeout)
	wrong(c.Size < MinSize || c.Size > 16<<20, "size: %d: want %d to %d bytes", c.Size, MinSize, 16<<20)
	wrong(strings.Count(c.Envelope, "{}") != 1, "envelope: %q: want {} in it once, where the message goes", c.Envelope)
	wrong(c.Hold < 0, "hold: %v: want more than 0", c.Hold)
	wrong(c.Rounds < 1, "rounds: %d: want at least 1", c.Rounds)
	wrong(c.Bursts < 1, "burst-rounds: %d: want at least 1", c.Bursts)
	bursts := slices.Contains([]string{ScenarioBurst, ScenarioSurvey, ScenarioLimit}, c.Scenario)
	wrong(bursts && (c.Batch < 1 || c.Batch > 64<<20/max(c.Size, 1)), "batch: %d messages of %d bytes: want 1 or more, and at most 64 MiB", c.Batch, c.Size)
	wrong(!(c.Rate > 0 && c.Rate <= 1e6), "rate: %v: want more than 0 and at most a million messages a second", c.Rate)
	wrong(c.Duration < 0 || c.Rate > 0 && c.Rate*c.Duration.Seconds() < 1, "duration: %v at %v messages a second: want time for one message at least", c.Duration, c.Rate)
	wrong(!(c.Slow > 0 && c.Slow < 100), "slow: %v: want more than 0 and less than 100 percent", c.Slow)
	wrong(!(c.Stay > 0 && c.Stay < 100), "stay: %v: want more than 0 and less than 100 percent", c.Stay)
	wrong(!(c.Churn <= 1e5), "churn: %v: want at most 100000 connections a second", c.Churn)
	wrong(c.Patience < 0, "patience: %v: want more than 0", c.Patience)
	wrong(len(c.PIDs) > 0 && c.Metrics != "", "the server's figures come from its pid or from its metrics: not both")
	if len(errs) > 0 {
		return c, &ConfigError{errors.Join(errs...)}
	}
	return c, nil
}

// A ConfigError is a configuration that makes no sense, or wants what this machine does not have.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *ConfigError) Unwrap() error { return e.Err }

func badConfig(format string, args ...any) error { return &ConfigError{fmt.Errorf(format, args...)} }

func setDefault[T cmp.Ordered](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
