package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"crier/bench/internal/fleet"
)

// Run does what cfg says and returns what it found. It returns an error only if the run cannot begin: a configuration that makes no sense,
// too few descriptors or ports, a server whose figures cannot be read. Whatever goes wrong later is among the Result's problems,
// with all that was found until then; so is the end of ctx.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	cfg, err := cfg.Filled()
	if err != nil {
		return nil, err
	}
	if len(cfg.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cfg.Command = []string{self, "child"}
	}
	if err := preflight(&cfg); err != nil {
		return nil, err
	}
	if cfg.Scenario == ScenarioLimit {
		server, err := startBare(ctx, &cfg)
		if err != nil {
			return nil, err
		}
		defer server.close()
		cfg.URL, cfg.PIDs = server.url, []int{server.pid()}
	}
	t, err := resolve(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	m, err := newMeter(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	c, err := newCrew(ctx, cfg.Command, fleetConfigs(&cfg, t, rand.Uint32()))
	if err != nil {
		return nil, err
	}
	r := &run{cfg: &cfg, crew: c, meter: m, result: &Result{
		Scenario: cfg.Scenario, Target: target(&cfg), Started: time.Now(), Setup: setup(&cfg), Machine: machine(),
	}}
	r.do(ctx)
	return r.result, nil
}

func target(cfg *Config) string {
	if cfg.Scenario == ScenarioLimit {
		return "a bare write loop"
	}
	return cfg.URL
}

func setup(cfg *Config) Setup {
	s := Setup{Connections: cfg.Connections, Size: cfg.Size, Opcode: "binary", Procs: cfg.Procs, Sources: len(cfg.Sources)}
	if cfg.Text {
		s.Opcode = "text"
	}
	switch cfg.Scenario {
	case ScenarioRate, ScenarioSlow, ScenarioStorm:
		s.Rate = cfg.Rate
	}
	return s
}

// A run is a run under way. Everything in it belongs to the goroutine of Run, but for what sampler guards.
type run struct {
	cfg        *Config
	crew       *crew
	meter      meter // nil if the server's figures are not known
	result     *Result
	sampler    *sampler
	publishers int
	elected    uint64     // seq when the last of them was elected
	flow       fleet.Flow // of the stream, if there was one
	broken     bool       // a process of the generator has ended before its time
	seq        uint64     // of the last message sent; each publisher has its own, all alike
	sent       int64      // by all publishers
	first      usage      // of the server, at the start
	ownFirst   usage
}

// do runs the scenario and settles up.
func (r *run) do(ctx context.Context) {
	r.first, _ = r.serverUsage(ctx)
	r.ownFirst, _ = r.crew.usage()
	r.sampler = startSampler(ctx, r)
	err := r.connect(ctx)
	if err == nil {
		err = map[string]func(context.Context) error{
			ScenarioIdle: r.idle, ScenarioFanout: r.fanout, ScenarioBurst: r.burst, ScenarioRate: r.rate,
			ScenarioSlow: r.slow, ScenarioStorm: r.storm, ScenarioSurvey: r.survey, ScenarioLimit: r.fanoutAndBurst,
		}[r.cfg.Scenario](ctx)
	}
	if ctx.Err() != nil {
		r.problem("interrupted", "what was found until then is kept")
	} else if err != nil && err != errNobody { // who is nobody has been told
		r.failed(err)
	}
	r.settle(err != nil)
}

// failed tells of what has ended the scenario, each part of it.
func (r *run) failed(err error) {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range all.Unwrap() {
			r.failed(e)
		}
		return
	}
	var p *failure
	if !errors.As(err, &p) {
		p = &failure{Problem{What: err.Error()}}
	}
	r.result.Problems = append(r.result.Problems, p.Problem)
}

// afterwards is for what is to be asked even when ctx is over.
func (r *run) afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Patience+30*time.Second)
}

// A failure is a problem that ends the scenario.
type failure struct{ Problem }

func (f *failure) Error() string { return f.String() }

func fail(do, format string, args ...any) error {
	return &failure{Problem{What: fmt.Sprintf(format, args...), Do: do}}
}

// problem notes what went wrong and does not end the scenario.
func (r *run) problem(what, do string) {
	r.result.Problems = append(r.result.Problems, Problem{what, do})
}

func (r *run) note(format string, args ...any) {
	r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
}

func (r *run) serverUsage(ctx context.Context) (usage, bool) {
	if r.meter == nil {
		return usage{}, false
	}
	u, err := r.meter.read(ctx)
	return u, err == nil
}

