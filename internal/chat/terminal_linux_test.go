package chat

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
)

// A user runs the client on a terminal.
type user struct {
	*userWindow
	done   chan error
	before unix.Termios
}

func startUser(t *testing.T, ctx context.Context, width uint16, cfg Config) *user {
	t.Helper()
	u := &user{userWindow: openWindow(t, width), done: make(chan error, 1)}
	u.before = u.termios()
	cfg.In, cfg.Out, cfg.Err = u.tty, u.tty, io.Discard
	go func() { u.done <- Run(ctx, cfg) }()
	return u
}

func (u *user) termios() unix.Termios {
	u.t.Helper()
	var state *unix.Termios
	var err error
	if e := control(u.tty, func(fd int) { state, err = unix.IoctlGetTermios(fd, unix.TCGETS) }); e != nil || err != nil {
		u.t.Fatal(e, err)
	}
	return *state
}

// awaitLeft waits for the end of Run and checks the terminal.
func (u *user) awaitLeft() error {
	u.t.Helper()
	err := within(u.t, u.done, "end of Run")
	if u.termios() != u.before {
		u.t.Error("the terminal is not as it was")
	}
	return err
}

func (u *user) awaitConnected() {
	u.t.Helper()
	u.awaitText("* connected to")
	u.awaitEnd("\n>")
}

func wantClose(t *testing.T, n *testNode) {
	t.Helper()
	if code := within(t, n.closes, "close"); code != websocket.CloseNormalClosure {
		t.Errorf("closed with %d", code)
	}
}

