package bench_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"

	"crier/bench"
)

// childArg makes the test's own binary a process of the generator.
const childArg = "bench-child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		if err := bench.Child(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	http.DefaultTransport.(*http.Transport).DisableKeepAlives = true // or its idle connections would look like leaks
	goleak.VerifyTestMain(m)
}
