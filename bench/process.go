package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU returns the processor time that all threads of a process have used, in user space and in the kernel, without those that have ended. It
// adds up nanoseconds from the scheduler; /proc/PID/stat would count ticks of 10 ms.
func CPU(pid int) (time.Duration, error) {
	used, err := threads(pid)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, t := range used {
		sum += t
	}
	return sum, nil
}

// threads returns what each thread of a process has used.
func threads(pid int) (map[string]time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no threads of process %d to be seen", pid)
	}
	used := make(map[string]time.Duration, len(files))
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // a thread that has just ended
		}
		ns, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(ns, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		used[f] = time.Duration(n)
	}
	return used, nil
}

// RSS returns the resident memory of a process in bytes.
func RSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(b)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.Fields(kb)[0], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("process %d tells no VmRSS", pid)
}