func TestTerminalTalks(t *testing.T) {
	n := startNode(t)
	u := startUser(t, t.Context(), 200, Config{URL: n.url()})
	u.awaitConnected()
	u.press("hello\r")
	u.awaitEnd("\n> hello\nhello\n>")
	u.press("\r\rbye\r") // empty lines are not sent
	u.awaitEnd("\nbye\n>")
	u.press("\x04")
	if err := u.awaitLeft(); err != nil {
		t.Error(err)
	}
	wantClose(t, n)
	for _, want := range []string{"hello", "bye"} {
		if got := within(t, n.heard, "line"); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	if len(u.screen.strange) > 0 {
		t.Errorf("strange sequences: %q", u.screen.strange)
	}
}

func TestTerminalKeepsTheTypedLine(t *testing.T) {
	for _, test := range []struct{ name, typed, drawn string }{
		{"short", "half a li", "> half a li"},
		{"wrapped", strings.Repeat("abcdefghi ", 9) + "end", "> abcdefghi abcdefghi abcdefghi abcdefgh\n" +
			"i abcdefghi abcdefghi abcdefghi abcdefgh\ni abcdefghi end"},
		{"cursor moved", "half a li\x1b[D\x1b[D", "> half a li"},
		{"cursor at the start of a wrapped line", strings.Repeat("abcdefghi ", 4) + "end\x01", "> abcdefghi abcdefghi abcdefghi abcdefgh\ni end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := startNode(t)
			u := startUser(t, t.Context(), 40, Config{URL: n.url()})
			u.awaitConnected()
			u.press(test.typed)
			u.awaitEnd(test.drawn)
			want := ""
			for i, text := range []string{"first", "second", strings.Repeat("third ", 10), "two\nlines"} {
				n.say(websocket.TextMessage, text)
				want += [...]string{"first\n", "second\n", "third third third third third third thir\nd third third third\n", "two\n  lines\n"}[i]
				u.awaitEnd(want + test.drawn)
			}
			if got, _, _ := strings.Cut(u.text(), "first"); strings.Contains(got, "half") || strings.Contains(got, "abc") {
				t.Errorf("left over:\n%s", u.text())
			}
			u.press("\r")
			plain := strings.NewReplacer("\x1b[D", "", "\x01", "").Replace(test.typed)
			if got := within(t, n.heard, "line"); got != plain {
				t.Errorf("heard %q, want %q", got, plain)
			}
			u.press("\x03")
			if err := u.awaitLeft(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTerminalEscapesStrangers(t *testing.T) {
	n := startNode(t)
	u := startUser(t, t.Context(), 40, Config{URL: n.url()})
	u.awaitConnected()
	n.say(websocket.TextMessage, "\x1b[2J\x1b]0;title\x07\u009b31m\rred")
	u.awaitText(`\x1b[2J\x1b]0;title\x07\u009b31m\rred` + "\n>")
	n.say(websocket.BinaryMessage, "\x1b[2J")
	u.awaitEnd("[binary, 4 bytes] 1b 5b 32 4a\n>")
	u.press("\x04")
	if err := u.awaitLeft(); err != nil {
		t.Error(err)
	}
	if len(u.screen.strange) > 0 {
		t.Errorf("strange sequences: %q", u.screen.strange)
	}
}

func TestTerminalLeaves(t *testing.T) {
	for name, keys := range map[string]string{
		"Ctrl-C":                 "\x03",
		"Ctrl-D":                 "\x04",
		"Ctrl-C in a line":       "half\x03",
		"Ctrl-C behind an Esc":   "\x1b\x03",
		"what was typed is sent": "last\r\x04",
	} {
		t.Run(name, func(t *testing.T) {
			n := startNode(t)
			u := startUser(t, t.Context(), 200, Config{URL: n.url()})
			u.awaitConnected()
			u.press(keys)
			if err := u.awaitLeft(); err != nil {
				t.Error(err)
			}
			wantClose(t, n)
			if strings.Contains(keys, "last") {
				if got := within(t, n.heard, "line"); got != "last" {
					t.Errorf("heard %q", got)
				}
			}
		})
	}
}

func TestTerminalContextEnds(t *testing.T) {
	n := startNode(t)
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	u := startUser(t, ctx, 200, Config{URL: n.url()})
	u.awaitConnected()
	u.press("half")
	u.awaitEnd("> half")
	cancel(enough)
	if err := u.awaitLeft(); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	wantClose(t, n)
}

func TestTerminalSIGTERM(t *testing.T) {
	n := startNode(t)
	u := startUser(t, t.Context(), 200, Config{URL: n.url()})
	u.awaitConnected()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := u.awaitLeft(); err == nil {
		t.Error("no error")
	}
	wantClose(t, n)
}

func TestTerminalOutputStuck(t *testing.T) {
	n := startNode(t)
	ctx, cancel := context.WithCancel(t.Context())
	u := startUser(t, ctx, 200, Config{URL: n.url(), CloseTimeout: 50 * time.Millisecond})
	u.awaitConnected()
	// With output suspended a write to the terminal blocks.
	flow := func(action int) {
		if err := control(u.tty, func(fd int) { _ = unix.IoctlSetInt(fd, unix.TCXONC, action) }); err != nil {
			t.Error(err)
		}
	}
	flow(unix.TCOOFF)
	n.say(websocket.TextMessage, "stuck")
	cancel()
	err := u.awaitLeft()
	flow(unix.TCOON)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTerminalClosedByServer(t *testing.T) {
	n := startNode(t)
	u := startUser(t, t.Context(), 200, Config{URL: n.url()})
	u.awaitConnected()
	n.part(1001, "node stops")
	err := u.awaitLeft()
	if want := "connection lost: closed by the server with 1001 (going away): node stops"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestTerminalRefused(t *testing.T) {
	n := startNode(t)
	n.set(func(n *testNode) { n.refuse = 503 })
	u := startUser(t, t.Context(), 200, Config{URL: n.url()})
	var failed *DialError
	if err := u.awaitLeft(); !errors.As(err, &failed) || failed.Status != 503 {
		t.Errorf("got %v", err)
	}
	u.await("an empty screen", func(text string) bool { return text == "" })
}

func TestTerminalResizes(t *testing.T) {
	n := startNode(t)
	u := startUser(t, t.Context(), 40, Config{URL: n.url()})
	u.awaitConnected()
	if err := pty.Setsize(u.tty, &pty.Winsize{Rows: 24, Cols: 20}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	// At the end of a full row the client goes on to the next by itself. Keys
	// typed before the signal arrived wrap at the old width: type until not.
	wrapped := func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return strings.Contains(string(u.raw), strings.Repeat("x", 18)+"\r\n")
	}
	for tries := 0; !wrapped(); tries++ {
		if tries == 1000 {
			t.Fatal("the new size was not taken on")
		}
		u.press("\x15" + strings.Repeat("x", 18) + "y")
		within(t, u.drawn, "echo")
	}
	u.press("\x03")
	if err := u.awaitLeft(); err != nil {
		t.Error(err)
	}
}

func TestTerminalReconnects(t *testing.T) {
	// An address of its own, so that nobody takes the port in between.
	n := startNodeAt(t, "127.8.8.8:0")
	u := startUser(t, t.Context(), 200, Config{URL: n.url(), Reconnect: true, RetryMin: 20 * time.Millisecond, RetryMax: 20 * time.Millisecond, Queue: 2})
	u.awaitConnected()
	n.stop()
	u.awaitText("trying again in")
	u.awaitText("crier serve") // another attempt was refused
	u.press("one\r")
	u.awaitText("kept")
	u.press("two\rthree\r")
	u.awaitText("not sent, because 2 lines")
	again := startNodeAt(t, n.address)
	u.awaitText("* connected again to")
	for _, want := range []string{"one", "two"} {
		if got := within(t, again.heard, "line"); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	u.awaitEnd("\none\ntwo\n>")
	u.press("\x04")
	if err := u.awaitLeft(); err != nil {
		t.Error(err)
	}
	wantClose(t, again)
}

func TestTerminalLeavesWhileAway(t *testing.T) {
	for _, key := range []string{"\x03", "\x04"} {
		n := startNode(t)
		n.set(func(n *testNode) { n.refuse = 503 })
		u := startUser(t, t.Context(), 200, Config{URL: n.url(), Reconnect: true, RetryMin: time.Hour, RetryMax: time.Hour})
		u.awaitText("trying again in")
		u.press("one\r")
		u.awaitText("kept")
		u.press(key)
		if err := u.awaitLeft(); err != nil {
			t.Error(err)
		}
		u.awaitText("* 1 line typed, but not sent")
	}
}
