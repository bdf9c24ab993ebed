package fleet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A Target is what all clients of a fleet connect to, and what they ask for. It is immutable.
type Target struct {
	Addr      netip.AddrPort
	Request   []byte   // the whole request of a handshake
	Accept    string   // the Sec-WebSocket-Accept that answers the request's key
	Protocols []string // subprotocols that the request offers
}

// maxHead bounds the head of a server's answer in bytes.
const maxHead = 64 << 10

var (
	errHead    = fmt.Errorf("the head of the server's answer is over %d bytes", maxHead)
	errNotHTTP = errors.New("what answers is no HTTP server")
)

// answered looks at what has come of the answer to the handshake (RFC 6455, 4.1). It returns what is behind its head, and whether
// that is complete. An error says why the answer is no WebSocket.
func (t *Target) answered(b []byte) (rest []byte, complete bool, err error) {
	if n := min(len(b), 5); string(b[:n]) != "HTTP/"[:n] {
		return nil, false, errNotHTTP
	}
	end := bytes.Index(b, []byte("\r\n\r\n"))
	switch {
	case end > maxHead || end < 0 && len(b) > maxHead:
		return nil, false, errHead
	case end < 0:
		return nil, false, nil
	}
	rest = b[end+4:]
	resp, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(b), 512), nil)
	if err != nil {
		return nil, false, errNotHTTP
	}
	return rest, true, t.check(resp, rest)
}

func (t *Target) check(resp *http.Response, rest []byte) error {
	if resp.StatusCode != http.StatusSwitchingProtocols {
		why := resp.Status
		switch location := resp.Header.Get("Location"); {
		case location != "":
			why += ", see " + location
		default:
			// The body's first line, as far as it has come, often says more.
			body, _ := io.ReadAll(io.LimitReader(bytes.NewReader(rest), 200))
			line, _, _ := strings.Cut(string(body), "\n")
			if line = strings.TrimSpace(line); line != "" && isPrintable(line) && resp.TransferEncoding == nil && !strings.HasPrefix(line, "<") {
				why += ": " + line
			}
		}
		if resp.StatusCode < 300 {
			return fmt.Errorf("there is a page, no WebSocket: %s", why)
		}
		return fmt.Errorf("the server refused: %s", why)
	}
	h := resp.Header
	switch {
	case !strings.EqualFold(h.Get("Upgrade"), "websocket"):
		return fmt.Errorf("the server's 101 has Upgrade %q, not websocket", h.Get("Upgrade"))
	case !hasToken(h.Values("Connection"), "upgrade"):
		return fmt.Errorf("the server's 101 has Connection %q, not Upgrade", h.Get("Connection"))
	case h.Get("Sec-WebSocket-Accept") != t.Accept:
		return errors.New("the server's 101 has a wrong Sec-WebSocket-Accept")
	case h.Get("Sec-WebSocket-Extensions") != "":
		return errors.New("the server's 101 has an extension that was not offered")
	}
	if p := h.Get("Sec-WebSocket-Protocol"); p != "" && !slices.Contains(t.Protocols, p) {
		return fmt.Errorf("the server's 101 has the subprotocol %q, which was not offered", p)
	}
	return nil
}

func hasToken(values []string, token string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

func isPrintable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0
}
