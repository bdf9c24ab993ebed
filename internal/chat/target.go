package chat

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// ErrURL is wrapped by what Run returns for an address it cannot make sense
// of. Nothing was dialed then.
var ErrURL = errors.New("not a usable address")

// parseTarget turns what a user writes into a ws or wss URL.
func parseTarget(s string) (*url.URL, error) {
	bad := func(format string, args ...any) (*url.URL, error) {
		return nil, fmt.Errorf("%q: %w: %s (for example %s or localhost:8888)",
			s, ErrURL, fmt.Sprintf(format, args...), DefaultURL)
	}

	full := s
	bare := !strings.Contains(s, "://")
	if bare {
		full = "ws://" + s
	}
	u, err := url.Parse(full)
	if err != nil {
		var cause *url.Error
		if errors.As(err, &cause) {
			err = cause.Err
		}
		return bad("%v", err)
	}

	switch u.Scheme {
	case "ws", "wss":
	case "http":
		u.Scheme = "ws"
		u.Path = strings.TrimSuffix(u.Path, "/")
	case "https":
		u.Scheme = "wss"
		u.Path = strings.TrimSuffix(u.Path, "/")
	default:
		return bad("the scheme is %q, not ws or wss", u.Scheme)
	}
	if bare && u.Hostname() == "" && u.Port() != "" {
		u.Host = "127.0.0.1:" + u.Port()
	}
	if u.Hostname() == "" {
		return bad("there is no host in it")
	}
	if strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(u.Host, "[") {
		return bad("an IPv6 address needs brackets, as in [::1]:8888")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return bad("the port is %s, not one of 1 to 65535", port)
		}
	} else if bare {
		u.Host = strings.TrimSuffix(u.Host, ":") + ":8888"
	}
	if u.Fragment != "" {
		return bad("a WebSocket address has no #fragment")
	}
	if u.Path == "" {
		u.Path = "/chat"
	}
	return u, nil
}

// hostPort returns the host and port that are dialed.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "wss" {
		return u.Host + ":443"
	}
	return u.Host + ":80"
}
