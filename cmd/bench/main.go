// Command bench is a load generator for WebSocket servers where what anyone sends goes to everyone.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"crier/bench"
)

type cli struct {
	Idle   idleCmd   `cmd:"" help:"Open connections and hold them."`
	Fanout fanoutCmd `cmd:"" help:"One message at a time to all: time to the last receiver."`
	Burst  burstCmd  `cmd:"" help:"Messages back to back to all: deliveries a second."`
	Rate   rateCmd   `cmd:"" help:"Messages at a fixed rate: latency from when each was to be sent, loss, order."`
	Slow   slowCmd   `cmd:"" help:"The same with members that never read: what the others feel, and who is removed."`
	Storm  stormCmd  `cmd:"" help:"Everybody is cut off and comes back at once, or some all the time."`
	Survey surveyCmd `cmd:"" help:"Idle, fanout and burst over the same connections."`
	Limit  limitCmd  `cmd:"" help:"No server but a bare write loop: what this machine allows."`

	Child   childCmd   `cmd:"" hidden:"" help:"A process of the generator, for its own use."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

const description = `A load generator for WebSocket servers: any server that sends what it gets to everybody.

Each client checks that it gets every message once and in order. A run that lost something says so and exits with 1; a mistake in the command line exits with 2.

Several server processes on one port (SO_REUSEPORT) are fine: a client that hears nobody becomes a publisher for those that hear it.`

func main() {
	problems, err := run(os.Args[1:])
	switch usage := (*usageError)(nil); {
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "bench: %s\n", inOneLine(err))
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "bench: %s\n", inOneLine(err))
		os.Exit(1)
	case problems:
		os.Exit(1)
	}
}

func inOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// A usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// run reports whether the run had problems.
func run(args []string) (problems bool, err error) {
	parser, err := kong.New(&cli{},
		kong.Name("bench"),
		kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	)
	if err != nil {
		return false, err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return false, &usageError{fmt.Errorf("%w (see bench --help)", err)}
	}
	sigs, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := &outcome{ctx: sigs, restore: stop}
	err = ctx.Run(out)
	return out.problems, err
}

// childCmd is what bench starts other processes of itself with.
type childCmd struct {
	Args []string `arg:"" optional:""`
}

// Run serves until the end of standard input.
func (c *childCmd) Run() error { return bench.Child(c.Args) }
