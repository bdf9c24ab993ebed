package bench

import (
	"context"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"crier/bench/internal/fleet"
)

// maxSamples bounds what a long run keeps: beyond it every other sample is dropped, and samples are half as frequent from then on.
const maxSamples = 2400

// A sampler looks at the run a few times a second.
type sampler struct {
	r    *run
	quit context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex
	phase   string // guarded by mu
	samples []Sample
	server  usage // the last that was read; for stop's caller
}

func startSampler(ctx context.Context, r *run) *sampler {
	ctx, cancel := context.WithCancel(ctx)
	s := &sampler{r: r, quit: cancel}
	s.done.Go(func() { s.loop(ctx) })
	return s
}

// enter names what goes on from now on.
func (s *sampler) enter(phase string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = phase
}

func (s *sampler) stop() []Sample {
	s.quit()
	s.done.Wait()
	return s.samples
}

func (s *sampler) loop(ctx context.Context) {
	const interval = 250 * time.Millisecond
	tick := time.NewTicker(interval)
	defer tick.Stop()
	start := time.Now()
	var before struct {
		at         time.Time
		server     usage
		serverAt   time.Time
		own        usage
		deliveries *hdrhistogram.Histogram
	}
	before.at, before.own, before.server, before.serverAt = start, s.r.ownFirst, s.r.first, start
	before.deliveries = fleet.NewHistogram()
	var last Sample // for the server's figures between two readings
	for every := 1; ; {
		for range every {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		states, err := ask[fleet.State](ctx, s.r.crew, "Look", none)
		if err != nil {
			continue // a child that has ended is told of by whoever waits for it
		}
		now := time.Now()
		sample := Sample{At: now.Sub(start).Seconds()}
		all := fleet.NewHistogram()
		for _, st := range states {
			sample.Connections += st.Open
			sample.Deliveries += st.Received
			fleet.Merge(all, st.Deliveries)
		}
		window := all
		if all.TotalCount() >= before.deliveries.TotalCount() { // else they were taken, and it is all new
			window = subtract(all, before.deliveries)
		}
		l := latency(window, false)
		sample.P50, sample.P99, sample.Max = l.P50, l.P99, l.Max
		if own, err := s.r.crew.usage(); err == nil {
			sample.GeneratorCPU = (own.CPU - before.own.CPU).Seconds() / now.Sub(before.at).Seconds()
			before.own = own
		}
		sample.ServerRSS, sample.ServerCPU = last.ServerRSS, last.ServerCPU
		if s.r.meter != nil && now.Sub(before.serverAt) >= s.r.meter.pace()*9/10 {
			if u, ok := s.r.serverUsage(ctx); ok {
				s.server = u
				sample.ServerRSS = u.RSS
				sample.ServerCPU = (u.CPU - before.server.CPU).Seconds() / now.Sub(before.serverAt).Seconds()
				before.server, before.serverAt = u, now
			}
		}
		before.at, before.deliveries, last = now, all, sample

		s.mu.Lock()
		sample.Phase = s.phase
		s.mu.Unlock()
		if s.samples = append(s.samples, sample); len(s.samples) >= maxSamples {
			for i := range len(s.samples) / 2 {
				s.samples[i] = s.samples[2*i+1]
			}
			s.samples = s.samples[:len(s.samples)/2]
			every *= 2
		}
		if s.r.cfg.OnSample != nil {
			s.r.cfg.OnSample(sample)
		}
	}
}
