package peers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// limit is how long anything may take that is waited for.
const limit = time.Minute

// bin is where the peers are, built without the race detector: their libraries are not what is tested.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "crier-peers")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bin = dir
	code := 1
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	for _, p := range all {
		args = append(args, "./"+p.name)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the peers: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// A server is a peer in a process of its own.
type server struct {
	url     string
	removed chan struct{} // closed when the peer says that it removed a member
}

// start starts a peer. At the end of the test SIGTERM must end it with 0, and it must have said nothing on stdout but where
// it listens.
func start(t *testing.T, name string) *server {
	t.Helper()
	// A result is kept until what a test has looked at is another, so this looks at what the peers are built from.
	for _, pattern := range []string{"*/main.go", "internal/peer/*.go", "go.mod", "go.sum"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("where is %s? %v", pattern, err)
		}
		for _, f := range files {
			if _, err := os.Stat(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := &server{removed: make(chan struct{})}
	cmd := exec.Command(filepath.Join(bin, name), "--listen", "127.0.0.1:0")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	var log strings.Builder
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		once := sync.OnceFunc(func() { close(s.removed) })
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(&log, lines.Text())
			if strings.HasPrefix(lines.Text(), "removed ") {
				once()
			}
		}
	}()
	out := bufio.NewReader(stdout)
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		more, _ := io.ReadAll(out)
		<-logged
		err := cmd.Wait()
		kill.Stop()
		if err != nil || len(more) > 0 {
			t.Errorf("%s ended with %v; it said %q after its address, and\n%s", name, err, more, &log)
		} else if t.Failed() {
			t.Logf("%s said:\n%s", name, &log)
		}
	})
	line, err := out.ReadString('\n')
	var ok bool
	if s.url, ok = strings.CutPrefix(strings.TrimSuffix(line, "\n"), "WebSocket  "); err != nil || !ok {
		t.Fatalf("%s said %q, %v, not where it listens", name, line, err)
	}
	return s
}

// bound is a context for what a test does: limit, or the test's end.
func bound(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// together runs f for 0 to n-1 at once. The first error ends all, and is returned.
func together(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
