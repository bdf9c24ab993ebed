package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bare is the child process of the limit scenario.
type bare struct {
	cmd *exec.Cmd
	in  io.Closer
	url string
}

// startBare starts a process that takes so many connections, and then writes whatever the first that speaks says to all of them, from as many
// threads as it has writers, with nothing in between: what this machine's kernel allows.
func startBare(ctx context.Context, cfg *Config) (*bare, error) {
	writers := cfg.Writers
	if writers <= 0 {
		writers = runtime.GOMAXPROCS(0)
	}
	args := append(cfg.Command[1:len(cfg.Command):len(cfg.Command)], childBare, strconv.Itoa(cfg.Connections), strconv.Itoa(writers))
	cmd := exec.Command(cfg.Command[0], args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the write loop: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the write loop: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the write loop: %w", err)
	}
	b := &bare{cmd: cmd, in: in}
	stop := context.AfterFunc(ctx, func() { _ = in.Close() })
	defer stop()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.close()
		return nil, fmt.Errorf("the write loop has not begun: %w", err)
	}
	b.url = strings.TrimSpace(line)
	return b, nil
}

func (b *bare) pid() int { return b.cmd.Process.Pid }

func (b *bare) close() {
	_ = b.in.Close()
	kill := time.AfterFunc(5*time.Second, func() { _ = b.cmd.Process.Kill() })
	defer kill.Stop()
	_ = b.cmd.Wait() // what it has to say it says on standard error
}
