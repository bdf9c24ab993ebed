package bench

import (
	"context"
	"errors"
	"time"

	"crier/bench/internal/fleet"
)

func (r *run) rate(ctx context.Context) error {
	if err := r.warmUp(ctx); err != nil {
		return err
	}
	return r.stream(ctx, "stream", nil)
}

// stream sends messages at the rate that is wanted, and does something beside. Whatever goes wrong, what was found is kept.
func (r *run) stream(ctx context.Context, phase string, beside func(ctx context.Context) error) error {
	r.sampler.enter(phase)
	clock, err := fleet.NewClock()
	if err != nil {
		return err
	}
	had, err := r.received(ctx)
	if err != nil {
		return err
	}
	r.takeDeliveries(ctx)
	before, known := r.serverUsage(ctx)
	own, err := r.crew.usage()
	if err != nil {
		return err
	}

	const soon = 100 * time.Millisecond // everybody has to know before it begins
	count := uint64(r.cfg.Rate * r.cfg.Duration.Seconds())
	r.flow = fleet.Flow{First: r.seq + 1, Start: clock.Now() + int64(soon), Interval: time.Duration(float64(time.Second) / r.cfg.Rate)}
	last := r.seq + count
	if _, err := ask[fleet.Nothing](ctx, r.crew, "Expect", same(fleet.Expectation{Last: last, Flow: r.flow})); err != nil {
		return err
	}
	result := make(chan error, 1)
	if beside != nil {
		go func() { result <- beside(ctx) }()
	} else {
		result <- nil
	}
	// An interrupted run sends no more, and settles what was sent.
	later := context.WithoutCancel(ctx)
	stop := context.AfterFunc(ctx, func() {
		_, _ = ask[fleet.Nothing](later, r.crew, "Halt", none)
	})
	streamed, err := ask[fleet.Streamed](later, r.crew, "Stream", same(fleet.Streaming{Flow: r.flow, Count: count}))
	stop()
	err = errors.Join(<-result, err)
	late := fleet.NewHistogram()
	sent := count
	for _, s := range streamed {
		if s.Delays == nil {
			continue // of a fleet that has not answered
		}
		fleet.Merge(late, s.Delays)
		sent = min(sent, s.Sent)
		if s.Error != "" {
			err = errors.Join(err, fail("its log may say why", "%d of %d messages were not sent: %s", count-s.Sent, count, s.Error))
		}
	}
	later, cancel := r.afterwards(ctx)
	defer cancel()
	r.seq += sent
	r.sent += int64(sent) * int64(r.publishers)
	if sent < count { // what was never sent is not due
		_, e := ask[fleet.Nothing](later, r.crew, "Expect", same(fleet.Expectation{Last: r.seq, Flow: r.flow}))
		err = errors.Join(err, e)
	}
	end := clock.Now()
	// What does not come is told by the tally.
	arrivals, e := ask[fleet.Arrival](later, r.crew, "Await", same(r.cfg.Patience))
	if at := latestArrival(arrivals); at != 0 && e == nil {
		end = at
	}
	s := &Stream{Seconds: time.Duration(end - r.flow.Start).Seconds(), Messages: int64(sent), SendDelay: latency(late, false)}
	after, ok := r.serverUsage(later)
	ownAfter, ownErr := r.crew.usage()
	s.Latency = latency(r.takeDeliveries(ctx), true)
	now, receivedErr := r.received(later)
	s.Deliveries = max(now-had, 0)
	if s.Seconds > 0 {
		s.PerSecond = float64(s.Deliveries) / s.Seconds
	}
	if ok && known {
		s.ServerCPU = micros(after.CPU-before.CPU, s.Deliveries)
	}
	if ownErr == nil {
		s.GeneratorCPU = micros(ownAfter.CPU-own.CPU, s.Deliveries)
	}
	r.result.Stream = s
	return errors.Join(err, e, ownErr, receivedErr)
}

