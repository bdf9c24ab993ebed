package chat

import "time"

// held is how long a connection must have lasted for the next pause to start
// small again: a node that takes connections only to drop them is not to be
// met every few milliseconds.
const held = 10 * time.Second

// backoff is exponential with full jitter.
type backoff struct {
	min, max time.Duration
}

// failures returns how many attempts in a row have failed before the next
// pause, given how many had and how long the connection just lost had lasted.
func (backoff) failures(before int, lasted time.Duration) int {
	if lasted >= held {
		return 0
	}
	return before
}

// pause returns how long to wait after that many failures. random is in [0,1).
func (b backoff) pause(failures int, random float64) time.Duration {
	limit := b.min
	for range failures {
		if limit >= b.max/2 {
			limit = b.max
			break
		}
		limit *= 2
	}
	return time.Duration(random * float64(min(limit, b.max)))
}

// shown rounds a pause to what a reader cares for.
func shown(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
