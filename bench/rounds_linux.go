package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"crier/bench/internal/fleet"
)

func (r *run) fanout(ctx context.Context) error {
	if err := r.warmUp(ctx); err != nil {
		return err
	}
	res, err := r.rounds(ctx, "fanout", 1, r.cfg.Rounds)
	r.result.Fanout = res
	return err
}

func (r *run) burst(ctx context.Context) error {
	if err := r.warmUp(ctx); err != nil {
		return err
	}
	res, err := r.rounds(ctx, "burst", r.cfg.Batch, r.cfg.Bursts)
	r.result.Burst = res
	return err
}

// survey is all that one set of connections can tell.
func (r *run) survey(ctx context.Context) error {
	if err := r.idle(ctx); err != nil {
		return err
	}
	return r.fanoutAndBurst(ctx)
}

func (r *run) fanoutAndBurst(ctx context.Context) (err error) {
	if err := r.warmUp(ctx); err != nil {
		return err
	}
	if r.result.Fanout, err = r.rounds(ctx, "fanout", 1, r.cfg.Rounds); err != nil {
		return err
	}
	r.result.Burst, err = r.rounds(ctx, "burst", r.cfg.Batch, r.cfg.Bursts)
	return err
}

// round has every publisher send n messages, and waits until all have come. It returns the time from the first send to the last
// delivery, and how many deliveries that were.
func (r *run) round(ctx context.Context, n int) (took time.Duration, deliveries int64, err error) {
	start, err := r.send(ctx, n)
	if err != nil {
		return 0, 0, err
	}
	arrivals, err := ask[fleet.Arrival](ctx, r.crew, "Await", same(r.cfg.Patience))
	if err != nil {
		return 0, 0, err
	}
	var end, missing, members int64
	for _, a := range arrivals {
		end = max(end, a.At)
		missing += a.Missing
		members += int64(a.Members)
	}
	if missing > 0 {
		return 0, 0, fail("the server lost them, or is slower than --patience; the scenario ends here",
			"%d of %d deliveries of a round have not come within %v", missing, members*int64(n), r.cfg.Patience)
	}
	if members == 0 {
		return 0, 0, fail("its log may say why", "no connection is left")
	}
	return time.Duration(max(end-start, 0)), members * int64(n), nil
}

// send has every publisher send n messages, after everybody knows that they are due. It returns when the first of them began.
func (r *run) send(ctx context.Context, n int) (start int64, err error) {
	ctx, cancel := r.afterwards(ctx) // or nobody would know how much of it was sent
	defer cancel()
	first := r.seq + 1
	r.seq += uint64(n)
	r.sent += int64(n * r.publishers)
	if _, err := ask[fleet.Nothing](ctx, r.crew, "Expect", same(fleet.Expectation{Last: r.seq})); err != nil {
		return 0, err
	}
	sent, err := ask[int64](ctx, r.crew, "Send", same(fleet.Round{First: first, N: n}))
	if err != nil { // what was not sent is not due
		r.seq, r.sent = first-1, r.sent-int64(n*r.publishers)
		_, e := ask[fleet.Nothing](ctx, r.crew, "Expect", same(fleet.Expectation{Last: r.seq}))
		return 0, errors.Join(err, e)
	}
	for _, s := range sent {
		if s != 0 && (start == 0 || s < start) {
			start = s
		}
	}
	return start, nil
}

// rounds has rounds of batch messages each.
func (r *run) rounds(ctx context.Context, phase string, batch, n int) (*Rounds, error) {
	r.sampler.enter(phase)
	r.takeDeliveries(ctx)
	res := &Rounds{Batch: batch}
	before, known := r.serverUsage(ctx)
	own, err := r.crew.usage()
	if err != nil {
		return nil, err
	}
	last, speeds := fleet.NewHistogram(), []float64(nil)
	for range n {
		var took time.Duration
		var deliveries int64
		if took, deliveries, err = r.round(ctx, batch); err != nil {
			break
		}
		res.Rounds++
		res.Deliveries += deliveries
		fleet.Record(last, took, 1)
		speeds = append(speeds, float64(deliveries)/max(took, 1).Seconds())
		if r.cfg.Pause > 0 && res.Rounds < n {
			if err = pause(ctx, r.cfg.Pause); err != nil {
				break
			}
		}
	}
	if after, ok := r.serverUsage(ctx); ok && known {
		res.ServerCPU = micros(after.CPU-before.CPU, res.Deliveries)
	}
	if after, err := r.crew.usage(); err == nil {
		res.GeneratorCPU = micros(after.CPU-own.CPU, res.Deliveries)
	}
	res.Each, res.Last = latency(r.takeDeliveries(ctx), true), latency(last, true)
	if len(speeds) > 0 {
		slices.Sort(speeds)
		res.PerSecond = speeds[len(speeds)/2]
	}
	return res, err
}

