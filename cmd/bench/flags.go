package main

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"crier/bench"
)

// What the scenarios have in common. The zero value of a field of bench.Config means the default, which the help texts state;
// main_test.go holds them together.
type (
	clients struct {
		Connections    int           `short:"n" default:"1000" placeholder:"N" help:"Connections to open (${default})."`
		Procs          int           `default:"1" placeholder:"K" help:"Processes that hold them (${default}): a process may be allowed few descriptors."`
		Source         []string      `placeholder:"A-B" help:"Local addresses to connect from, as 127.0.0.1-127.0.0.32; repeats. One has about 28,000 ports, or as many as net.ipv4.ip_local_port_range says."`
		Connecting     int           `default:"128" placeholder:"N" help:"Handshakes under way at once (${default})."`
		ConnectRate    float64       `placeholder:"N" help:"Connections to open a second (as fast as the server answers)."`
		ConnectTimeout time.Duration `default:"30s" placeholder:"TIME" help:"Time for a server to answer a handshake (${default})."`
		Patience       time.Duration `default:"10s" placeholder:"TIME" help:"Time for a message to come; after that it counts as lost (${default})."`
		Size           int           `default:"128" placeholder:"BYTES" help:"Size of a message (${default}; at least 36)."`
	}
	speech struct {
		Header      []string `sep:"none" placeholder:"NAME:VALUE" help:"Header to add to the handshake; repeats."`
		Subprotocol []string `sep:"none" placeholder:"NAME" help:"Subprotocol to offer; repeats."`
		Text        bool     `help:"Send text messages instead of binary ones."`
		Hello       []string `sep:"none" placeholder:"TEXT" help:"Text message that each client sends first; repeats."`
		Envelope    string   `default:"{}" placeholder:"TEXT" help:"What a message is sent in: {} stands for the message (${default})."`
		Answer      []string `sep:"none" placeholder:"A=B" help:"Answer the server's text message A, or such a line of one, with B, for servers with pings of their own; repeats. The first = that is not the first letter divides."`
	}
	figures struct {
		PID     []string `name:"pid" sep:"none" placeholder:"N" help:"Process of the server, to read its CPU and memory from /proc; repeats, and takes a list."`
		Metrics string   `placeholder:"URL" help:"The server's /metrics, to read its CPU and memory from, if it runs elsewhere."`
	}
	output struct {
		JSON string `name:"json" placeholder:"FILE" help:"Write the result as JSON; - writes it to standard output, instead of the table."`
		HTML string `name:"html" placeholder:"FILE" help:"Write the result as a page with plots."`
	}
	common struct {
		clients
		speech
		figures
		output
		URL string `arg:"" help:"Server, as ws://127.0.0.1:8888/chat."`
	}
	rounds struct {
		Rounds int           `default:"25" placeholder:"N" help:"Rounds that count (${default}); each begins when the one before has arrived everywhere."`
		Warmup int           `default:"3" placeholder:"N" help:"Rounds before them (${default})."`
		Pause  time.Duration `default:"0s" placeholder:"TIME" help:"Pause between two rounds (${default})."`
	}
	batch struct {
		Batch int `default:"16" placeholder:"N" help:"Messages in a round of the burst (${default})."`
	}
	flow struct {
		Duration time.Duration `default:"10s" placeholder:"TIME" help:"How long messages flow, as 90s or 5m (${default})."`
	}
	flowRate struct {
		Rate float64 `default:"100" placeholder:"N" help:"Messages a second (${default}), whether the server keeps up or not."`
	}
)

type (
	idleCmd struct {
		common
		Hold time.Duration `default:"10s" placeholder:"TIME" help:"How long to hold the connections (${default})."`
	}
	fanoutCmd struct {
		common
		rounds
	}
	burstCmd struct {
		common
		rounds
		batch
	}
	rateCmd struct {
		common
		flow
		flowRate
	}
	slowCmd struct {
		common
		flow
		flowRate
		Slow   float64 `default:"1" placeholder:"PERCENT" help:"Members that never read (${default})."`
		Buffer int     `default:"4096" placeholder:"BYTES" help:"Their receive buffers (${default}); negative: the system's own."`
	}
	stormCmd struct {
		common
		flow
		Rate  float64 `default:"10" placeholder:"N" help:"Messages a second meanwhile (${default})."`
		Stay  float64 `default:"10" placeholder:"PERCENT" help:"Connections that are not cut off (${default}), besides the first of each process; the latencies are theirs."`
		Churn float64 `placeholder:"N" help:"Connections a second that leave and are replaced, in the middle three fifths of the time, instead of all at once."`
	}
	surveyCmd struct {
		common
		rounds
		batch
		Hold        time.Duration `default:"5s" placeholder:"TIME" help:"How long to hold the connections idle (${default})."`
		BurstRounds int           `placeholder:"N" help:"Rounds of the burst (as many as --rounds)."`
	}
	limitCmd struct {
		clients
		output
		rounds
		batch
		BurstRounds int `placeholder:"N" help:"Rounds of the burst (as many as --rounds)."`
		Writers     int `placeholder:"N" help:"Threads that write (one for each core)."`
	}
)

