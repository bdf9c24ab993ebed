package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"crier/internal/admin"
	"crier/internal/node"
	"crier/netpoll"
)

// serveCmd is what can be set on a node. The zero value of a field of node.Config means the default, which
// the help texts state; cmd_test.go holds them together.
type serveCmd struct {
	Listen    string `default:"127.0.0.1:8888" placeholder:"ADDR" help:"Address for WebSockets (${default})."`
	Admin     string `default:"127.0.0.1:8889" placeholder:"ADDR" help:"Address for metrics, health and profiles (${default}); keep it private."`
	ReusePort bool   `help:"Share the address with other processes (SO_REUSEPORT)."`

	Path        string   `default:"/chat" placeholder:"PATH" help:"Where WebSockets are (${default})."`
	AllowOrigin []string `sep:"none" placeholder:"ORIGIN" help:"Origin whose pages may connect, as https://example.org; repeats; * allows all. Same origin, and clients that send none, always may."`

	Subprotocol []string `sep:"none" placeholder:"NAME" help:"Subprotocol to agree to if a client offers it; repeats."`

	MaxConnections   int           `placeholder:"N" help:"Connections to take (as many as the descriptor limit allows)."`
	MaxMessage       int           `default:"65536" placeholder:"BYTES" help:"Largest message a client may send (${default})."`
	MaxControlRate   int           `default:"50" placeholder:"N" help:"Control frames a second a client may send (${default}), twice as many at once; up to 1000; negative: no bound."`
	MaxMessageRate   int           `placeholder:"N" help:"Messages a second a client may send, twice as many at once (no bound)."`
	MaxByteRate      int           `placeholder:"BYTES" help:"Bytes a second a client may send, twice as many at once, and always one message (no bound)."`
	MaxPerAddress    int           `placeholder:"N" help:"Connections of one address: of IPv4, or a /64 of IPv6 (no bound)."`
	MaxPerNetwork    int           `placeholder:"N" help:"Connections of one network, a /48 of IPv6 (no bound)."`
	MaxAddressRate   int           `placeholder:"N" help:"Connections a second that one address may open, twice as many at once (no bound)."`
	MaxNetworkRate   int           `placeholder:"N" help:"Connections a second that one network may open, twice as many at once (no bound)."`
	HandshakeTimeout time.Duration `default:"10s" placeholder:"TIME" help:"Time for a client to send its request (${default})."`
	MessageTimeout   time.Duration `default:"30s" placeholder:"TIME" help:"Time from the first byte of a message to its last (${default})."`
	PingAfter        time.Duration `default:"55s" placeholder:"TIME" help:"Silence after which a client is pinged (${default}, or up to a quarter less, to spread pings); negative: never."`
	PongTimeout      time.Duration `default:"20s" placeholder:"TIME" help:"Time for a pinged client to answer (${default})."`
	CloseTimeout     time.Duration `default:"5s" placeholder:"TIME" help:"Time for a closing connection to end (${default})."`
	ShutdownTimeout  time.Duration `default:"15s" placeholder:"TIME" help:"Time to end in good order after a signal (${default}); a second signal ends at once."`

	MaxLag     int           `default:"4194304" placeholder:"BYTES" help:"Bytes a client may be behind before it is closed with 1013 (${default}); negative: no bound."`
	MaxLagAge  time.Duration `default:"30s" placeholder:"TIME" help:"Time a client may be behind before it is closed with 1013 (${default}); negative: no bound."`
	Backlog    int           `default:"1048576" placeholder:"BYTES" help:"Bytes the node may be behind, or a publisher with its own reading, before publishers wait (${default})."`
	SendBuffer int           `default:"65536" placeholder:"BYTES" help:"Bound on the kernel's send buffer of a connection (${default}); negative: the system's own."`

	ReceiveBuffer int `default:"65536" placeholder:"BYTES" help:"Bound on the kernel's receive buffer of a connection (${default}); negative: the system's own."`

	Workers int `placeholder:"N" help:"Goroutines that read (two for each core)."`
	Pollers int `placeholder:"N" help:"Epoll loops (one for each four cores)."`
	Writers int `placeholder:"N" help:"Goroutines that write (one for each core)."`

	LogLevel  slog.Level `default:"info" placeholder:"LEVEL" help:"debug, info, warn or error (${default}). At debug each leave is a line."`
	LogFormat string     `default:"text" enum:"text,json" help:"text or json (${default})."`
}

