package hub

import (
	"runtime"
	"time"
)

// Config tells a Hub its bounds. Zero means the default, negative means off where a field says so.
type Config struct {
	// Writers is the number of goroutines that write to members. Default GOMAXPROCS.
	// Negative: none, and nothing is written (tests of this package serve the queue by hand).
	Writers int

	// Stripes is the number of parts into which members are spread, each with a lock of its own.
	// Default 4 for each writer, so that writers stay evenly busy to the end of a round.
	Stripes int

	// Backlog is how many bytes of a room's log may wait to be offered to its members before its
	// publishers are paused; they resume at half of it. Default 1 MiB.
	Backlog int

	// MaxLag is how many bytes a member whose transport is full may be behind the head of a room.
	// Default 4 MiB. Negative: no bound. It is looked at by every round, and by [Hub.Sweep].
	MaxLag int

	// MaxLagAge is how old the oldest message may be that such a member has not yet got.
	// Default 30 s. Negative: no bound. It is looked at by [Hub.Sweep].
	MaxLagAge time.Duration

	// RestAfter is how long a room has no publish before it lets go of its log's last segment.
	// Default 2 s.
	RestAfter time.Duration

	// Now is a monotonic clock. Default: time since New.
	Now func() time.Duration

	// OnWritten is told, once a publish, how long it took from Publish until the message had been offered
	// to the last member. Called by writers with log.mu held: it must be quick and must not call the hub.
	OnWritten func(time.Duration)
}

func (c Config) withDefaults() Config {
	if c.Writers == 0 {
		c.Writers = runtime.GOMAXPROCS(0)
	}
	if c.Stripes <= 0 {
		c.Stripes = 4 * max(c.Writers, 1)
	}
	if c.Backlog <= 0 {
		c.Backlog = 1 << 20
	}
	if c.MaxLag == 0 {
		c.MaxLag = 4 << 20
	}
	if c.MaxLagAge == 0 {
		c.MaxLagAge = 30 * time.Second
	}
	if c.RestAfter <= 0 {
		c.RestAfter = 2 * time.Second
	}
	if c.Now == nil {
		start := time.Now()
		c.Now = func() time.Duration { return time.Since(start) }
	}
	if c.OnWritten == nil {
		c.OnWritten = func(time.Duration) {}
	}
	return c
}
