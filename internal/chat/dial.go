package chat

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// A dialer makes links to one address.
type dialer struct {
	target       *url.URL
	tls          *tls.Config
	timeout      time.Duration
	closeTimeout time.Duration
	maxMessage   int
}

// dial connects once. The error is a *DialError, or wraps that of ctx.
func (d *dialer) dial(ctx context.Context) (*link, error) {
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()

	// The transport lives for one dial: it hands over its connection, which
	// is kept at hand to free what blocks on it, whatever the layers above do.
	var raw atomic.Pointer[net.Conn]
	var netDialer net.Dialer
	transport := &http.Transport{
		TLSClientConfig: d.tls,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := netDialer.DialContext(ctx, network, address)
			if err == nil {
				raw.Store(&c)
			}
			return c, err
		},
		Protocols: new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(true)

	ws, answer, err := websocket.Dial(limited, d.target.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport},
	})
	transport.CloseIdleConnections()
	if err != nil {
		if c := raw.Load(); c != nil {
			_ = (*c).Close()
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if errors.Is(limited.Err(), context.DeadlineExceeded) {
			err = errors.Join(context.DeadlineExceeded, err)
		}
		return nil, explain(d.target, d.timeout, answer, err)
	}
	ws.SetReadLimit(int64(d.maxMessage))
	return &link{ws: ws, raw: *raw.Load(), closeTimeout: d.closeTimeout}, nil
}
