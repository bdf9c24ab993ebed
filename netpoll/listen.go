package netpoll

import "time"

// ListenConfig says how to listen. Zero means the default, negative means off.
type ListenConfig struct {
	// ReusePort lets several processes listen on one port; the kernel spreads connections over them.
	ReusePort bool

	// SendBuffer is the bound in bytes on what the kernel keeps for a peer that does not read (it counts
	// its own overhead within twice that). Left to itself it grows to megabytes for each. Default 64 KiB.
	SendBuffer int

	// ReceiveBuffer is the same for what a peer has sent and nobody has read yet. Default 64 KiB.
	ReceiveBuffer int

	// KeepAlive is the silence after which the kernel probes a peer. Default 60 s.
	KeepAlive time.Duration

	// UserTimeout is how long sent bytes or probes may go unacknowledged before the kernel gives up the
	// connection (TCP_USER_TIMEOUT, RFC 5482). Default 60 s.
	UserTimeout time.Duration

	// OnAccept owns each new descriptor. Required. Called on a worker; must not block.
	OnAccept func(fd int)

	// OnRefuse owns a descriptor taken only to say that there are none left. Required. It must close it.
	OnRefuse func(fd int)

	// OnError is told why an accept failed; may be nil.
	OnError func(error)
}

func (c ListenConfig) withDefaults() ListenConfig {
	if c.SendBuffer == 0 {
		c.SendBuffer = 64 << 10
	}
	if c.ReceiveBuffer == 0 {
		c.ReceiveBuffer = 64 << 10
	}
	if c.KeepAlive == 0 {
		c.KeepAlive = 60 * time.Second
	}
	if c.UserTimeout == 0 {
		c.UserTimeout = 60 * time.Second
	}
	if c.OnError == nil {
		c.OnError = func(error) {}
	}
	return c
}
