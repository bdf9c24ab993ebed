package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"crier/bench"
)

// A Generator is the load generator's program.
type Generator struct {
	Path     string
	Progress io.Writer // gets its stderr; nil: nobody. A terminal gets its progress line
}

// Run runs a scenario and returns what it found. A run that had problems, or was stopped by ctx, is no error as long as the generator
// tells what it found: the result says so. URL is "" for a scenario that has none.
func (g *Generator) Run(ctx context.Context, scenario string, args []string, url string) (*bench.Result, error) {
	line := append([]string{scenario, "--json", "-"}, args...)
	if url != "" {
		line = append(line, url)
	}
	cmd := exec.CommandContext(ctx, g.Path, line...)
	guard(cmd)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it then tells what it has
	cmd.WaitDelay = 10 * time.Second                                      // and is killed if it does not
	var out bytes.Buffer
	var said tail
	cmd.Stdout, cmd.Stderr = &out, &said
	switch f, ok := g.Progress.(*os.File); {
	case ok:
		cmd.Stderr = f // itself: it looks whether that is a terminal
	case g.Progress != nil:
		cmd.Stderr = io.MultiWriter(g.Progress, &said)
	}
	err := cmd.Run()
	if cmd.Process != nil {
		killGroup(cmd) // processes of its own that it may have left
	}
	var r bench.Result
	if bad := json.Unmarshal(out.Bytes(), &r); bad != nil {
		if err == nil {
			err = fmt.Errorf("its JSON: %w", bad)
		}
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		if last := said.last(); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
		return nil, fmt.Errorf("%s %s: %w", g.Path, scenario, err)
	}
	switch {
	case ctx.Err() != nil:
		r.Problems = append(r.Problems, bench.Problem{What: "the run was stopped: " + context.Cause(ctx).Error()})
	case err != nil && len(r.Problems) == 0:
		r.Problems = append(r.Problems, bench.Problem{What: "the generator ended with " + err.Error()})
	}
	return &r, nil
}
