package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A record is a writer that can be watched.
type record struct {
	mu    sync.Mutex
	buf   bytes.Buffer
	wrote chan struct{}
}

func newRecord() *record { return &record{wrote: make(chan struct{}, 1)} }

func (l *record) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.wrote <- struct{}{}:
	default:
	}
	return l.buf.Write(p)
}

func (l *record) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *record) await(t *testing.T, part string) {
	t.Helper()
	for !strings.Contains(l.String(), part) {
		within(t, l.wrote, fmt.Sprintf("%q in %q", part, l.String()))
	}
}

func runPiped(t *testing.T, cfg Config, input string) (string, error) {
	t.Helper()
	out := newRecord()
	cfg.In, cfg.Out = strings.NewReader(input), out
	if cfg.Err == nil {
		cfg.Err = io.Discard
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err := Run(ctx, cfg)
	return out.String(), err
}

func TestPipeRoundTrip(t *testing.T) {
	long := strings.Repeat("long ", 1<<18) // 1.25 MiB
	for _, test := range []struct{ name, in, out string }{
		{"lines", "a\nb\n", "a\nb\n"},
		{"no newline at the end", "a\nb", "a\nb\n"},
		{"same lines", "a\na\na\n", "a\na\na\n"},
		{"empty lines", "\n\na\n\n", "\n\na\n\n"},
		{"nothing", "", ""},
		{"carriage return", "a\r\n", "a\r\n"},
		{"raw", "\x1b[31m\n", "\x1b[31m\n"},
		{"long", long + "\nb\n" + long, long + "\nb\n" + long + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := startNode(t)
			out, err := runPiped(t, Config{URL: n.url()}, test.in)
			if err != nil {
				t.Fatal(err)
			}
			if out != test.out {
				t.Errorf("got %.80q, want %.80q", out, test.out)
			}
			if code := within(t, n.closes, "close"); code != websocket.CloseNormalClosure {
				t.Errorf("closed with %d", code)
			}
		})
	}
}

func TestPipeOfFiles(t *testing.T) {
	n := startNode(t)
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	taken, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{in, feed, taken, out} {
		defer f.Close()
	}
	if _, err := io.WriteString(feed, "a\nb\n"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Config{URL: n.url(), In: in, Out: out}) }()
	got := make([]byte, 4)
	if _, err := io.ReadFull(taken, got); err != nil || string(got) != "a\nb\n" {
		t.Fatalf("got %q, %v", got, err)
	}
	// The reader is blocked in the pipe and must be interrupted.
	enough := errors.New("enough")
	cancel(enough)
	if err := within(t, done, "end"); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if code := within(t, n.closes, "close"); code != websocket.CloseNormalClosure {
		t.Errorf("closed with %d", code)
	}
}

func TestPipeLargeInput(t *testing.T) {
	n := startNode(t)
	var in strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&in, "line %d\n", i)
	}
	out, err := runPiped(t, Config{URL: n.url()}, in.String())
	if err != nil {
		t.Fatal(err)
	}
	if out != in.String() {
		t.Error("what came back is not what was sent")
	}
}

