package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// limit is generous: it is only ever reached by a test that fails.
const limit = 20 * time.Second

// TestMain is also the server and the generator that the tests run as child processes.
func TestMain(m *testing.M) {
	switch role := os.Getenv("HARNESS_TEST"); role {
	case "":
		goleak.VerifyTestMain(m)
	default:
		os.Exit(roles[role]())
	}
}

var roles = map[string]func() int{
	"server": func() int {
		fmt.Println("a line before")
		fmt.Println("WebSocket  ws://127.0.0.1:1/chat")
		fmt.Println("admin      http://127.0.0.1:2  (metrics)")
		fmt.Println(strings.Repeat("a line after\n", 100_000)) // more than a pipe holds
		return untilTerminated()
	},
	"mute": func() int { return untilTerminated() },
	"dead": func() int {
		fmt.Println("WebSocket  nowhere")
		fmt.Fprintln(os.Stderr, "panic: no address\n\ngoroutine 1 [running]:")
		return 2
	},
	"stubborn": func() int {
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ws://127.0.0.1:1/")
		select {}
	},
	"brief": func() int {
		fmt.Println("ws://127.0.0.1:1/")
		fmt.Fprintln(os.Stderr, "that was all")
		return 3
	},
	"parent": func() int {
		// The child says when it is gone by closing its end of a connection.
		s, err := Start(context.Background(), Command{Args: self(), Env: []string{"HARNESS_TEST=caller"}})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(s.URL, s.PID)
		select {}
	},
	"caller": func() int {
		c, err := net.Dial("tcp", os.Getenv("HARNESS_TEST_ADDR"))
		if err != nil {
			return 1
		}
		defer c.Close()
		fmt.Println("ws://127.0.0.1:1/")
		return untilTerminated()
	},
	"generator": generate,
}

func untilTerminated() int {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	<-ended
	return 0
}

func self() []string { return []string{os.Args[0]} }

func role(name string) Command {
	return Command{Args: self(), Env: []string{"HARNESS_TEST=" + name}, Limit: limit}
}

func TestServer(t *testing.T) {
	c := role("server")
	c.Admin = true
	s, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if s.URL != "ws://127.0.0.1:1/chat" || s.Admin != "http://127.0.0.1:2" {
		t.Errorf("got %q and %q", s.URL, s.Admin)
	}
	if err := s.Stop(limit); err != nil {
		t.Error(err)
	}
	<-s.Ended()
}

func TestServersThatDoNotComeUp(t *testing.T) {
	for _, test := range []struct {
		name, want string
		limit      time.Duration
	}{
		{"dead", "panic: no address", limit},
		{"mute", "does not say where it listens", 50 * time.Millisecond},
	} {
		c := role(test.name)
		c.Limit = test.limit
		if _, err := Start(t.Context(), c); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := Start(t.Context(), Command{Args: []string{"/no/such/program"}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no program: got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := Start(ctx, role("mute")); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("cancelled: got %v", err)
	}
}

func TestStop(t *testing.T) {
	s, err := Start(t.Context(), role("stubborn"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "did not end") {
		t.Errorf("stubborn: got %v", err)
	}
	<-s.Ended()

	if s, err = Start(t.Context(), role("brief")); err == nil { // or it was gone before
		<-s.Ended()
		err = s.Stop(limit)
	}
	if err == nil || !strings.Contains(err.Error(), "exit status 3: that was all") {
		t.Errorf("brief: got %v", err)
	}
}

func TestTail(t *testing.T) {
	var x tail
	for i := range 10_000 {
		fmt.Fprintf(&x, "line %d\n\n", i)
	}
	if got := x.last(); got != "line 9999" {
		t.Errorf("got %q", got)
	}
	if len(x.buf) > tailSize {
		t.Errorf("keeps %d bytes", len(x.buf))
	}
}