// Validate refuses what node.Config would take for its default.
func (c *serveCmd) Validate() error {
	var errs []error
	for name, zero := range map[string]bool{
		"max-message": c.MaxMessage == 0, "max-control-rate": c.MaxControlRate == 0, "handshake-timeout": c.HandshakeTimeout == 0, "message-timeout": c.MessageTimeout == 0,
		"ping-after": c.PingAfter == 0, "pong-timeout": c.PongTimeout == 0, "close-timeout": c.CloseTimeout == 0,
		"max-lag": c.MaxLag == 0, "max-lag-age": c.MaxLagAge == 0, "backlog": c.Backlog <= 0, "send-buffer": c.SendBuffer == 0, "receive-buffer": c.ReceiveBuffer == 0,
	} {
		if zero {
			errs = append(errs, fmt.Errorf("--%s: want more than 0; see crier serve --help for what turns it off", name))
		}
	}
	if c.ShutdownTimeout <= 0 {
		errs = append(errs, fmt.Errorf("--shutdown-timeout %v: want more than 0", c.ShutdownTimeout))
	}
	return errors.Join(errs...)
}

// gcPercent is the collector's headroom over the live heap, unless GOGC says otherwise. A node's heap is the
// state of its connections, which lives long; publishing allocates a segment for 64 KiB of log. So little headroom
// costs little time. At 15,000 connections an idle one weighed 290 B of RSS with 25 and 463 B with 100, and a handshake
// costs the same within the noise (make test-scale with GOGC set, in turn, 2026-11-23).
const gcPercent = 25

// Run serves until a signal.
func (c *serveCmd) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	return c.serve(ctx, stop, os.Stdout, os.Stderr)
}

// serve runs a node until ctx is done. Then it calls restore, after which a second signal ends the process.
func (c *serveCmd) serve(ctx context.Context, restore func(), out, logs io.Writer) error {
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: c.LogLevel}))
	if c.LogFormat == "json" {
		log = slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: c.LogLevel}))
	}
	adminListener, err := admin.Listen(c.Admin)
	if err != nil {
		return fmt.Errorf("admin address: %w", explain(err))
	}
	metrics := admin.NewMetrics()
	n, err := node.Start(c.config(log, metrics))
	if err != nil {
		adminListener.Close()
		return explain(err)
	}
	metrics.Watch(n)
	adm := admin.Serve(adminListener, n, metrics, log)

	_, limit, _ := netpoll.Descriptors()
	fmt.Fprintf(out, "WebSocket  ws://%s%s\n", n.Addr(), c.Path)
	fmt.Fprintf(out, "admin      http://%s  (/metrics /healthz /readyz /debug/pprof)\n", adm.Addr())
	fmt.Fprintf(out, "capacity   %d connections (%d descriptors; ulimit -n raises it)\n", n.MaxConnections(), limit)
	fmt.Fprintf(out, "try        bin/crier chat ws://%s%s    in two terminals\n", n.Addr(), c.Path)

	<-ctx.Done()
	restore()
	log.Info("stopping", "connections", n.Stats().Connections)
	end, cancel := context.WithTimeout(context.Background(), c.ShutdownTimeout)
	defer cancel()
	if err := n.Shutdown(end); err != nil {
		err = fmt.Errorf("stop in good order within %v: %w", c.ShutdownTimeout, err)
		return errors.Join(err, adm.Close(end))
	}
	return adm.Close(end)
}

func (c *serveCmd) config(log *slog.Logger, m *admin.Metrics) node.Config {
	return node.Config{
		Addr: c.Listen, ReusePort: c.ReusePort, Path: c.Path, Origins: c.AllowOrigin, Protocols: c.Subprotocol,
		MaxConnections: c.MaxConnections, MaxMessage: c.MaxMessage,
		ControlRate: c.MaxControlRate, MessageRate: c.MaxMessageRate, ByteRate: c.MaxByteRate,
		PerAddress: c.MaxPerAddress, PerNetwork: c.MaxPerNetwork,
		AddressRate: c.MaxAddressRate, NetworkRate: c.MaxNetworkRate,
		HandshakeTimeout: c.HandshakeTimeout, MessageTimeout: c.MessageTimeout,
		PingAfter: c.PingAfter, PongTimeout: c.PongTimeout, CloseTimeout: c.CloseTimeout,
		MaxLag: c.MaxLag, MaxLagAge: c.MaxLagAge, Backlog: c.Backlog, SendBuffer: c.SendBuffer, ReceiveBuffer: c.ReceiveBuffer,
		Workers: c.Workers, Pollers: c.Pollers, Writers: c.Writers,
		Log: log, OnWritten: m.Written,
	}
}

// explain adds what to do to errors that a newcomer meets.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: something listens there already; choose another with --listen and --admin", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: a port below 1024 needs root or CAP_NET_BIND_SERVICE", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%w: this machine does not have that address", err)
	}
	return err
}
