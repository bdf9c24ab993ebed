//go:build unix

package chat

import (
	"cmp"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// An input is a reader that can be interrupted if it is a file: also a
// terminal or pipe that another process had before, and that Go has to read
// with a blocking read(2).
type input struct {
	r io.Reader
	f *os.File // r, or nil if it is no file

	// A pipe whose writing end is closed to stop Read.
	stopped, hold *os.File
	once          sync.Once
}

func newInput(r io.Reader) (*input, error) {
	in := &input{r: r}
	f, ok := r.(*os.File)
	if !ok {
		return in, nil
	}
	var err error
	if in.stopped, in.hold, err = os.Pipe(); err != nil {
		return nil, err
	}
	in.f = f
	return in, nil
}

func (in *input) interruptible() bool { return in.f != nil }

func (in *input) Read(p []byte) (int, error) {
	if in.f != nil {
		if err := in.await(); err != nil {
			return 0, err
		}
	}
	return in.r.Read(p)
}

// await returns nil when a read would not block.
func (in *input) await() error {
	var polled, lent error
	err := control(in.f, func(fd int) {
		lent = control(in.stopped, func(stop int) {
			polled = poll(fd, stop)
		})
	})
	return cmp.Or(err, lent, polled)
}

func poll(fd, stop int) error {
	fds := []unix.PollFd{
		{Fd: int32(fd), Events: unix.POLLIN},
		{Fd: int32(stop), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return os.NewSyscallError("poll", err)
		case fds[1].Revents != 0:
			return errStopped
		default:
			return nil
		}
	}
}

// stop interrupts Read, now and for good.
func (in *input) stop() {
	if in.f != nil {
		in.once.Do(func() { _ = in.hold.Close() })
	}
}

// release gives back what the input holds. No Read may be under way.
func (in *input) release() {
	if in.f != nil {
		in.stop()
		_ = in.stopped.Close()
	}
}

// followSize keeps the size of t that of the window, until the returned
// function is called.
func followSize(g *group, f *os.File, t *term.Terminal) (stop func()) {
	fitSize(f, t)
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	end := make(chan struct{})
	g.start(func() error {
		for {
			select {
			case <-resized:
				fitSize(f, t)
			case <-end:
				return nil
			}
		}
	})
	return sync.OnceFunc(func() {
		signal.Stop(resized)
		close(end)
	})
}
