package fleet

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A Clock tells nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share: what one process has sent,
// another may time. Go's own monotonic reading starts anew in each process; so the two are compared once, and after that
// Go's is used, which costs no system call.
type Clock struct {
	base   time.Time
	offset int64 // of CLOCK_MONOTONIC at base
}

// NewClock returns a clock.
func NewClock() (Clock, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return Clock{}, fmt.Errorf("read CLOCK_MONOTONIC: %w", err)
	}
	return Clock{base: time.Now(), offset: ts.Nano()}, nil
}

// Now returns the moment.
func (c Clock) Now() int64 { return c.offset + int64(time.Since(c.base)) }

// Until returns the time from now to a moment, negative if that is over.
func (c Clock) Until(moment int64) time.Duration { return time.Duration(moment - c.Now()) }