// received is how many messages all clients have got.
func (r *run) received(ctx context.Context) (n int64, err error) {
	states, err := ask[fleet.State](ctx, r.crew, "Look", none)
	for _, s := range states {
		n += s.Received
	}
	return n, err
}

// latestArrival is when the last message came, 0 if not all have come.
func latestArrival(arrivals []fleet.Arrival) (at int64) {
	for _, a := range arrivals {
		if a.Missing > 0 {
			return 0
		}
		at = max(at, a.At)
	}
	return at
}

// slow is rate, with members that do not read.
func (r *run) slow(ctx context.Context) error {
	if err := r.warmUp(ctx); err != nil {
		return err
	}
	err := r.stream(ctx, "stream", nil)
	later, cancel := r.afterwards(ctx)
	defer cancel()
	removals, e := ask[fleet.Removal](later, r.crew, "ReadSlow", same(5*time.Second))
	if err = errors.Join(err, e); len(removals) == 0 {
		return err
	}
	s := &Slow{}
	after := fleet.NewHistogram()
	var closed map[string]int
	for _, rm := range removals {
		s.Members += rm.Members
		s.Removed += len(rm.Noticed)
		for _, at := range rm.Noticed {
			fleet.Record(after, time.Duration(at-r.flow.Start), 1)
		}
		addCounts(&closed, rm.Closed)
	}
	if s.Removed > 0 {
		l := latency(after, false)
		s.After = &l
	}
	s.Closed = max(count(closed)-s.Removed, 0)
	s.CloseLog = listed(closed)
	r.result.Slow = s
	switch {
	case s.Members == 0:
		r.note("%v percent of %d members is nobody: nobody was slow", r.cfg.Slow, r.cfg.Connections)
	case s.Removed+s.Closed > 0:
		r.note("a member that does not read learns of its end when the server resets the connection, which may be a while after its decision; " +
			"the server's own metrics know better")
	}
	return err
}

// storm has members leave and come back while messages flow.
func (r *run) storm(ctx context.Context) error {
	if err := r.warmUp(ctx); err != nil {
		return err
	}
	var comebacks []fleet.Comeback
	var began int64
	err := r.stream(ctx, "storm", func(ctx context.Context) (err error) {
		if err := pause(ctx, r.cfg.Duration/5); err != nil {
			return err
		}
		clock, err := fleet.NewClock()
		if err != nil {
			return err
		}
		began = clock.Now()
		comebacks, err = ask[fleet.Comeback](ctx, r.crew, "Storm", same(fleet.Storming{
			Churn: r.cfg.Churn / float64(r.cfg.Procs), For: r.cfg.Duration * 3 / 5, Limit: r.cfg.ConnectTimeout,
		}))
		return err
	})
	s := &Storm{Mode: "restart"}
	if r.cfg.Churn > 0 {
		s.Mode = "churn"
	}
	hist := fleet.NewHistogram()
	var failures map[string]int
	last, missing := began, 0
	for _, c := range comebacks {
		s.Cut += c.Cut
		missing += c.Missing
		s.Failed += c.Failed
		last = max(last, c.Last)
		addCounts(&failures, c.Failures)
		if c.Handshakes != nil {
			fleet.Merge(hist, c.Handshakes)
		}
	}
	if len(comebacks) > 0 {
		s.Back = s.Cut - missing
		s.Seconds = time.Duration(last - began).Seconds()
		s.PerSecond = float64(s.Back) / max(s.Seconds, 1e-9)
		s.Handshake = latency(hist, true)
		s.Failures = listed(failures)
		if missing > 0 {
			why := ""
			if len(failures) > 0 {
				why = ": " + inWords(failures)
			}
			r.problem(plural(int64(missing), "connection is", "connections are")+" not back after "+r.cfg.ConnectTimeout.String()+why, "see --connect-timeout")
		} else if s.Failed > 0 {
			r.note("%s failed before all were back: %s", plural(int64(s.Failed), "handshake", "handshakes"), inWords(failures))
		}
		r.result.Storm = s
	}
	return err
}
