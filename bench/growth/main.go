// Command growth measures what becomes of Crier's figures as connections become more, and writes it down. The claim is that lines
// are flat: a connection costs the same, and so does a delivery, however many there are.
//
//	growth steps   one node process, at more and more connections
//	growth nodes   several node processes on one port, for more connections than a process may have descriptors
//	growth guest   writes down what bench/guest.sh has found: one node process, in a guest that allows it as many as it takes
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
	"golang.org/x/term"

	"crier/bench/internal/harness"
)

type cli struct {
	Steps stepsCmd `cmd:"" default:"withargs" help:"One node process, at more and more connections (default)."`
	Nodes nodesCmd `cmd:"" help:"Several node processes on one port."`
	Guest guestCmd `cmd:"" help:"Write down what bench/guest.sh has found."`

	Crier string `default:"bin/crier" placeholder:"PATH" help:"The node (${default})."`
	Bench string `default:"bin/bench" placeholder:"PATH" help:"The load generator (${default})."`
	Out   string `default:"docs/benchmarks.md" placeholder:"FILE" help:"Document that gets the table (${default}); empty: none."`
}

// head is that of docs/benchmarks.md, where there is none yet; bench/compare has the same.
const head = `# Benchmarks

What is between marks is written by the command that stands there. Absolute figures differ from machine to machine; what is
measured in one run can be compared.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "growth: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
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
	parser, err := kong.New(&c, kong.Name("growth"), kong.Description("Measures what becomes of Crier's figures as connections become more."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return err
	}
	k, err := parser.Parse(args)
	if err != nil {
		return &usageError{fmt.Errorf("%w (see growth --help)", err)}
	}
	k.BindTo(ctx, (*context.Context)(nil))
	return k.Run(&c, arguments(args))
}

// arguments is the command line, without the program.
type arguments []string

func (c *cli) programs() error {
	for _, p := range []string{c.Crier, c.Bench} {
		if _, err := os.Stat(p); err != nil {
			return fmt.Errorf("there is no %s: make growth builds what it needs", p)
		}
	}
	return nil
}

func (c *cli) generator() harness.Generator {
	g := harness.Generator{Path: c.Bench}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		g.Progress = os.Stderr
	}
	return g
}

// put writes a section, to stdout too.
func (c *cli) put(section, title, text string) error {
	fmt.Println(text)
	if c.Out == "" {
		return nil
	}
	return harness.Document{Path: c.Out, Head: head}.Put(section, title, text)
}
