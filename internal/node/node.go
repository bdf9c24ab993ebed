package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"crier/hub"
	"crier/internal/frame"
	"crier/netpoll"
)

// Room is the name of the room that everybody is in.
const Room = "lobby"

// A Node is a running server. Its methods may be called from any goroutine.
type Node struct {
	// Immutable.
	cfg      Config
	frames   frame.Config
	ctx      context.Context // of log lines
	start    time.Time
	hub      *hub.Hub
	from     *addresses
	pool     *netpoll.Pool
	pollers  []*netpoll.Poller
	listener *netpoll.Listener
	stop     chan struct{}
	sweeping sync.WaitGroup
	ending   sync.Once

	conns     registry
	draining  atomic.Bool   // no messages and no members are taken any more
	dismissed atomic.Bool   // all are told to go: a connection accepted now has been overlooked
	clock     atomic.Uint32 // milliseconds since start, as of the last tick; wraps around
	refused   atomic.Int32  // connections that are crowded or hasty
	turn      atomic.Uint32 // spreads connections over pollers

	accepted      atomic.Int64
	opened        atomic.Int64
	open          atomic.Int64
	received      atomic.Int64
	receivedBytes atomic.Int64
	pings         atomic.Int64
	droppedPongs  atomic.Int64
	leaves        [reasons]atomic.Int64
	denials       [denials]atomic.Int64
	acceptErrors  [acceptErrors]atomic.Int64
}

// Start listens and serves until Shutdown or Close.
func Start(cfg Config) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, frames: frame.Config{MaxMessage: cfg.MaxMessage},
		ctx: context.Background(), start: time.Now(), stop: make(chan struct{}),
	}
	if cfg.Log.Enabled(n.ctx, slog.LevelDebug) {
		n.conns.addrs = make(map[*conn]string)
	}
	n.listener, err = netpoll.Listen(cfg.Addr, netpoll.ListenConfig{
		ReusePort: cfg.ReusePort, SendBuffer: cfg.SendBuffer, ReceiveBuffer: cfg.ReceiveBuffer,
		OnAccept: n.accept,
		OnRefuse: func(fd int) { n.turnAway(fd, NoDescriptors) },
		OnError:  n.acceptFailed,
	})
	if err != nil {
		return nil, err
	}
	n.hub = hub.New(hub.Config{
		Writers: cfg.Writers, Backlog: cfg.Backlog, MaxLag: cfg.MaxLag, MaxLagAge: cfg.MaxLagAge,
		Now: n.now, OnWritten: cfg.OnWritten,
	})
	n.from = newAddresses(&n.cfg)
	n.pool = netpoll.NewPool(cfg.Workers)
	for range cfg.Pollers {
		p, err := netpoll.NewPoller(n.pool, func(err error) { cfg.Log.Error("a poller has stopped", "err", err) })
		if err != nil {
			return nil, errors.Join(err, n.Close())
		}
		n.pollers = append(n.pollers, p)
	}
	n.sweeping.Go(n.sweep)
	if err := n.listener.Start(n.pollers[0]); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) now() time.Duration { return time.Since(n.start) }

// Addr returns the address the node listens on.
func (n *Node) Addr() net.Addr { return n.listener.Addr() }

// MaxConnections returns how many connections the node takes.
func (n *Node) MaxConnections() int { return n.cfg.MaxConnections }

// Ready tells whether the node takes new connections: an error says why not.
func (n *Node) Ready() error {
	if n.draining.Load() {
		return errors.New("draining")
	}
	if open := n.conns.len(); open >= n.cfg.MaxConnections {
		return fmt.Errorf("full: %d connections", open)
	}
	return nil
}

// Shutdown takes no more connections and messages, lets what was published reach the members, closes them with
// 1001, and ends. Members that lag hold it up for half of ctx's time. When ctx is done it closes what is left
// at once and returns ctx's error.
func (n *Node) Shutdown(ctx context.Context) error {
	n.draining.Store(true)
	n.listener.Stop()
	err := n.deliver(ctx)
	if err == nil {
		err = n.dismiss(ctx)
	}
	return errors.Join(err, n.Close())
}

// deliver waits for what was published to be written.
func (n *Node) deliver(ctx context.Context) error {
	half := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		half, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	if n.hub.Drain(half) != nil && ctx.Err() == nil {
		n.cfg.Log.Warn("stopping without waiting any longer for who is behind", "members", n.hub.Stats().Lagging)
	}
	return ctx.Err()
}

// dismiss closes all connections and waits until they have ended.
func (n *Node) dismiss(ctx context.Context) error {
	n.dismissed.Store(true)
	var batch [256]*conn
	for next := n.conns.len(); next > 0; {
		var k int
		k, next = n.conns.copyBelow(next, batch[:])
		for _, c := range batch[:k] {
			c.leave(Shutdown, ws.StatusGoingAway, "the node stops")
			c.drop(Draining)
		}
	}
	select {
	case <-n.conns.whenEmpty():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the node at once: connections are cut off.
func (n *Node) Close() (err error) {
	n.ending.Do(func() { err = n.end() })
	return err
}

// end stops in the mirror order of Start: after each step nothing calls what the next one ends.
func (n *Node) end() error {
	n.draining.Store(true)
	close(n.stop)
	n.sweeping.Wait()
	var errs []error
	for _, p := range n.pollers {
		errs = append(errs, p.Close())
	}
	n.pool.Close()
	n.hub.Close()
	errs = append(errs, n.listener.Shut())
	for {
		var batch [256]*conn
		k, _ := n.conns.copyBelow(len(batch), batch[:])
		if k == 0 {
			break
		}
		for _, c := range batch[:k] {
			c.abort(Shutdown)
			c.drop(Draining)
			c.end()
		}
	}
	return errors.Join(errs...)
}
