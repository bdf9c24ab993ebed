package bench

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"crier/bench/internal/fleet"
	"crier/netpoll"
)

// spareDescriptors is what a process of the generator needs besides its clients.
const spareDescriptors = 64

// preflight refuses what this machine cannot do.
func preflight(cfg *Config) error {
	used, limit, err := netpoll.Descriptors()
	if err != nil {
		return err
	}
	limit -= used
	each := (cfg.Connections+cfg.Procs-1)/cfg.Procs + spareDescriptors
	if each > limit {
		more := ""
		if room := limit - spareDescriptors; room > 0 {
			more = fmt.Sprintf(", or use more processes (--procs %d)", (cfg.Connections+room-1)/room)
		}
		return badConfig("%d connections in %s need %d descriptors in each, and %d are free: allow more (ulimit -n %d)%s",
			cfg.Connections, plural(int64(cfg.Procs), "process", "processes"), each, limit, each+used, more)
	}
	if need := cfg.Connections + spareDescriptors; cfg.Scenario == ScenarioLimit && need > limit {
		return badConfig("the write loop is one process, and needs %d descriptors; %d are free: allow more (ulimit -n %d)", need, limit, need+used)
	}
	ports := localPorts()
	if sources := max(len(cfg.Sources), 1); ports > 0 && cfg.Connections > ports*sources {
		want := (cfg.Connections + ports - 1) / ports
		return badConfig("%d connections need more ports than %s (%d each, net.ipv4.ip_local_port_range): use %d addresses of this machine (on loopback --source %s)",
			cfg.Connections, plural(int64(sources), "source address has", "source addresses have"), ports, want, loopbackRange(want))
	}
	return nil
}

// localPorts returns how many ports a source address has, 0 if the system does not say.
func localPorts() int {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0
	}
	var first, last int
	if _, err := fmt.Sscan(string(b), &first, &last); err != nil {
		return 0
	}
	return last - first + 1
}

func loopbackRange(n int) string {
	last := netip.AddrFrom4([4]byte{127, 0, byte(n >> 8), byte(n)})
	return "127.0.0.1-" + last.String()
}

// firstFew is how many connections are opened before those that are measured, at most a tenth of all: what the first ones make a server load and
// build up is not the price of a connection.
const firstFew = 1000

// tooFew is how many are not worth that: nothing per connection can be told of them anyway.
const tooFew = 100

// enough is how many connections it takes to tell the memory of one: less drowns in what a process does anyway.
const enough = 500

// connect opens the connections.
func (r *run) connect(ctx context.Context) error {
	r.sampler.enter("connect")
	few := min(r.cfg.Connections/10, firstFew) / r.cfg.Procs * r.cfg.Procs
	if few < tooFew {
		few = 0
	}
	ahead := opening{handshakes: fleet.NewHistogram()}
	if few > 0 {
		var err error
		if ahead, err = r.open(ctx, same(few/r.cfg.Procs)); err != nil {
			return err
		}
		if ahead.open == 0 {
			r.result.Connect = &Connect{Wanted: r.cfg.Connections, Failed: count(ahead.failures), Seconds: ahead.took.Seconds()}
			return r.refused(ahead.failures, r.cfg.Connections-count(ahead.failures))
		}
	}
	before, known := r.settled(ctx)
	all, err := r.open(ctx, func(i int) any { return share(r.cfg, i) })
	if err != nil {
		return err
	}
	after, ok := r.serverUsage(ctx)
	opened := max(all.open-ahead.open, 0)
	fleet.Merge(all.handshakes, ahead.handshakes.Export())
	c := &Connect{
		Wanted: r.cfg.Connections, Open: all.open, Failed: count(all.failures), Seconds: all.took.Seconds(),
		PerSecond: float64(opened) / all.took.Seconds(), Handshake: latency(all.handshakes, true),
	}
	r.result.Connect = c
	if known && ok {
		c.ServerCPU = micros(after.CPU-before.CPU, int64(opened))
		// In good order: the memory that a handshake needs for a moment is not that of a connection.
		if at, ok := r.settled(ctx); ok && opened >= enough {
			c.ServerBytes = max(float64(at.RSS-before.RSS)/float64(opened), 0)
		}
	}
	if c.Failed > 0 || all.untried > 0 {
		if err := r.refused(all.failures, all.untried); c.Open == 0 {
			return err
		}
	}
	return context.Cause(ctx)
}

