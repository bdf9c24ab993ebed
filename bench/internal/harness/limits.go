package harness

import (
	"fmt"

	"crier/netpoll"
)

// headroom is what a process needs besides connections, in descriptors: its program, listeners, poller, metrics, and what a
// node keeps for those it has to refuse.
const headroom = 200

// PerProcess returns how many connections one process may hold here.
func PerProcess() (int, error) {
	_, limit, err := netpoll.Descriptors()
	if err != nil {
		return 0, err
	}
	if limit <= headroom {
		return 0, fmt.Errorf("a process may have %d descriptors here, too few for any connections: raise ulimit -n", limit)
	}
	return limit - headroom, nil
}

// perSource is how many connections the generator opens from one source address. Linux gives each 28,232 ports and looks longer
// for a free one the more are taken; the look is the client's cost, and none of the server's.
const perSource = 10_000

// Sources returns the addresses for n connections as the generator's --source wants them, on the loopback interface.
func Sources(n int) string {
	k := (max(n, 1) + perSource - 1) / perSource
	if k == 1 {
		return "127.0.0.2"
	}
	last := 1 + k
	return fmt.Sprintf("127.0.0.2-127.0.%d.%d", last>>8, last&255)
}

// Processes returns how many processes are needed for n connections, of which each may hold so many.
func Processes(n, each int) int { return (n + each - 1) / each }
