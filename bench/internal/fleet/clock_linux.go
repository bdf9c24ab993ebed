package fleet

import (
	"fmt"
	"math"
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

// NewClock returns a clock. It is right to within the time between two readings, the shortest of several: a process may lose the
// processor in between.
func NewClock() (Clock, error) {
	var best Clock
	shortest := int64(math.MaxInt64)
	for range 20 {
		before, err := monotonic()
		if err != nil {
			return Clock{}, err
		}
		base := time.Now()
		after, err := monotonic()
		if err != nil {
			return Clock{}, err
		}
		if after-before < shortest {
			shortest, best = after-before, Clock{base: base, offset: before + (after-before)/2}
		}
	}
	return best, nil
}

func monotonic() (int64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("read CLOCK_MONOTONIC: %w", err)
	}
	return ts.Nano(), nil
}

// Now returns the moment.
func (c Clock) Now() int64 { return c.offset + int64(time.Since(c.base)) }

// Until returns the time from now to a moment, negative if that is over.
func (c Clock) Until(moment int64) time.Duration { return time.Duration(moment - c.Now()) }
