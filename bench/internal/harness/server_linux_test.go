package harness

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestChildrenDieWithTheirParent kills a parent, and waits for its child's connection to end.
func TestChildrenDieWithTheirParent(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := role("parent")
	c.Env = append(c.Env, "HARNESS_TEST_ADDR="+ln.Addr().String())
	parent, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	child, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	if err := syscall.Kill(parent.PID, syscall.SIGKILL); err != nil { // the parent only, not its group
		t.Fatal(err)
	}
	<-parent.Ended()
	child.SetReadDeadline(time.Now().Add(limit))
	if _, err := child.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the child of %d lives: %v", parent.PID, err)
	}
}
