package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"crier/internal/handshake"
	"crier/netpoll"
)

// Config tells a Node what to do and its bounds. Zero means the default, negative means off where
// a field says so.
type Config struct {
	// Addr is the TCP address to listen on. Default 127.0.0.1:8888.
	Addr string

	// ReusePort lets several processes listen on Addr.
	ReusePort bool

	// Path is where WebSockets are. Default /chat.
	Path string

	// Origins are the origins from which pages may connect, beside the node's own; "*" allows all.
	// A client that sends no Origin is no browser and may always.
	Origins []string

	// Protocols are the subprotocols (RFC 6455 section 1.9) that the node may agree to, of those that a client
	// offers the first. It does nothing else with them.
	Protocols []string

	// Check, if any, has the last word on a handshake. It runs on a worker, which it must not block.
	// It returns nil to let the connection in. The request is the caller's to keep.
	Check func(*Request) *Refusal

	// MaxConnections bounds the open connections, handshakes included; those above get 503.
	// Default: what the process's descriptor limit allows, less a reserve.
	MaxConnections int

	// MaxMessage is the largest message in bytes that a client may send, all its fragments together.
	// Default 64 KiB.
	MaxMessage int

	// The rates are kept by the node's clock: what came while it did not read counts at the time it is read.

	// ControlRate is how many control frames a second a client may send; empty fragments count as such. Twice as
	// many may come at once. At most 1000, kept as whole milliseconds between two. Default 50. Negative: no bound.
	ControlRate int

	// MessageRate and ByteRate are how many messages and bytes, with all that is around a payload, a second a client
	// may send. Twice as many may come at once, and bytes for one message of MaxMessage always. 0: no bound.
	MessageRate int
	ByteRate    int

	// PerAddress and PerNetwork are how many connections one address (of IPv4, or a /64 of IPv6) and one network (a
	// /48 of IPv6) may have; AddressRate and NetworkRate how many a second it may open, twice as many at once. Those
	// above get 429. 0: no bound. Behind a proxy all come from the proxy's address.
	PerAddress, PerNetwork   int
	AddressRate, NetworkRate int

	// HandshakeTimeout is how long a connection may take to send its request. Default 10 s.
	HandshakeTimeout time.Duration

	// MessageTimeout is how long a message may take from its first byte to its last. Default 30 s.
	MessageTimeout time.Duration

	// PingAfter is the silence after which a peer is pinged, at the latest: it is up to a quarter less, so that
	// those who fell silent at once are not pinged at once. Default 55 s, under the minute after which many
	// proxies cut idle connections. Negative: never.
	PingAfter time.Duration

	// PongTimeout is how long a pinged peer may then stay silent. Default 20 s.
	PongTimeout time.Duration

	// CloseTimeout is how long a closing connection may take to end. Default 5 s.
	CloseTimeout time.Duration

	// Workers, Pollers and Writers are numbers of goroutines. Defaults: two workers and one writer for each of
	// GOMAXPROCS, one poller for each four.
	Workers, Pollers, Writers int

	// Backlog, MaxLag and MaxLagAge are as in hub.Config. A connection that is more than Backlog behind with what it
	// gets is not read either until it has caught up.
	Backlog   int
	MaxLag    int
	MaxLagAge time.Duration

	// SendBuffer and ReceiveBuffer bound the kernel's buffers of a connection; see netpoll.ListenConfig.
	SendBuffer, ReceiveBuffer int

	// Log is where the node tells what happens. Default: nowhere.
	Log *slog.Logger

	// OnWritten is told, once a message, the time from its publish to the last member it was offered to.
	// It must be quick.
	OnWritten func(time.Duration)
}

// A Request is what Check sees of a handshake.
type Request struct {
	Method string
	Path   string // with the query, as sent
	Header http.Header
	Addr   string // of the peer, host:port
}

// A Refusal is Check's no.
type Refusal struct {
	Status int    // an HTTP status of 400 to 599; anything else becomes 403
	Text   string // one line, sent as the answer's body
}

