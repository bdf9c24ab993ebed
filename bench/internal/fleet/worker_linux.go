package fleet

import (
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Serve gives whoever is at the other end of conn a fleet of its own, until the end of the stream. Then the fleet's clients are cut off.
func Serve(conn io.ReadWriteCloser) {
	w := new(Worker)
	s := rpc.NewServer()
	if err := s.RegisterName("Worker", w); err != nil {
		panic(err) // the methods are not what net/rpc wants
	}
	s.ServeConn(conn)
	if w.fleet != nil {
		w.fleet.close()
	}
}

// A Worker is a fleet as net/rpc sees it. Make is to be called first, and once.
type Worker struct{ fleet *fleet }

// Nothing is for calls that need no argument, or return nothing.
type Nothing struct{}

// Make makes the fleet.
func (w *Worker) Make(cfg Config, _ *Nothing) (err error) {
	if w.fleet != nil {
		return errors.New("the fleet is there already")
	}
	w.fleet, err = newFleet(cfg)
	return err
}

// Opened is how the handshakes went since the last call of Open; Open and Failures are of all.
type Opened struct {
	Open, Untried int
	Handshakes    *hdrhistogram.Snapshot
	Failures      map[string]int
}

// Open connects the clients up to the n-th.
func (w *Worker) Open(n int, o *Opened) error {
	f := w.fleet
	if n < 0 || n > f.cfg.Clients {
		return fmt.Errorf("open %d of %d clients", n, f.cfg.Clients)
	}
	o.Untried = f.openAll(n)
	o.Handshakes, o.Failures = f.handshakes.take(), f.failures.copy()
	f.mu.Lock()
	defer f.mu.Unlock()
	o.Open = f.open
	return nil
}

// Elect makes a client that has heard nothing yet a publisher of that number, and reports whether there was one.
func (w *Worker) Elect(id uint16, found *bool) error {
	*found = w.fleet.elect(id)
	return nil
}

// Expectation is what Expect wants.
type Expectation struct {
	Last uint64 // number of the last message that will be sent
	Flow Flow   // how, if at even distances
}

// Expect makes messages due, before they are sent.
func (w *Worker) Expect(e Expectation, _ *Nothing) error {
	w.fleet.expect(e.Last, e.Flow)
	return nil
}

// Round is what Send wants: messages First to First+N-1.
type Round struct {
	First uint64
	N     int
}

// Send has the publishers of this fleet send a round. It returns when they began, on the clock; 0 if there is none.
func (w *Worker) Send(r Round, sent *int64) (err error) {
	*sent, err = w.fleet.round(r.First, r.N)
	return err
}

// Await waits until all that is due has come, or for limit.
func (w *Worker) Await(limit time.Duration, a *Arrival) error {
	*a = w.fleet.await(limit)
	return nil
}

// quiet is how long nothing has to come until nothing more is taken to be under way.
const quiet = 100 * time.Millisecond

// AwaitHeard waits until every client has heard something, until nothing has come for a while, or for limit.
func (w *Worker) AwaitHeard(limit time.Duration, unheard *int) error {
	f := w.fleet
	received, since := f.totals.received.Load(), time.Now()
	f.wait(limit, func() bool {
		if now := f.totals.received.Load(); now != received {
			received, since = now, time.Now()
		}
		return f.unheard == 0 || time.Since(since) > quiet
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	*unheard = f.unheard
	return nil
}

// AwaitQuiet waits until nothing has come for a while, or for limit.
func (w *Worker) AwaitQuiet(limit time.Duration, _ *Nothing) error {
	f := w.fleet
	received, since := f.totals.received.Load(), time.Now()
	f.wait(limit, func() bool {
		if now := f.totals.received.Load(); now != received {
			received, since = now, time.Now()
		}
		return time.Since(since) > quiet
	})
	return nil
}

// Dismiss takes a publisher back that was heard by those who hear another one.
func (w *Worker) Dismiss(id uint16, _ *Nothing) error {
	w.fleet.dismiss(id)
	return nil
}

// Streaming is what Stream wants.
type Streaming struct {
	Flow  Flow
	Count uint64
}

// Streamed is how the publishers kept to it.
type Streamed struct {
	Sent   uint64 // by the publisher that sent least
	Delays *hdrhistogram.Snapshot
	Error  string // why one could not send it all; "" if it could
}

// Stream has the publishers of this fleet send a flow.
func (w *Worker) Stream(s Streaming, reply *Streamed) error {
	var err error
	if reply.Delays, reply.Sent, err = w.fleet.stream(s.Flow, s.Count); err != nil {
		reply.Error = err.Error()
	}
	return nil
}

// Halt has the publishers send no more: Stream and Storm return early.
func (w *Worker) Halt(_, _ *Nothing) error {
	w.fleet.halt()
	return nil
}

// Storming is what Storm wants.
type Storming struct {
	Churn float64       // clients/s that leave; 0 for all at once
	For   time.Duration // how long they do
	Limit time.Duration // until all are back
}

// Storm has clients leave and come back.
func (w *Worker) Storm(s Storming, c *Comeback) error {
	if s.Churn > 0 {
		*c = w.fleet.churn(s.Churn, s.For, s.Limit)
	} else {
		*c = w.fleet.storm(s.Limit)
	}
	return nil
}

// ReadSlow has the slow clients read what there is.
func (w *Worker) ReadSlow(limit time.Duration, r *Removal) error {
	*r = w.fleet.readSlow(limit)
	return nil
}

// State is a fleet at one moment.
type State struct {
	Open            int
	Ended           int // connections that the server has ended, without the slow ones
	Received, Stray int64
	Deliveries      *hdrhistogram.Snapshot // since TakeDeliveries
}

// Look returns the state.
func (w *Worker) Look(_ Nothing, s *State) error {
	f := w.fleet
	h := NewHistogram()
	for i := range f.deliveries {
		Merge(h, f.deliveries[i].export())
	}
	s.Deliveries = h.Export()
	s.Received, s.Stray, s.Ended = f.totals.received.Load(), f.totals.stray.Load(), f.endings.sum()
	f.mu.Lock()
	defer f.mu.Unlock()
	s.Open = f.open
	return nil
}

// TakeDeliveries returns the times of the deliveries since the last call.
func (w *Worker) TakeDeliveries(_ Nothing, s *hdrhistogram.Snapshot) error {
	h := NewHistogram()
	for i := range w.fleet.deliveries {
		Merge(h, w.fleet.deliveries[i].take())
	}
	*s = *h.Export()
	return nil
}

// Sum closes the fleet and returns what its clients got. What is expected and has not come counts as lost only if it was all sent.
func (w *Worker) Sum(allSent bool, s *Sum) error {
	*s = w.fleet.sum(allSent)
	return nil
}
