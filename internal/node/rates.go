package node

import (
	"time"

	"golang.org/x/time/rate"

	"crier/netpoll"
)

// burst is how much a peer may do at once, as the time in which its rate would allow it.
const burst = 2 * time.Second

// A meter holds the control frames of a connection to a rate. It is a token bucket told as the time at which
// it will be full again (the generic cell rate algorithm), in the node's milliseconds, and so takes 4 bytes of
// every connection; a rate.Limiter takes 80, half of what all its state does.
type meter uint32

// take takes one token if there is one. every is the milliseconds in which one more comes.
func (m *meter) take(now, every uint32) bool {
	const most = uint32(burst / time.Millisecond)
	ahead := uint32(*m) - now // of a bucket that is not full, at most burst; the clock wraps around
	if ahead > most {
		ahead = 0
	}
	if ahead+every > most {
		return false
	}
	*m = meter(now + ahead + every)
	return true
}

// A limits is what a connection needs to be held to bounds that are not always set; nil if it needs none yet.
type limits struct {
	place           *place        // counts it; nil if addresses are not bounded
	messages, bytes *rate.Limiter // nil as long as it has sent nothing
}

// spend takes bytes and messages off what a connection may send now. It reports why not, if so.
func (c *conn) spend(bytes, messages int, now time.Duration) (why Reason, ok bool) {
	cfg := &c.node.cfg
	if cfg.ByteRate <= 0 && cfg.MessageRate <= 0 {
		return 0, true
	}
	if c.limits == nil {
		c.limits = new(limits)
	}
	l, at := c.limits, c.node.start.Add(now)
	if l.bytes == nil {
		// What one read may bring, and one message, must pass.
		l.bytes = limiter(cfg.ByteRate, cfg.MaxMessage+netpoll.BufferSize)
		l.messages = limiter(cfg.MessageRate, 1)
	}
	switch {
	case !l.bytes.AllowN(at, bytes):
		return ByteRate, false
	case !l.messages.AllowN(at, messages):
		return MessageRate, false
	}
	return 0, true
}

// limiter returns a bucket of two seconds' worth and of no less than least; without a bound if perSecond is 0.
func limiter(perSecond, least int) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), max(perSecond*int(burst/time.Second), least))
}
