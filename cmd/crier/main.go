// Command crier is a WebSocket broadcast node, and a terminal client to talk to one.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run a node: what any client sends goes to all."`
	Chat    chatCmd    `cmd:"" help:"Talk to a node from the terminal, or pipe lines to it."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "crier: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		var usage *usageError
		if errors.As(err, &usage) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// A usageError is a mistake in the command line or the environment.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func run(args []string) error {
	parser, err := kong.New(&cli{},
		kong.Name("crier"),
		kong.Description("A large-fanout WebSocket broadcast node: what anyone sends goes to everyone.\n\n"+
			"Every flag can also be given as an environment variable, shown behind it."),
		kong.DefaultEnvars("CRIER"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		return &usageError{fmt.Errorf("%w (see crier --help)", err)}
	}
	return ctx.Run()
}