// settle adds everything up, whatever has happened before. After a failure it lets come what is under way.
func (r *run) settle(failed bool) {
	ctx, cancel := r.afterwards(context.Background())
	defer cancel()
	samples := r.sampler.stop()
	if failed {
		_, err := ask[fleet.Arrival](ctx, r.crew, "Await", same(min(r.cfg.Patience, 2*time.Second)))
		r.broken = err != nil
	}
	res := r.result
	last, known := r.serverUsage(ctx)
	if !known && r.meter != nil {
		r.problem("the server's figures cannot be read any more", "has it ended?")
		last, known = r.sampler.server, r.sampler.server.RSS > 0
	}
	if known {
		res.Server = &Server{
			Source: "pid", Processes: max(len(r.cfg.PIDs), 1), CPUSeconds: (last.CPU - r.first.CPU).Seconds(),
			RSSStart: r.first.RSS, RSSEnd: last.RSS, RSSPeak: max(r.first.RSS, last.RSS),
		}
		if r.cfg.Metrics != "" {
			res.Server.Source = "metrics"
		}
		for _, s := range samples {
			res.Server.RSSPeak = max(res.Server.RSSPeak, s.ServerRSS)
		}
	}
	if own, err := r.crew.usage(); err == nil {
		res.Generator = Generator{CPUSeconds: (own.CPU - r.ownFirst.CPU).Seconds(), RSS: own.RSS}
	}
	res.Samples = samples
	res.Setup.Publishers = r.publishers
	r.tally(ctx)
	if err := r.crew.close(); err != nil {
		r.problem(fmt.Sprintf("the end of the generator: %v", err), "")
	}
	res.Seconds = time.Since(res.Started).Seconds()
}

// tally asks all clients what they got.
func (r *run) tally(ctx context.Context) {
	sums, err := ask[fleet.Sum](ctx, r.crew, "Sum", same(!r.broken))
	if err != nil {
		r.problem(fmt.Sprintf("not all clients can be asked what they got: %v", err), "")
	}
	t := &r.result.Tally
	t.Sent = r.sent
	var stray int64
	var endings, faults map[string]int
	for _, s := range sums {
		t.Received += s.Received
		t.Lost += s.Lost
		t.Doubled += s.Doubled
		t.Reordered += s.Reordered
		t.Damaged += s.Damaged
		t.Other += s.Other
		stray += s.Stray
		addCounts(&endings, s.Ended)
		addCounts(&faults, s.Faults)
	}
	t.Ended, t.EndedByWhy = count(endings), listed(endings)
	due := t.Received + t.Lost
	for _, p := range []struct {
		n    int64
		what string
		do   string
	}{
		{t.Lost, "lost: %s that had not come", "the server dropped them, or was later than --patience"},
		{t.Doubled, "doubled: %s of what the client had", "the server sends some messages more than once"},
		{t.Reordered, "out of order: %s behind one that was sent later", "the server does not keep the order of one sender"},
		{t.Damaged, "damaged: %s with wrong bytes", "the server changes what it passes on"},
		{stray, "stray: %s from another publisher than a client's first", "the server mixes rooms, or lets members in late"},
	} {
		if p.n > 0 {
			r.problem(fmt.Sprintf(p.what, plural(p.n, "delivery", "deliveries"))+fmt.Sprintf(" (%d were due)", due), p.do)
		}
	}
	if t.Ended > 0 {
		r.problem(fmt.Sprintf("the server ended %d of %d connections: %s", t.Ended, r.result.Setup.Connections, inWords(endings)), endingAdvice(endings))
	}
	if len(faults) > 0 {
		r.problem(fmt.Sprintf("the generator's own machine: %s", inWords(faults)), "")
	}
	if t.Other > 0 {
		r.note("%d messages were not of this run: the server's own, or somebody else's", t.Other)
	}
}

// endingAdvice is what to do about connections that the server has ended.
func endingAdvice(endings map[string]int) string {
	for why := range endings {
		if strings.HasPrefix(why, "closed with 1009") {
			return "--size is more than it takes"
		}
	}
	return "its log may say why"
}

// inWords tells the most frequent reasons.
func inWords(counts map[string]int) string {
	var parts []string
	for i, why := range listed(counts) {
		if i == 4 {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%d)", why.Reason, why.Count))
	}
	return strings.Join(parts, ", ")
}
