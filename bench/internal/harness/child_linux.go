package harness

import (
	"os/exec"
	"syscall"
)

// guard puts a child into a process group of its own, so that Ctrl-C reaches only the parent, which ends its children in order; and has
// the kernel kill it when the thread that started it ends, which Go's threads do with the process.
func guard(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup kills a child and what it has started.
func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
