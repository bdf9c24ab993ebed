package bench

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"crier/bench/internal/fleet"
)

// What a child process is started for: the argument behind Config.Command.
const (
	childFleet = "fleet" // to hold a part of the clients
	childBare  = "bare"  // to be the write loop of the limit scenario
)

// Child is the main function of another process of the generator. args are those behind Config.Command.
func Child(args []string) error {
	switch {
	case len(args) == 1 && args[0] == childFleet:
		signal.Ignore(syscall.SIGPIPE) // a parent that is interrupted does not wait for all answers
		fleet.Serve(fleet.Stdio{ReadCloser: os.Stdin, WriteCloser: os.Stdout})
		return nil
	case len(args) == 3 && args[0] == childBare:
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		writers, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return serveBare(n, writers)
	}
	return fmt.Errorf("arguments %q: this command is for the generator's own use", args)
}