// config turns what is common into a configuration.
func (c *clients) config() (cfg bench.Config, err error) {
	cfg = bench.Config{
		Connections: c.Connections, Procs: c.Procs, Connecting: c.Connecting, ConnectRate: c.ConnectRate,
		ConnectTimeout: c.ConnectTimeout, Patience: c.Patience, Size: c.Size,
	}
	if err := refuseZero(zeros{
		"connections": c.Connections == 0, "procs": c.Procs == 0, "connecting": c.Connecting == 0, "size": c.Size == 0,
		"connect-timeout": c.ConnectTimeout == 0, "patience": c.Patience == 0,
	}); err != nil {
		return cfg, err
	}
	for _, s := range c.Source {
		if cfg.Sources, err = appendSources(cfg.Sources, s); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// pids takes what pidof and pgrep print, too.
func pids(list []string) (all []int, err error) {
	for _, s := range list {
		words := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
		if len(words) == 0 {
			return nil, errors.New("--pid: no number given: is the server running?")
		}
		for _, w := range words {
			pid, err := strconv.Atoi(w)
			if err != nil || pid <= 0 {
				return nil, fmt.Errorf("--pid %q: want the number of a process", w)
			}
			all = append(all, pid)
		}
	}
	return all, nil
}

// maxSources bounds what a mistyped range makes.
const maxSources = 1 << 16

func appendSources(dst []netip.Addr, s string) ([]netip.Addr, error) {
	from, to, isRange := strings.Cut(s, "-")
	first, err := netip.ParseAddr(from)
	if err != nil {
		return nil, fmt.Errorf("--source %q: want an address or a range of them, as 127.0.0.1-127.0.0.32", s)
	}
	last := first
	if isRange {
		if last, err = netip.ParseAddr(to); err != nil || last.Is4() != first.Is4() || last.Less(first) {
			return nil, fmt.Errorf("--source %q: want an address or a range of them, as 127.0.0.1-127.0.0.32", s)
		}
	}
	for a := first; ; a = a.Next() {
		if len(dst) == maxSources {
			return nil, fmt.Errorf("--source %q: more than %d addresses", s, maxSources)
		}
		dst = append(dst, a)
		if a == last {
			return dst, nil
		}
	}
}

func (c *common) config() (bench.Config, error) {
	cfg, err := c.clients.config()
	if err != nil {
		return cfg, err
	}
	cfg.URL, cfg.Metrics = c.URL, c.Metrics
	if cfg.PIDs, err = pids(c.PID); err != nil {
		return cfg, err
	}
	cfg.Protocols, cfg.Text, cfg.Hello, cfg.Envelope = c.Subprotocol, c.Text, c.Hello, c.Envelope
	for _, h := range c.Header {
		name, value, ok := strings.Cut(h, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return cfg, fmt.Errorf("--header %q: want 'Name: value'", h)
		}
		if cfg.Header == nil {
			cfg.Header = make(http.Header)
		}
		cfg.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	for _, a := range c.Answer {
		i := 0
		if len(a) > 0 {
			i = 1 + strings.IndexByte(a[1:], '=')
		}
		if i == 0 {
			return cfg, fmt.Errorf("--answer %q: want what comes, =, and what to send", a)
		}
		cfg.Answers = append(cfg.Answers, bench.Answer{To: a[:i], With: a[i+1:]})
	}
	return cfg, nil
}

func (r *rounds) into(cfg *bench.Config) {
	cfg.Rounds, cfg.Pause, cfg.Warmup = r.Rounds, r.Pause, r.Warmup
	if r.Warmup == 0 {
		cfg.Warmup = -1
	}
}

// zeros tells which flags are 0.
type zeros map[string]bool

// refuseZero refuses what bench.Config would take for its default.
func refuseZero(flags zeros) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if flags[name] {
			errs = append(errs, fmt.Errorf("--%s 0: want more than 0", name))
		}
	}
	return errors.Join(errs...)
}