// reserve is how many descriptors are kept for what is no connection (the runtime, the admin server, logs).
const reserve = 64

// turnedAway is how many connections above MaxConnections, and how many of places above their bounds, are taken to be
// told no properly.
const turnedAway = 32

func (c Config) withDefaults() (Config, error) {
	def(&c.Addr, "127.0.0.1:8888")
	def(&c.Path, "/chat")
	def(&c.MaxMessage, 64<<10)
	def(&c.ControlRate, 50)
	def(&c.HandshakeTimeout, 10*time.Second)
	def(&c.MessageTimeout, 30*time.Second)
	def(&c.PingAfter, 55*time.Second)
	def(&c.PongTimeout, 20*time.Second)
	def(&c.CloseTimeout, 5*time.Second)
	cores := runtime.GOMAXPROCS(0)
	def(&c.Workers, 2*cores)
	// A poller only marks and queues, so that one feeds many workers, and each more is a thread to be woken: with
	// one on 2 cores a handshake costs 43 µs, with two 59 (CRIER_POLLERS=… make test-scale, in turn, 2026-11-23).
	def(&c.Pollers, max(cores/4, 1))
	def(&c.Writers, cores)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	_, limit, err := netpoll.Descriptors()
	if err != nil && limit == 0 {
		return c, err
	}
	if room := limit - reserve - turnedAway; c.MaxConnections <= 0 || c.MaxConnections > room {
		if c.MaxConnections > room {
			c.Log.Warn("max connections lowered to what the descriptor limit allows; raise it with ulimit -n",
				"wanted", c.MaxConnections, "allowed", room, "descriptors", limit)
		}
		c.MaxConnections = room
	}
	return c, c.check(limit)
}

func (c Config) check(limit int) error {
	var errs []error
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, " ?#") {
		errs = append(errs, fmt.Errorf("path %q: want one that begins with / and has no space, ? or #", c.Path))
	}
	if c.MaxConnections < 1 {
		errs = append(errs, fmt.Errorf("a limit of %d descriptors leaves none for connections: raise it with ulimit -n", limit))
	}
	for name, n := range map[string]int{"max message": c.MaxMessage, "workers": c.Workers, "pollers": c.Pollers, "writers": c.Writers} {
		if n < 1 {
			errs = append(errs, fmt.Errorf("%s %d: want at least 1", name, n))
		}
	}
	if c.MaxMessage > 1<<30 {
		errs = append(errs, fmt.Errorf("max message %d: want at most 1 GiB (%d)", c.MaxMessage, 1<<30))
	}
	for name, n := range map[string]int{
		"message rate": c.MessageRate, "byte rate": c.ByteRate, "connections of an address": c.PerAddress,
		"connections of a network": c.PerNetwork, "rate of an address": c.AddressRate, "rate of a network": c.NetworkRate,
	} {
		if n < 0 || n > 1<<30 {
			errs = append(errs, fmt.Errorf("%s %d: want 0, for no bound, up to %d", name, n, 1<<30))
		}
	}
	if c.ControlRate > 1000 {
		errs = append(errs, fmt.Errorf("control rate %d: want at most 1000 a second, or negative for no bound", c.ControlRate))
	}
	for name, d := range map[string]time.Duration{
		"handshake timeout": c.HandshakeTimeout, "message timeout": c.MessageTimeout,
		"pong timeout": c.PongTimeout, "close timeout": c.CloseTimeout,
	} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("%s %v: want more than 0", name, d))
		}
	}
	for _, p := range c.Protocols {
		if !handshake.IsToken(p) {
			errs = append(errs, fmt.Errorf("subprotocol %q: want a token, as chat.example.org", p))
		}
	}
	for _, o := range c.Origins {
		if o != "*" && !strings.Contains(o, "://") {
			errs = append(errs, fmt.Errorf("origin %q: want scheme://host[:port], or *", o))
		}
	}
	return errors.Join(errs...)
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
