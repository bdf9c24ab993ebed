package bench

import (
	"net/http"
	"net/netip"
	"time"
)

// The scenarios.
const (
	ScenarioIdle   = "idle"   // open connections and hold them
	ScenarioFanout = "fanout" // one message at a time to all
	ScenarioBurst  = "burst"  // messages back to back to all
	ScenarioRate   = "rate"   // messages at a fixed rate
	ScenarioSlow   = "slow"   // the same, with members that never read
	ScenarioStorm  = "storm"  // members that come and go, or all come back at once
	ScenarioSurvey = "survey" // idle, fanout and burst over the same connections
	ScenarioLimit  = "limit"  // fanout and burst with no server but a bare write loop
)

// Config is one run. Zero means the default, negative means off.
type Config struct {
	Scenario string
	URL      string // ws://host:port/path; not for limit

	// How the clients connect.
	Connections    int           // default 1000
	Procs          int           // processes that hold them; default 1
	Sources        []netip.Addr  // local addresses to connect from, in turn; default the system's choice
	ConnectRate    float64       // connections/s; default as fast as the server answers
	Connecting     int           // handshakes under way at once, over all processes; default 128
	ConnectTimeout time.Duration // for one connection; default 30 s
	Header         http.Header   // added to the request
	Protocols      []string      // subprotocols to offer

	// What they say.
	Size     int      // bytes of a message, at least MinSize; default 128
	Text     bool     // text frames instead of binary ones
	Hello    []string // text messages that each client sends first, as some protocols want it
	Envelope string   // what a message is wrapped in: {} stands for it; default nothing
	Answers  []Answer // text messages to be answered, for protocols with pings of their own

	// What happens.
	Hold     time.Duration // idle, survey: how long; default 10 s, survey 5 s
	Rounds   int           // fanout, burst, survey, limit: default 25
	Bursts   int           // survey, limit: rounds of the burst; default Rounds
	Warmup   int           // rounds before those that count; default 3
	Batch    int           // burst, survey, limit: messages in a round of the burst; default 16
	Pause    time.Duration // fanout, burst: between two rounds; default none
	Rate     float64       // rate, slow, storm: messages/s; default 100, storm 10
	Duration time.Duration // rate, slow, storm: how long messages flow; default 10 s
	Slow     float64       // slow: percent of members that never read; default 1
	Buffer   int           // slow: bytes of their receive buffers; default 4096, negative the system's own
	Stay     float64       // storm: percent that are not cut off; default 10
	Churn    float64       // storm: connections/s that leave and are replaced; default all at once
	Writers  int           // limit: threads that write; default one for each core
	Patience time.Duration // how long a message may take before it counts as lost; default 10 s

	// Where the server's figures come from; either or none.
	PIDs    []int
	Metrics string // URL of /metrics

	// Command starts another process of the generator, for Procs > 1 and for limit: it must call Child. Default this
	// executable with the single argument "child".
	Command []string

	// OnSample is told the state of the run about four times a second, from one goroutine; may be nil.
	OnSample func(Sample)
}

// Answer is a text message of the server's that wants an answer.
type Answer struct{ To, With string }
