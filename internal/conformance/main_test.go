package conformance

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"crier/internal/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is generous: it is only ever reached by a test that fails.
const limit = 10 * time.Second

// start runs a node until the end of the test. Its tests have one member at a time, so that what a member
// gets is the echo of what it sends.
func start(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	cfg.Addr = "127.0.0.1:0"
	n, err := node.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close the node: %v", err)
		}
	})
	return n
}
