package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"crier/bench/internal/fleet"
)

// resolve finds out where a URL leads and writes the request down. All clients send the same one, key included: RFC 6455, 4.1 wants a
// random key of each, so that no cache answers; a generator talks to the server itself.
func resolve(ctx context.Context, cfg *Config) (fleet.Target, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return fleet.Target{}, badConfig("the URL: %w: want ws://host:port/path", err)
	}
	u.RawQuery = escapeQuery(u.RawQuery)
	switch {
	case strings.Count(u.Host, ":") > 1 && !strings.HasPrefix(u.Host, "["):
		return fleet.Target{}, badConfig("the URL's host %q: an address of IPv6 stands in brackets, as ws://[::1]:8888/chat", u.Host)
	case u.Scheme == "wss" || u.Scheme == "https":
		return fleet.Target{}, badConfig("the URL %s: TLS is not measured here: connect to the server behind its TLS end, with ws://", u.Redacted())
	case u.Scheme != "ws" && u.Scheme != "http":
		return fleet.Target{}, badConfig("the URL %s: want ws://host:port/path", u.Redacted())
	case u.Hostname() == "":
		return fleet.Target{}, badConfig("the URL %s has no host: want ws://host:port/path", u.Redacted())
	case u.User != nil:
		return fleet.Target{}, badConfig("the URL holds a user: use --header 'Authorization: …'")
	}
	port := uint64(80)
	if p := u.Port(); p != "" {
		if port, err = strconv.ParseUint(p, 10, 16); err != nil || port == 0 {
			return fleet.Target{}, badConfig("the URL's port %q: want 1 to 65535", p)
		}
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return fleet.Target{}, fmt.Errorf("the URL's host: %w", err)
	}
	addr := addrs[0].Unmap()
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() && !addr.Is4() {
			addr = a
		}
	}
	for _, s := range cfg.Sources {
		if s.Is4() != addr.Is4() {
			return fleet.Target{}, badConfig("source address %s and server address %s are not of one kind", s, addr)
		}
	}

	var nonce [16]byte
	rand.Read(nonce[:]) // which never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	sum := sha1.Sum([]byte(key + acceptGUID))
	t := fleet.Target{Addr: netip.AddrPortFrom(addr, uint16(port)), Accept: base64.StdEncoding.EncodeToString(sum[:]), Protocols: cfg.Protocols}
	h := cfg.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	host := u.Host
	if v := h.Get("Host"); v != "" {
		host = v
		h.Del("Host")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", u.RequestURI(), host)
	for _, own := range [][2]string{ // spelled as in the RFC: not every server folds
		{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Key", key},
		{"Sec-WebSocket-Protocol", strings.Join(cfg.Protocols, ", ")},
	} {
		if h.Get(own[0]) != "" {
			return fleet.Target{}, badConfig("header %s: the generator writes it itself", own[0])
		}
		if own[1] != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", own[0], own[1])
		}
	}
	if err := h.Write(&b); err != nil {
		return fleet.Target{}, err
	}
	b.WriteString("\r\n")
	t.Request = b.Bytes()
	return t, nil
}

// escapeQuery escapes what may not stand in a request and is often written in a URL: a path is escaped by net/url.
func escapeQuery(q string) string {
	var b strings.Builder
	for _, c := range []byte(q) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// acceptGUID is what a server's answer mixes with the request's key (RFC 6455, 1.3).
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// cutEnvelope returns what stands before and behind the message.
func cutEnvelope(envelope string) (prefix, suffix string) {
	prefix, suffix, _ = strings.Cut(envelope, "{}")
	return prefix, suffix
}