// An opening is what became of the connections so far.
type opening struct {
	open, untried int
	failures      map[string]int
	took          time.Duration           // since the one before
	handshakes    *hdrhistogram.Histogram // since the one before
}

// open has each fleet connect its clients up to some number.
func (r *run) open(ctx context.Context, upTo func(i int) any) (opening, error) {
	start := time.Now()
	opened, err := ask[fleet.Opened](ctx, r.crew, "Open", upTo)
	o := opening{took: time.Since(start), handshakes: fleet.NewHistogram()}
	for _, part := range opened {
		o.open += part.Open
		o.untried += part.Untried
		addCounts(&o.failures, part.Failures)
		fleet.Merge(o.handshakes, part.Handshakes)
	}
	return o, err
}

// refused tells of connections that have failed.
func (r *run) refused(failures map[string]int, untried int) error {
	what := fmt.Sprintf("%d of %d connections failed: %s", count(failures), r.cfg.Connections, inWords(failures))
	if untried > 0 {
		what += fmt.Sprintf("; %d were not tried after that", untried)
	}
	r.problem(what, advice(failures, r.cfg))
	return errNobody
}

// errNobody ends a scenario whose problem is told already.
var errNobody = fail("", "nobody got in")

// advice is what to do about handshakes that failed.
func advice(failures map[string]int, cfg *Config) string {
	all := strings.Join(func() (s []string) {
		for why := range failures {
			s = append(s, why)
		}
		return s
	}(), "\n")
	for _, a := range []struct{ sign, do string }{
		{"nobody listens", "is the server running, and is " + cfg.URL + " its address?"},
		{"no free descriptor", "allow more (ulimit -n), or use more processes (--procs)"},
		{"no free port", "use more addresses of this machine (--source; on loopback 127.0.0.1-127.0.0.9)"},
		{"a page, no WebSocket", "is the path of the URL right?"},
		{"without an answer", "is " + cfg.URL + " the address of a WebSocket server, and its path right?"},
		{"no HTTP server", "is " + cfg.URL + " the address of a WebSocket server?"},
		{" 503 ", "the server is full: it may have a limit of its own, or too few descriptors (ulimit -n, for the server)"},
		{" 429 ", "the server bounds connections per address or second: use more addresses (--source), or connect slower (--connect-rate)"},
		{" 404 ", "is the path of the URL right?"},
		{" 401 ", "the server wants a token: --header 'Authorization: …'"},
		{" 403 ", "the server wants a token or an origin: --header 'Origin: …'"},
		{"no answer within", "does it speak WebSocket, and has it room? --connecting and --connect-rate go easier on it"},
		{"does not answer", "is it reachable? --connecting and --connect-rate go easier on it"},
	} {
		if strings.Contains(all, a.sign) {
			return a.do
		}
	}
	return "the server's log may say why"
}

// settled waits until the server's memory has stopped to change, for 5 s at most.
func (r *run) settled(ctx context.Context) (usage, bool) {
	u, ok := r.serverUsage(ctx)
	for deadline := time.Now().Add(5 * time.Second); ok && time.Now().Before(deadline); {
		before := u
		if pause(ctx, max(500*time.Millisecond, r.meter.pace())) != nil {
			return u, ok
		}
		if u, ok = r.serverUsage(ctx); ok && max(u.RSS-before.RSS, before.RSS-u.RSS) <= r.meter.still() {
			return u, ok
		}
	}
	return u, ok
}

func micros(d time.Duration, n int64) float64 {
	if n == 0 {
		return 0
	}
	return round3(float64(d) / float64(n) / 1e3)
}

// round3 cuts what nobody measures.
func round3(f float64) float64 { return math.Round(f*1e3) / 1e3 }

// idle holds the connections while nothing happens.
func (r *run) idle(ctx context.Context) error {
	r.sampler.enter("idle")
	before, known := r.serverUsage(ctx)
	start := time.Now()
	if err := pause(ctx, r.cfg.Hold); err != nil {
		return err
	}
	i := &Idle{Seconds: time.Since(start).Seconds()}
	if after, ok := r.serverUsage(ctx); ok && known {
		i.ServerCPU = round3(100 * (after.CPU - before.CPU).Seconds() / i.Seconds)
	}
	states, err := ask[fleet.State](ctx, r.crew, "Look", none)
	for _, s := range states {
		i.Dropped += s.Ended
	}
	r.result.Idle = i
	return err
}