// takeDeliveries returns the times of the deliveries since it was called last. Those of a fleet that does not answer are missing.
func (r *run) takeDeliveries(ctx context.Context) *hdrhistogram.Histogram {
	ctx, cancel := r.afterwards(ctx)
	defer cancel()
	h := fleet.NewHistogram()
	snapshots, _ := ask[hdrhistogram.Snapshot](ctx, r.crew, "TakeDeliveries", none)
	for i := range snapshots {
		if len(snapshots[i].Counts) > 0 {
			fleet.Merge(h, &snapshots[i])
		}
	}
	return h
}

// warmUp sends rounds until every client has heard a message, so that from then on all is due. Who hears nothing of the publishers there
// are may live in another process on the same port: one of them is made a publisher too.
func (r *run) warmUp(ctx context.Context) error {
	r.sampler.enter("warm-up")
	if err := r.elect(ctx); err != nil {
		return err
	}
	oneRoom, alone := false, 0
	unheard, heardSince, electedSince := r.cfg.Connections, time.Now(), time.Now()
	fresh := true // the publisher that was elected last has not been heard yet
	for round := 0; ; round++ {
		now, err := r.probe(ctx)
		if err != nil {
			return err
		}
		if r.publishers > 1 {
			dismissed, err := r.heardByOthers(ctx)
			if err != nil {
				return err
			}
			if dismissed {
				oneRoom = true
				continue
			}
		}
		if now < unheard {
			if fresh && now == unheard-1 && unheard > 1 {
				alone++
			}
			unheard, heardSince, fresh = now, time.Now(), false
		}
		switch {
		case now == 0:
			if err := r.awaitAll(ctx, r.cfg.Patience); err != nil {
				return err
			}
			for ; round+1 < r.cfg.Warmup; round++ {
				if _, _, err := r.round(ctx, 1); err != nil {
					return err
				}
			}
			return nil
		case time.Since(heardSince) > r.cfg.Patience:
			return r.unheard(unheard)
		case alone > 1:
			return fail("the server sends back what it gets, but not to the others; this generator wants a server where what anyone sends goes to everyone",
				"clients hear only what they say themselves")
		case !oneRoom && !fresh && time.Since(heardSince) > islandAfter && time.Since(electedSince) > islandAfter && r.publishers < maxPublishers:
			if err := r.elect(ctx); err != nil {
				return r.unheard(unheard)
			}
			fresh, electedSince = true, time.Now()
		}
	}
}

// probe sends one message and returns how many have heard nothing yet when nothing more comes.
func (r *run) probe(ctx context.Context) (unheard int, err error) {
	if _, err := r.send(ctx, 1); err != nil {
		return 0, err
	}
	counts, err := ask[int](ctx, r.crew, "AwaitHeard", same(r.cfg.Patience))
	for _, n := range counts {
		unheard += n
	}
	return unheard, err
}

// heardByOthers dismisses the publisher that was elected last if those who hear another one have heard it: then there is only one room,
// and somebody was slow to come in.
func (r *run) heardByOthers(ctx context.Context) (bool, error) {
	if _, err := ask[fleet.Nothing](ctx, r.crew, "AwaitQuiet", same(r.cfg.Patience)); err != nil {
		return false, err
	}
	states, err := ask[fleet.State](ctx, r.crew, "Look", none)
	if err != nil {
		return false, err
	}
	var stray int64
	for _, s := range states {
		stray += s.Stray
	}
	if stray == 0 {
		return false, nil
	}
	r.publishers--
	r.sent -= int64(r.seq - r.elected)
	_, err = ask[fleet.Nothing](ctx, r.crew, "Dismiss", same(uint16(r.publishers)))
	return true, err
}

// islandAfter is how long somebody may hear nothing before he is taken for a client of another process.
const islandAfter = 2 * time.Second

// maxPublishers bounds how many processes on one port are looked for.
const maxPublishers = 64

func (r *run) unheard(n int) error {
	return fail("the server does not send them what others say; this generator wants a server where what anyone sends goes to everyone",
		"%d of %d clients have got nothing", n, r.result.Connect.Open)
}

// elect makes a client that has heard nothing a publisher.
func (r *run) elect(ctx context.Context) error {
	for _, f := range r.crew.fleets {
		var found bool
		if err := f.Call(ctx, "Elect", uint16(r.publishers), &found); err != nil {
			return err
		}
		if found {
			r.publishers++
			r.elected = r.seq
			return nil
		}
	}
	return fail("", "no client can publish")
}

// awaitAll waits until all that was sent has come.
func (r *run) awaitAll(ctx context.Context, limit time.Duration) error {
	arrivals, err := ask[fleet.Arrival](ctx, r.crew, "Await", same(limit))
	if err != nil {
		return err
	}
	var missing int64
	for _, a := range arrivals {
		missing += a.Missing
	}
	if missing > 0 {
		return fail("the server lost them, or is slower than --patience", "%s have not come within %v", plural(missing, "delivery", "deliveries"), limit)
	}
	return nil
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
