package hub

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// An Answer says what became of bytes that were to be sent or of a wish to publish.
type Answer uint8

const (
	Sent   Answer = iota // all done
	Behind               // not all done; the rest waits for the transport (or, for a publisher, for the node)
	Again                // not all done though the transport would take more: call Resume again, after others
	Gone                 // the member has left or its transport is dead
)

// A Cause is why the hub wants a member out.
type Cause uint8

const (
	TooFarBehind Cause = iota // more than Config.MaxLag bytes
	TooOld                    // a message waited longer than Config.MaxLagAge
	Broken                    // Sink.Write failed
)

// A Sink is the transport of one member, as its owner provides it.
type Sink interface {
	// Write takes as many bytes of p as the transport takes at once, and never blocks. Less than all with
	// a nil error means that the transport is full: its owner calls Member.Resume when it is no longer.
	// An error means that the transport is dead. p is shared with all members: it must not be changed,
	// nor kept after Write returns. The member's lock is held.
	Write(p []byte) (int, error)

	// Evict asks for the member to leave. It may be called more than once, also after it has left,
	// by a writer or by Sweep's caller, with no lock held. err is Sink.Write's if the cause is Broken.
	Evict(cause Cause, err error)
}

// A Waiter is a publisher that was told to wait.
type Waiter interface {
	// Resume tells that it may publish again. Called once for each Behind, with no lock held.
	Resume()
}

// A Hub holds rooms and their members. All methods may be called from any goroutine.
type Hub struct {
	// Immutable.
	cfg     Config
	stripes []stripe

	ready   queue
	writers sync.WaitGroup

	spread atomic.Uint32 // counts members, to spread them over the stripes

	mu    sync.Mutex
	rooms map[string]*room // guarded by mu

	warmMu sync.Mutex
	warm   []*room // guarded by warmMu: rooms whose log holds bytes

	published      atomic.Int64
	publishedBytes atomic.Int64
	delivered      atomic.Int64
	deliveredBytes atomic.Int64
	pauses         atomic.Int64
	paused         atomic.Int64 // rooms whose publishers wait
	waiting        atomic.Int64
	lagging        atomic.Int64
	lagBytes       atomic.Int64
}

// New returns a hub whose writers run until Close.
func New(cfg Config) *Hub {
	h := &Hub{cfg: cfg.withDefaults(), rooms: make(map[string]*room)}
	h.stripes = make([]stripe, h.cfg.Stripes)
	for i := range h.stripes {
		h.stripes[i] = stripe{hub: h, lagging: make(map[*membership]struct{})}
	}
	h.ready.init()
	for range h.cfg.Writers {
		h.writers.Go(h.write)
	}
	return h
}

// Close ends the writers and waits for them. What has not been written by then is not written.
// Members may still Leave afterwards.
func (h *Hub) Close() {
	h.ready.close()
	h.writers.Wait()
}

// Drain waits until everything published has been offered to every member and nobody lags,
// or until ctx is done, whose error it then returns.
func (h *Hub) Drain(ctx context.Context) error {
	if err := h.ready.drain(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for h.lagging.Load() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// Sweep does what depends on time alone: it finds lagging members whose oldest message is too old, and
// lets rooms rest. It costs what lags and what was published lately, not what is connected.
// Call it about once a second, from one goroutine.
func (h *Hub) Sweep() {
	now := h.cfg.Now()
	for i := range h.stripes {
		h.sweepLag(&h.stripes[i], now)
	}
	h.warmMu.Lock()
	warm := h.warm
	h.warm = nil
	h.warmMu.Unlock()
	kept := warm[:0]
	for _, r := range warm {
		if !h.rest(r, now) {
			kept = append(kept, r)
		}
	}
	clear(warm[len(kept):])
	h.warmMu.Lock()
	h.warm = append(kept, h.warm...)
	h.warmMu.Unlock()
}

// take finds or makes a room and counts one more member in it.
func (h *Hub) take(name string) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[name]
	if r == nil {
		r = newRoom(name)
		h.rooms[name] = r
	}
	r.members++
	return r
}

// release counts one member less; the last one ends the room.
func (h *Hub) release(r *room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.members--
	if r.members == 0 {
		delete(h.rooms, r.name)
	}
}

// Lagging tells whether any member lags.
func (h *Hub) Lagging() bool { return h.lagging.Load() > 0 }

// Backlog returns Config.Backlog, or its default.
func (h *Hub) Backlog() int { return h.cfg.Backlog }

// Paused tells whether publishers of any room have to wait. If not, there is no need to ask MayPublish.
func (h *Hub) Paused() bool { return h.paused.Load() > 0 }

// Stats are the hub's counts. Reading them costs the same whatever the number of members and rooms.
type Stats struct {
	Published, PublishedBytes int64 // messages appended to rooms, and their bytes with headers
	Delivered, DeliveredBytes int64 // the same, times the members whose transport took them
	Lagging, LagBytes         int64 // memberships that lag now, and the bytes they are behind
	Waiting, Pauses           int64 // publishers waiting now, and how often a room has paused its publishers
	Rooms                     int
	Queue                     int // shelves (parts of rooms) that wait for a writer
}

// Stats returns the counts as of now.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	rooms := len(h.rooms)
	h.mu.Unlock()
	return Stats{
		Published: h.published.Load(), PublishedBytes: h.publishedBytes.Load(),
		Delivered: h.delivered.Load(), DeliveredBytes: h.deliveredBytes.Load(),
		Lagging: h.lagging.Load(), LagBytes: h.lagBytes.Load(),
		Waiting: h.waiting.Load(), Pauses: h.pauses.Load(),
		Rooms: rooms, Queue: h.ready.len(),
	}
}
