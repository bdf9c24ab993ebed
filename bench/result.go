package bench

import "time"

// A Result is what one run has found. Its JSON form is what --json writes: names in it are kept from version to
// version, and what a run does not know is left out. Latencies are in milliseconds.
type Result struct {
	Scenario string    `json:"scenario"`
	Target   string    `json:"target"` // the URL, or what stands for it
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"` // from start to end
	Version  string    `json:"version,omitempty"`

	Setup     Setup     `json:"setup"`
	Machine   Machine   `json:"machine"`
	Connect   *Connect  `json:"connect,omitempty"`
	Idle      *Idle     `json:"idle,omitempty"`
	Fanout    *Rounds   `json:"fanout,omitempty"`
	Burst     *Rounds   `json:"burst,omitempty"`
	Stream    *Stream   `json:"stream,omitempty"`
	Slow      *Slow     `json:"slow,omitempty"`
	Storm     *Storm    `json:"storm,omitempty"`
	Tally     Tally     `json:"tally"`
	Server    *Server   `json:"server,omitempty"` // with --pid or --metrics
	Generator Generator `json:"generator"`
	Samples   []Sample  `json:"samples,omitempty"`
	Problems  []Problem `json:"problems,omitempty"` // a run with problems is a failed run
	Notes     []string  `json:"notes,omitempty"`    // what a reader should know, and no failure
}

// Setup is what the run was asked to do.
type Setup struct {
	Connections int      `json:"connections"`
	Size        int      `json:"size,omitempty"`   // bytes of a message
	Opcode      string   `json:"opcode,omitempty"` // text or binary
	Procs       int      `json:"procs"`
	Sources     int      `json:"sources,omitempty"` // source addresses
	Publishers  int      `json:"publishers,omitempty"`
	Rate        float64  `json:"rate,omitempty"` // messages/s
	Args        []string `json:"args,omitempty"` // the command line, without the program
}

// Machine is where the generator ran.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory"` // bytes
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

// Latency is a distribution of times in milliseconds.
type Latency struct {
	Count int64   `json:"count"`
	Min   float64 `json:"min"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`
	Curve []Point `json:"curve,omitempty"` // for the plot over percentiles, ascending
}

// Point is one point of a distribution: that many percent took no longer than MS milliseconds.
type Point struct {
	Percentile float64 `json:"percentile"` // 0 to 100
	MS         float64 `json:"ms"`
}

