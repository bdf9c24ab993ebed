//go:build !linux

package netpoll

import "net"

// A Listener accepts connections.
type Listener struct{ Conn }

// Listen returns ErrUnsupported.
func Listen(string, ListenConfig) (*Listener, error) { return nil, ErrUnsupported }

// Addr returns nil.
func (*Listener) Addr() net.Addr { return nil }

// Start returns ErrUnsupported.
func (*Listener) Start(*Poller) error { return ErrUnsupported }

// Retry does nothing.
func (*Listener) Retry() {}

// Stop does nothing.
func (*Listener) Stop() {}

// Serve implements Handler.
func (*Listener) Serve(*Worker, Event) Event { return 0 }

// Shut does nothing.
func (*Listener) Shut() error { return nil }
