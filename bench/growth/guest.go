package main

import (
	"errors"
	"fmt"

	"crier/bench"
	"crier/bench/internal/harness"
)

type guestCmd struct {
	File string `arg:"" default:"bin/guest.json" optional:"" help:"What bench/guest.sh has written (${default})."`
}

// Run is kong's.
func (x *guestCmd) Run(c *cli) error {
	r := new(bench.Result)
	if err := load(x.File, r); err != nil {
		return err
	}
	if r.Connect == nil {
		return fmt.Errorf("%s: no connections in it", x.File)
	}
	if err := c.put("guest", "One process, as many connections as it takes", guestSection(r, harness.Commit(c.Crier))); err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return errors.New("there were problems: see above")
	}
	return nil
}
