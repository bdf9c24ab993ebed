package chat

import (
	"crypto/tls"
	"io"
	"os"
	"time"
)

// DefaultURL is where a node listens unless told otherwise.
const DefaultURL = "ws://127.0.0.1:8888/chat"

// Config says whom to talk to and how. The zero value of every field stands
// for its default.
type Config struct {
	// URL is the node's address: ws, wss, http or https, with /chat as the
	// path when there is none. Without a scheme, as in host:port, what is
	// missing comes from DefaultURL. Default DefaultURL.
	URL string

	In  io.Reader // lines to send; default os.Stdin
	Out io.Writer // messages that arrive; default os.Stdout
	Err io.Writer // a pipe's notices (a terminal has them above the prompt); default os.Stderr

	// Reconnect keeps trying when a connection is lost or cannot be made.
	Reconnect bool

	// DialTimeout bounds one attempt to connect, the handshake included.
	// Default 10 s.
	DialTimeout time.Duration

	// EchoWait is how long a pipe waits since the last sign of life for what
	// it sent to come back. Messages of others are signs of life, too, but
	// six times EchoWait without one of its own lines is the end. Default
	// 10 s, negative means without limit.
	EchoWait time.Duration

	// CloseTimeout bounds the close handshake. Default 3 s.
	CloseTimeout time.Duration

	// RetryMin and RetryMax bound the exponential growth of the pause before
	// another attempt; the pause itself is drawn between zero and that.
	// Default 250 ms and 15 s.
	RetryMin, RetryMax time.Duration

	// Queue is how many typed lines are kept while there is no connection.
	// Default 100.
	Queue int

	// MaxMessage bounds a line sent and a message received, in bytes.
	// Default 16 MiB.
	MaxMessage int

	// TLS is used for wss. Default: the system's certificate authorities.
	TLS *tls.Config
}

// filled returns a copy with the defaults in place.
func (c Config) filled() Config {
	or(&c.URL, DefaultURL)
	if c.In == nil {
		c.In = os.Stdin
	}
	if c.Out == nil {
		c.Out = os.Stdout
	}
	if c.Err == nil {
		c.Err = os.Stderr
	}
	or(&c.DialTimeout, 10*time.Second)
	or(&c.EchoWait, 10*time.Second)
	or(&c.CloseTimeout, 3*time.Second)
	or(&c.RetryMin, 250*time.Millisecond)
	or(&c.RetryMax, 15*time.Second)
	or(&c.Queue, 100)
	or(&c.MaxMessage, 16<<20)
	return c
}

func or[T comparable](field *T, otherwise T) {
	var zero T
	if *field == zero {
		*field = otherwise
	}
}
