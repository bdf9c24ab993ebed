package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"
)

// stuckAfter is how many close timeouts a session may take to end after its
// context has, before its terminal is taken back from it all the same.
const stuckAfter = 4

// runTerminal prompts for lines on in and shows messages on out.
func runTerminal(ctx context.Context, cfg Config, s *session, in, out *os.File) error {
	ctx, stopSignals := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stopSignals()

	source, err := newInput(in)
	if err != nil {
		return fmt.Errorf("read the terminal: %w", err)
	}
	restore, err := makeRaw(in)
	if err != nil {
		return fmt.Errorf("take the terminal: %w", err)
	}
	defer restore()
	s.group.tidy = restore

	screen := newScreen(&keys{r: source}, out)
	stopResizes := followSize(s.group, out, screen.term)
	defer stopResizes()

	queue := make(chan []byte, cfg.Queue)
	s.lines = queue
	s.show = screen.show
	s.notice = screen.notice

	// The user may leave while there is no connection to close.
	leaving, leave := context.WithCancel(ctx)
	defer leave()
	typed := s.group.start(func() error {
		defer leave()
		defer close(queue)
		return s.readTyped(screen, queue)
	})

	// In a goroutine, so that not even an output that nobody takes keeps the
	// terminal from being restored.
	done := s.group.start(func() error { return s.run(ctx, leaving) })
	select {
	case err = <-done:
	case <-ctx.Done():
		err = withinLimit(done, stuckAfter*cfg.CloseTimeout, context.Cause(ctx))
	}

	source.stop()
	stopResizes()
	if !s.group.wait(cfg.CloseTimeout) {
		return err
	}
	source.release()
	if err == nil {
		err = <-typed
	}
	// An output that nobody takes is no reason to stay, here neither.
	last := s.group.start(func() error {
		if n := s.unsent(); n > 0 {
			s.notice(lines(n) + " typed, but not sent")
		}
		_, err := io.WriteString(out, "\r\x1b[J") // the prompt
		return err
	})
	_ = withinLimit(last, cfg.CloseTimeout, nil)
	return err
}

// readTyped puts typed lines into queue until the user leaves.
func (s *session) readTyped(screen *screen, queue chan<- []byte) error {
	for {
		line, err := screen.term.ReadLine()
		switch {
		case err == nil, errors.Is(err, term.ErrPasteIndicator):
		case errors.Is(err, io.EOF), errors.Is(err, errCtrlC), errors.Is(err, errStopped):
			return nil
		default:
			return fmt.Errorf("read the terminal: %w", err)
		}
		if line == "" {
			continue
		}
		select {
		case queue <- []byte(line):
			if !s.connected.Load() {
				s.notice("not connected: kept, to be sent as soon as that changes")
			}
		default:
			s.notice(fmt.Sprintf("not sent, because %s are waiting already: %s", lines(cap(queue)), escapeLine(line)))
		}
	}
}

// withinLimit waits for an answer, or gives otherwise in its place.
func withinLimit(answer <-chan error, limit time.Duration, otherwise error) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-answer:
		return err
	case <-timer.C:
		return otherwise
	}
}

var (
	errCtrlC = errors.New("Ctrl-C")
	errKeys  = errors.New("an escape sequence without an end")
)

// keys watches what is typed for what Terminal would not see: Ctrl-C right
// behind an Escape, and a sequence that fills its buffer without an end, for
// which it would ask in vain for ever.
type keys struct{ r io.Reader }

func (k *keys) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, errKeys
	}
	n, err := k.r.Read(p)
	if i := bytes.IndexByte(p[:n], 3); i >= 0 {
		return i, errCtrlC
	}
	return n, err
}

// makeRaw takes the terminal. What it returns gives it back, once.
func makeRaw(f *os.File) (restore func(), err error) {
	var state *term.State
	if e := control(f, func(fd int) { state, err = term.MakeRaw(fd) }); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() {
		_ = control(f, func(fd int) { _ = term.Restore(fd, state) })
	}), nil
}

func isTerminal(f *os.File) (is bool) {
	_ = control(f, func(fd int) { is = term.IsTerminal(fd) })
	return is
}

// fitSize tells the terminal how large its window is, if that is known.
func fitSize(f *os.File, t *term.Terminal) {
	_ = control(f, func(fd int) {
		if width, height, err := term.GetSize(fd); err == nil && width > 0 && height > 0 {
			_ = t.SetSize(width, height)
		}
	})
}

// control lends the descriptor of f. Fd would turn it blocking.
func control(f *os.File, use func(fd int)) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return c.Control(func(fd uintptr) { use(int(fd)) })
}
