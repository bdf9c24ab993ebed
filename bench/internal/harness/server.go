package harness

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Command is how to start a server. It must print where it listens: a line with a word that begins with ws://.
type Command struct {
	Args  []string      // the program first
	Env   []string      // added to the parent's
	Admin bool          // it prints a word that begins with http:// too: where its metrics and profiles are
	Limit time.Duration // for it to come up; default 20 s
}

// A Server is a process that takes WebSockets.
type Server struct {
	URL   string // ws://…
	Admin string // http://…, if the command has it
	PID   int

	cmd   *exec.Cmd
	said  *tail // the end of its stderr
	ended chan struct{}
	err   error // of Wait; set before ended is closed
}

// Start starts a server and waits until it has said where it listens.
func Start(ctx context.Context, c Command) (*Server, error) {
	s := &Server{cmd: exec.Command(c.Args[0], c.Args[1:]...), said: new(tail), ended: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), c.Env...)
	s.cmd.Stderr = s.said
	s.cmd.WaitDelay = time.Second // for what is left in the pipes once it has ended
	guard(s.cmd)
	// A pipe of our own: that of StdoutPipe would be closed by Wait under the reader's hands.
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Args[0], err)
	}
	s.cmd.Stdout = in
	err = s.cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("start %s: %w", c.Args[0], err)
	}
	s.PID = s.cmd.Process.Pid
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()

	up := make(chan struct{})
	go func() { // ends with the server: then its output ends
		defer out.Close()
		s.listen(out, c.Admin, up)
	}()
	limit := time.NewTimer(cmp.Or(c.Limit, 20*time.Second))
	defer limit.Stop()
	select {
	case <-up:
		return s, nil
	case <-s.ended:
		return nil, fmt.Errorf("start %s: %w", c.Args[0], s.diagnosis())
	case <-limit.C:
		err = errors.New("it does not say where it listens")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	s.kill()
	<-s.ended
	return nil, fmt.Errorf("start %s: %w", c.Args[0], err)
}

// listen looks for the addresses in what the server prints, closes up when it has them, and then throws away the rest.
func (s *Server) listen(out io.Reader, admin bool, up chan<- struct{}) {
	var url, adm string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		for word := range strings.FieldsSeq(lines.Text()) {
			switch {
			case url == "" && strings.HasPrefix(word, "ws://"):
				url = word
			case adm == "" && strings.HasPrefix(word, "http://"):
				adm = word
			}
		}
		if url != "" && (adm != "" || !admin) {
			s.URL = url
			if admin {
				s.Admin = adm
			}
			close(up)
			break
		}
	}
	io.Copy(io.Discard, out) // or the server would stand still once the pipe is full
}

// Ended is closed when the server's process has ended, by itself or by Stop.
func (s *Server) Ended() <-chan struct{} { return s.ended }

// Stop ends the server: with SIGTERM, and by force when it has not ended within the limit. An error says that it had ended before by
// itself, or that it had to be forced. However that is, it has ended when Stop returns.
func (s *Server) Stop(limit time.Duration) error {
	select {
	case <-s.ended:
		return s.diagnosis()
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.kill() // no such signal here
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-s.ended:
		return nil
	case <-t.C:
		s.kill()
		<-s.ended
		return fmt.Errorf("it did not end within %v of SIGTERM", limit)
	}
}

func (s *Server) kill() {
	killGroup(s.cmd)
	s.cmd.Process.Kill()
}

// diagnosis tells why a server has ended that was not told to.
func (s *Server) diagnosis() error {
	err := errors.New("it ended by itself")
	if s.err != nil {
		err = fmt.Errorf("it ended by itself: %w", s.err)
	}
	if last := s.said.last(); last != "" {
		err = fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

// last returns the line that says most: where a Go program panics or dies of a signal, that which says why; else the last one.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := ""
	for line := range strings.Lines(string(t.buf)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return line
		}
		if line != "" {
			last = line
		}
	}
	return last
}