// Connect is how the connections came to be. Of a thousand or more a tenth, but no more than a thousand, are opened first; Seconds, PerSecond and the server's figures are those of the
// rest, so that what a server loads and builds up once is not in them.
type Connect struct {
	Wanted    int     `json:"wanted"`
	Open      int     `json:"open"`
	Failed    int     `json:"failed"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	Handshake Latency `json:"handshake"` // from connect(2) to the last byte of the answer

	ServerCPU   float64 `json:"server_cpu_us,omitempty"`               // µs per handshake
	ServerBytes float64 `json:"server_bytes_per_connection,omitempty"` // RSS
}

// Idle is what it costs to hold connections on which nothing happens.
type Idle struct {
	Seconds   float64 `json:"seconds"`
	ServerCPU float64 `json:"server_cpu_percent"` // of one core
	Dropped   int     `json:"dropped"`            // connections that the server has ended
}

// Rounds are messages sent to all, Batch at a time, each round after the one before has arrived everywhere.
type Rounds struct {
	Batch      int     `json:"batch"`
	Rounds     int     `json:"rounds"` // that were complete
	Deliveries int64   `json:"deliveries"`
	Last       Latency `json:"last"`       // from the send of a round to its last message at the last receiver
	Each       Latency `json:"each"`       // from the send of a round to each delivery
	PerSecond  float64 `json:"per_second"` // deliveries, of the median round

	ServerCPU    float64 `json:"server_cpu_us,omitempty"` // µs per delivery
	GeneratorCPU float64 `json:"generator_cpu_us"`        // µs per delivery
}

// Stream is messages sent at a fixed rate, whether the server keeps up or not.
type Stream struct {
	Seconds    float64 `json:"seconds"`
	Messages   int64   `json:"messages"`
	Deliveries int64   `json:"deliveries"`
	PerSecond  float64 `json:"per_second"` // deliveries
	Latency    Latency `json:"latency"`    // of each delivery, from when its message was to be sent
	SendDelay  Latency `json:"send_delay"` // from when a message was to be sent to when the kernel had taken it: the generator's own part, or the server's that does not read

	ServerCPU    float64 `json:"server_cpu_us,omitempty"` // µs per delivery
	GeneratorCPU float64 `json:"generator_cpu_us"`        // µs per delivery
}

// Slow is what became of the members that never read.
type Slow struct {
	Members  int      `json:"members"`
	Removed  int      `json:"removed"`            // whose end was noticed while they did not read
	After    *Latency `json:"after_ms,omitempty"` // from the first message to that
	Closed   int      `json:"closed"`             // that turned out to be closed when they read at the end
	CloseLog []Reason `json:"closed_with,omitempty"`
}

// Storm is what became of the connections that were cut off.
type Storm struct {
	Mode      string   `json:"mode"` // restart or churn
	Cut       int      `json:"cut"`
	Back      int      `json:"back"`
	Failed    int      `json:"failed"`  // attempts
	Seconds   float64  `json:"seconds"` // until all were back, or of the churn
	PerSecond float64  `json:"per_second"`
	Handshake Latency  `json:"handshake"`
	Failures  []Reason `json:"failures,omitempty"`
}

// Reason is how often something happened.
type Reason struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// Tally is what all clients together got, over the whole run.
type Tally struct {
	Sent       int64    `json:"sent"`      // messages
	Received   int64    `json:"received"`  // deliveries, doubles not counted
	Lost       int64    `json:"lost"`      // deliveries that were due and never came
	Doubled    int64    `json:"doubled"`   // deliveries of what the client had
	Reordered  int64    `json:"reordered"` // deliveries behind one that was sent later
	Damaged    int64    `json:"damaged"`   // messages of this run with wrong bytes
	Other      int64    `json:"other"`     // messages that are not of this run
	Ended      int      `json:"ended"`     // connections that the server has ended
	EndedByWhy []Reason `json:"ended_with,omitempty"`
}

// Server is what the server's processes used, all their threads together.
type Server struct {
	Source     string  `json:"source"` // pid or metrics
	Processes  int     `json:"processes"`
	CPUSeconds float64 `json:"cpu_seconds"`
	RSSStart   int64   `json:"rss_start"` // bytes
	RSSEnd     int64   `json:"rss_end"`
	RSSPeak    int64   `json:"rss_peak"` // of the samples
}

// Generator is what the generator itself used.
type Generator struct {
	CPUSeconds float64 `json:"cpu_seconds"`
	RSS        int64   `json:"rss"` // bytes, at the end, all processes
}

// Sample is the state of the run at one moment.
type Sample struct {
	At           float64 `json:"at"`    // s since the start
	Phase        string  `json:"phase"` // connect, idle, warm-up, fanout, burst, stream or storm
	Connections  int     `json:"connections"`
	Deliveries   int64   `json:"deliveries"`    // since the start
	P50          float64 `json:"p50,omitempty"` // ms, of the deliveries since the sample before
	P99          float64 `json:"p99,omitempty"`
	Max          float64 `json:"max,omitempty"`
	ServerRSS    int64   `json:"server_rss,omitempty"`    // bytes
	ServerCPU    float64 `json:"server_cpu,omitempty"`    // cores, since the sample before
	GeneratorCPU float64 `json:"generator_cpu,omitempty"` // cores, since the sample before
}

// A Problem is what went wrong in one line, and what to do about it.
type Problem struct {
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
}

func (p Problem) String() string {
	if p.Do == "" {
		return p.What
	}
	return p.What + ": " + p.Do
}
