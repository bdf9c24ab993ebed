package bench

import (
	"context"
	"errors"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"crier/bench/internal/fleet"
)

func (r *run) rate(ctx context.Context) error {
	if err := r.warmUp(ctx); err != nil {
		return err
	}
	return r.stream(ctx, "stream", nil)
}

// stream sends messages at the rate that is wanted, and does something beside.
func (r *run) stream(ctx context.Context, phase string, beside func(ctx context.Context) error) error {
	r.sampler.enter(phase)
	if _, err := ask[hdrhistogram.Snapshot](ctx, r.crew, "TakeDeliveries", none); err != nil {
		return err
	}
	clock, err := fleet.NewClock()
	if err != nil {
		return err
	}
	states, err := ask[fleet.State](ctx, r.crew, "Look", none)
	if err != nil {
		return err
	}
	had := int64(0)
	for _, s := range states {
		had += s.Received
	}
	before, known := r.serverUsage(ctx)
	own, err := r.crew.usage()
	if err != nil {
		return err
	}

	const soon = 100 * time.Millisecond // everybody has to know before it begins
	count := uint64(r.cfg.Rate * r.cfg.Duration.Seconds())
	flow := fleet.Flow{First: r.seq + 1, Start: clock.Now() + int64(soon), Interval: time.Duration(float64(time.Second) / r.cfg.Rate)}
	r.seq += count
	if _, err := ask[fleet.Nothing](ctx, r.crew, "Expect", same(fleet.Expectation{Last: r.seq, Flow: flow})); err != nil {
		return err
	}
	result := make(chan error, 1)
	if beside != nil {
		go func() { result <- beside(ctx) }()
	} else {
		result <- nil
	}
	streamed, err := ask[fleet.Streamed](ctx, r.crew, "Stream", same(fleet.Streaming{Flow: flow, Count: count}))
	if err = errors.Join(<-result, err); err != nil {
		return err
	}
	late := fleet.NewHistogram()
	sent := count
	for _, s := range streamed {
		if s.Delays != nil {
			fleet.Merge(late, s.Delays)
		}
		if s.Error != "" {
			err = fail("the server's log may say why", "%d of %d messages were not sent: %s", count-s.Sent, count, s.Error)
			sent = min(sent, s.Sent)
		}
	}
	if sent < count { // what was never sent is not due
		r.seq -= count - sent
		if _, err := ask[fleet.Nothing](ctx, r.crew, "Expect", same(fleet.Expectation{Last: r.seq, Flow: flow})); err != nil {
			return err
		}
	}
	r.sent += int64(sent) * int64(r.publishers)
	// What does not come is told by the tally.
	arrivals, waitErr := ask[fleet.Arrival](ctx, r.crew, "Await", same(r.cfg.Patience))
	end := clock.Now()
	if at := latestArrival(arrivals); at != 0 {
		end = at
	}
	s := &Stream{Seconds: time.Duration(end - flow.Start).Seconds(), Messages: int64(sent), SendDelay: latency(late, false)}
	after, ok := r.serverUsage(ctx)
	ownAfter, ownErr := r.crew.usage()
	states, lookErr := ask[fleet.State](ctx, r.crew, "Look", none)
	for _, st := range states {
		s.Deliveries += st.Received
	}
	s.Deliveries -= had
	s.PerSecond = float64(s.Deliveries) / s.Seconds
	if ok && known {
		s.ServerCPU = micros(after.CPU-before.CPU, s.Deliveries)
	}
	s.GeneratorCPU = micros(ownAfter.CPU-own.CPU, s.Deliveries)
	snapshots, takeErr := ask[hdrhistogram.Snapshot](ctx, r.crew, "TakeDeliveries", none)
	each := fleet.NewHistogram()
	for i := range snapshots {
		if len(snapshots[i].Counts) > 0 {
			fleet.Merge(each, &snapshots[i])
		}
	}
	s.Latency = latency(each, true)
	r.result.Stream = s
	return errors.Join(err, waitErr, ownErr, lookErr, takeErr)
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
	clock, err := fleet.NewClock()
	if err != nil {
		return err
	}
	start := clock.Now()
	if err := r.stream(ctx, "stream", nil); err != nil {
		return err
	}
	removals, err := ask[fleet.Removal](ctx, r.crew, "ReadSlow", same(5*time.Second))
	if err != nil {
		return err
	}
	s := &Slow{}
	after := fleet.NewHistogram()
	var closed map[string]int
	for _, rm := range removals {
		s.Members += rm.Members
		s.Removed += len(rm.Noticed)
		for _, at := range rm.Noticed {
			_ = after.RecordValue(min(max((at-start)/1e3, 1), after.HighestTrackableValue()))
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
	if s.Members == 0 {
		r.note("%v percent of %d members is nobody: nobody was slow", r.cfg.Slow, r.cfg.Connections)
	}
	return nil
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
	last, open := began, 0
	for _, c := range comebacks {
		s.Cut += c.Cut
		open += c.Open
		s.Failed += c.Failed
		last = max(last, c.Last)
		addCounts(&failures, c.Failures)
		if c.Handshakes != nil {
			fleet.Merge(hist, c.Handshakes)
		}
	}
	if len(comebacks) > 0 {
		missing := max(r.result.Connect.Open-open, 0)
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
