package hub

import (
	"context"
	"sync"
)

// A queue holds the shelves that want a writer, each at most once, first come first served.
// It is a list through the shelves, so it needs no memory of its own.
type queue struct {
	mu   sync.Mutex
	work sync.Cond // a shelf came, or the queue was closed
	idle sync.Cond // nothing queued and nothing served

	// Guarded by mu.
	first, last *shelf
	length      int
	serving     int // shelves that writers have taken and not yet given back
	closed      bool
}

func (q *queue) init() {
	q.work.L = &q.mu
	q.idle.L = &q.mu
}

// push queues those of the shelves that are not queued yet.
func (q *queue) push(shelves []*shelf) {
	locked := false
	for _, sh := range shelves {
		if sh.queued.Load() {
			continue
		}
		if !locked {
			q.mu.Lock()
			locked = true
		}
		if !sh.queued.CompareAndSwap(false, true) {
			continue
		}
		q.putLocked(sh)
		q.work.Signal()
	}
	if locked {
		q.mu.Unlock()
	}
}

func (q *queue) putLocked(sh *shelf) {
	if q.last == nil {
		q.first = sh
	} else {
		q.last.next = sh
	}
	q.last = sh
	q.length++
}

// take returns the next shelf and marks it as served. With wait it waits for one, and returns nil
// when the queue is closed; without, it returns nil when there is none.
func (q *queue) take(wait bool) *shelf {
	q.mu.Lock()
	defer q.mu.Unlock()
	for wait && q.first == nil && !q.closed {
		q.work.Wait()
	}
	sh := q.first
	if sh == nil || q.closed {
		return nil
	}
	q.first = sh.next
	if q.first == nil {
		q.last = nil
	}
	sh.next = nil
	q.length--
	q.serving++
	return sh
}

// giveBack ends serving sh, and queues it again at the end if it wants more.
func (q *queue) giveBack(sh *shelf, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.serving--
	if more {
		q.putLocked(sh)
		return
	}
	if q.serving == 0 && q.first == nil {
		q.idle.Broadcast()
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.work.Broadcast()
	q.idle.Broadcast()
}

// drain waits until nothing is queued or served, or until the queue is closed.
func (q *queue) drain(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.idle.Broadcast()
	})
	defer stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	for (q.first != nil || q.serving > 0) && !q.closed {
		if err := ctx.Err(); err != nil {
			return err
		}
		q.idle.Wait()
	}
	return ctx.Err()
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length
}