func TestPipePrintsOthers(t *testing.T) {
	n := startNode(t)
	n.set(func(n *testNode) {
		n.onSay = func(*websocket.Conn, string) bool {
			n.tellLocked(websocket.TextMessage, []byte("other"))
			n.tellLocked(websocket.BinaryMessage, []byte("a"))
			return false
		}
	})
	out, err := runPiped(t, Config{URL: n.url()}, "a\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := "other\n[binary, 1 byte] 61\na\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestPipeSwallowed(t *testing.T) {
	n := startNode(t)
	n.set(func(n *testNode) {
		n.onSay = func(_ *websocket.Conn, text string) bool { return text == "b" || text == "d" }
	})
	_, err := runPiped(t, Config{URL: n.url(), EchoWait: 200 * time.Millisecond}, "a\nb\nc\nd\ne\n")
	var echo *EchoError
	if !errors.As(err, &echo) || echo.Missing != 2 || echo.Sent != 5 {
		t.Fatalf("got %v", err)
	}
	if want := "2 of 5 lines sent did not come back (waited 200ms)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if code := within(t, n.closes, "close"); code != websocket.CloseNormalClosure {
		t.Errorf("closed with %d", code)
	}
}

func TestPipeClosedByServer(t *testing.T) {
	for _, test := range []struct {
		code int
		text string
	}{
		{1013, "connection lost: closed by the server with 1013 (try again later): too slow\\x1b; 1 of 2 lines had not come back"},
		{1000, "connection lost: closed by the server with 1000 (normal): too slow\\x1b; 1 of 2 lines had not come back"},
		{4000, "connection lost: closed by the server with 4000: too slow\\x1b; 1 of 2 lines had not come back"},
	} {
		t.Run(fmt.Sprint(test.code), func(t *testing.T) {
			n := startNode(t)
			n.set(func(n *testNode) {
				n.onSay = func(c *websocket.Conn, text string) bool {
					if text == "b" {
						n.partOneLocked(c, test.code, "too slow\x1b")
						return true
					}
					return false
				}
			})
			_, err := runPiped(t, Config{URL: n.url()}, "a\nb\n")
			var loss *LostError
			if !errors.As(err, &loss) || loss.Code != test.code || loss.Reason != "too slow\x1b" {
				t.Fatalf("got %v", err)
			}
			if err.Error() != test.text {
				t.Errorf("got  %q\nwant %q", err, test.text)
			}
		})
	}
}

func TestPipeConnectionCut(t *testing.T) {
	n := startNode(t)
	n.set(func(n *testNode) {
		n.onSay = func(c *websocket.Conn, _ string) bool { _ = c.NetConn().Close(); return true }
	})
	_, err := runPiped(t, Config{URL: n.url()}, "a\n")
	var loss *LostError
	if !errors.As(err, &loss) || loss.Code != 0 || loss.Missing != 1 {
		t.Fatalf("got %v", err)
	}
}

func TestPipeReconnects(t *testing.T) {
	n := startNode(t)
	n.set(func(n *testNode) {
		n.onSay = func(c *websocket.Conn, text string) bool {
			if text == "b" {
				_ = c.NetConn().Close()
				return true
			}
			return false
		}
	})
	in, feed := io.Pipe()
	out, notices := newRecord(), newRecord()
	done := make(chan error, 1)
	go func() {
		done <- Run(t.Context(), Config{URL: n.url(), In: in, Out: out, Err: notices, Reconnect: true, RetryMax: time.Millisecond})
	}()
	_, _ = io.WriteString(feed, "a\nb\n")
	notices.await(t, "connected again to "+n.url())
	_, _ = io.WriteString(feed, "c\n")
	_ = feed.Close()
	err := within(t, done, "end")
	var echo *EchoError
	if !errors.As(err, &echo) || echo.Missing != 1 || echo.Sent != 3 || echo.Wait != 0 {
		t.Fatalf("got %v", err)
	}
	if out.String() != "a\nc\n" {
		t.Errorf("got %q", out)
	}
}

func TestPipeBadLines(t *testing.T) {
	for _, test := range []struct {
		name, in, out string
		line          int
	}{
		{"no UTF-8", "a\nb\n\xff\nc\n", "a\nb\n", 3},
		{"too long", "a\n" + strings.Repeat("b", 101) + "\n", "a\n", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := startNode(t)
			out, err := runPiped(t, Config{URL: n.url(), MaxMessage: 100}, test.in)
			var bad *LineError
			if !errors.As(err, &bad) || bad.Line != test.line {
				t.Fatalf("got %v", err)
			}
			if out != test.out {
				t.Errorf("got %q", out)
			}
			if code := within(t, n.closes, "close"); code != websocket.CloseNormalClosure {
				t.Errorf("closed with %d", code)
			}
		})
	}
}

type badWriter struct{}

func (badWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestPipeOutputFails(t *testing.T) {
	n := startNode(t)
	err := Run(t.Context(), Config{URL: n.url(), In: strings.NewReader("a\n"), Out: badWriter{}})
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Fatalf("got %v", err)
	}
	if code := within(t, n.closes, "close"); code != websocket.CloseNormalClosure {
		t.Errorf("closed with %d", code)
	}
}
