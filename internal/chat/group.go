package chat

import (
	"sync"
	"time"
)

// A group starts goroutines that tidy up if they panic, and waits for them.
type group struct {
	tidy func() // called before a panic goes on; may be nil
	wg   sync.WaitGroup
}

// start runs f in a goroutine. The channel has its answer, then is closed.
func (g *group) start(f func() error) <-chan error {
	done := make(chan error, 1)
	g.wg.Go(func() {
		defer close(done)
		guarded(g.tidy, func() { done <- f() })
	})
	return done
}

// wait waits for all goroutines, but no longer than limit. It tells whether
// all have ended.
func (g *group) wait(limit time.Duration) bool {
	all := make(chan struct{})
	go func() {
		g.wg.Wait()
		close(all)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-all:
		return true
	case <-timer.C:
		return false
	}
}

// guarded calls f, and tidy if f panics. The panic goes on untouched.
func guarded(tidy, f func()) {
	whole := false
	defer func() {
		if !whole && tidy != nil {
			tidy()
		}
	}()
	f()
	whole = true
}
