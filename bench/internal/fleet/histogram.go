package fleet

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Times are kept in microseconds, to three digits, up to a hundred seconds; what is longer counts as that.
const (
	lowestTime  = 1
	highestTime = 100_000_000
	timeDigits  = 3
)

// NewHistogram returns an empty one for the times of a fleet, in microseconds.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(lowestTime, highestTime, timeDigits)
}

// Record records a time n times.
func Record(h *hdrhistogram.Histogram, d time.Duration, n int64) {
	// Within the bounds there is no error.
	_ = h.RecordValues(min(max(d.Microseconds(), lowestTime), highestTime), n)
}

// A recorder is a histogram that several workers fill.
type recorder struct {
	mu   sync.Mutex
	hist *hdrhistogram.Histogram // guarded by mu
}

func newRecorder() recorder { return recorder{hist: NewHistogram()} }

func (r *recorder) record(d time.Duration, n int64) {
	r.mu.Lock()
	Record(r.hist, d, n)
	r.mu.Unlock()
}

// export returns a copy.
func (r *recorder) export() *hdrhistogram.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hist.Export()
}

// take returns what was recorded, and begins anew.
func (r *recorder) take() *hdrhistogram.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.hist.Export()
	r.hist.Reset()
	return s
}

// Merge adds snapshots up.
func Merge(into *hdrhistogram.Histogram, snapshots ...*hdrhistogram.Snapshot) *hdrhistogram.Histogram {
	for _, s := range snapshots {
		if s != nil {
			into.Merge(hdrhistogram.Import(s))
		}
	}
	return into
}
