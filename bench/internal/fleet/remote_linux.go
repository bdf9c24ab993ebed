package fleet

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A Remote speaks to the [Worker] of a fleet. Its methods may be called from any goroutine.
type Remote struct {
	client *rpc.Client
	cmd    *exec.Cmd // nil for a fleet in this process
	done   sync.WaitGroup
}

// Here makes a worker in this process.
func Here() *Remote {
	ours, theirs := net.Pipe()
	r := &Remote{client: rpc.NewClient(ours)}
	r.done.Go(func() { Serve(theirs) })
	return r
}

// Child starts a process that is to call [Serve] on its standard input and output. It ends when this one does.
func Child(command []string) (*Remote, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // Ctrl-C is for the parent
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	return &Remote{client: rpc.NewClient(Stdio{out, in}), cmd: cmd}, nil
}

// Stdio is the two halves of a stream as one.
type Stdio struct {
	io.ReadCloser
	io.WriteCloser
}

// Close closes both halves.
func (s Stdio) Close() error {
	err := s.WriteCloser.Close()
	if e := s.ReadCloser.Close(); err == nil {
		err = e
	}
	return err
}

// PID is the process of the fleet.
func (r *Remote) PID() int {
	if r.cmd == nil {
		return os.Getpid()
	}
	return r.cmd.Process.Pid
}

// Call calls a method of the worker. It returns early when ctx is done.
func (r *Remote) Call(ctx context.Context, method string, args, reply any) error {
	call := r.client.Go("Worker."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil && r.cmd != nil {
			return fmt.Errorf("generator process %d: %w", r.PID(), call.Error)
		}
		return call.Error
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close ends the fleet and waits for that. A child that does not end is killed.
func (r *Remote) Close() error {
	err := r.client.Close()
	r.done.Wait()
	if r.cmd == nil {
		return err
	}
	kill := time.AfterFunc(10*time.Second, func() { _ = r.cmd.Process.Kill() })
	defer kill.Stop()
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("generator process %d: %w", r.PID(), err)
	}
	return err
}
