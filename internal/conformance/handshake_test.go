package conformance

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"crier/internal/node"
)

// A visit is a request and what it is answered.
type visit struct {
	name    string
	section string // of RFC 6455, unless it says otherwise
	request string
	status  int
	header  []string // fields of the answer, as "Name: value"; "Name:" for one that must not be there
}

// instead is the RFC's request with one line in place of the one of the same name; lacking puts none there.
func instead(line string) string {
	name, _, _ := strings.Cut(line, ":")
	return replace(name, line+"\r\n")
}

func lacking(name string) string { return replace(name, "") }

// adding is the RFC's request with more lines.
func adding(lines ...string) string {
	return strings.TrimSuffix(request, "\r\n") + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func replace(name, line string) string {
	var b strings.Builder
	for l := range strings.Lines(request) {
		if n, _, ok := strings.Cut(l, ":"); ok && n == name {
			l = line
		}
		b.WriteString(l)
	}
	return b.String()
}

func line(s string) string { return s + request[strings.Index(request, "\r\n"):] }

var (
	opens    = []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "Sec-Websocket-Protocol:", "Sec-Websocket-Extensions:"}
	upgrade  = []string{"Upgrade: websocket", "Sec-Websocket-Version: 13"}
	noFields []string
)

var visits = []visit{
	{"the RFC's own", "1.3", request, 101, opens},
	{"a query", "3", line("GET /chat?room=1 HTTP/1.1"), 101, opens},
	{"a target with scheme and host", "9112 3.2.2", line("GET ws://server.example.com/chat HTTP/1.1"), 101, opens},
	{"names of fields in small letters", "9110 5.1", strings.NewReplacer("Host", "host", "Upgrade:", "upgrade:", "Connection", "connection", "Sec-WebSocket", "sec-websocket").Replace(request), 101, opens},

	{"POST", "4.1", line("POST /chat HTTP/1.1"), 405, []string{"Allow: GET"}},
	{"HEAD", "4.1", line("HEAD /chat HTTP/1.1"), 405, []string{"Allow: GET"}},
	{"a method in small letters", "9110 9.1", line("get /chat HTTP/1.1"), 400, noFields},
	{"HTTP/1.0", "4.1", line("GET /chat HTTP/1.0"), 505, noFields},
	{"HTTP/2.0", "4.1", line("GET /chat HTTP/2.0"), 505, noFields},
	{"another path", "4.2.2", line("GET / HTTP/1.1"), 404, noFields},
	{"a path that is longer", "4.2.2", line("GET /chat/ HTTP/1.1"), 404, noFields},
	{"a fragment", "3", line("GET /chat#top HTTP/1.1"), 400, noFields},
	{"no path", "9112 3.2", line("GET chat HTTP/1.1"), 400, noFields},
	{"a target of 5,000 bytes", "9110 15.5.15", line("GET /" + strings.Repeat("a", 5000) + " HTTP/1.1"), 414, noFields},
	{"a head of 9,000 bytes", "6585 5", adding("X: " + strings.Repeat("a", 9000)), 431, noFields},
	{"101 fields", "6585 5", adding(strings.TrimSuffix(strings.Repeat("X: a\r\n", 101), "\r\n")), 431, noFields},

	{"no Host", "4.2.1, item 2", lacking("Host"), 400, noFields},
	{"Host twice", "9112 3.2", adding("Host: server.example.com"), 400, noFields},
	{"Host empty", "4.2.1, item 2", instead("Host:"), 400, noFields},
	{"no Upgrade", "4.2.1, item 3", lacking("Upgrade"), 426, upgrade},
	{"Upgrade to something else", "4.2.1, item 3", instead("Upgrade: h2c"), 426, upgrade},
	{"Upgrade in capital letters", "4.2.1, item 3", instead("Upgrade: WEBSOCKET"), 101, opens},
	{"Upgrade in a list", "9110 7.8", instead("Upgrade: h2c, WebSocket"), 101, opens},
	{"Upgrade in two lines", "9110 5.3", adding("Upgrade: h2c"), 101, opens},
	{"Upgrade as a part of a word", "4.2.1, item 3", instead("Upgrade: websockets"), 426, upgrade},
	{"no Connection", "4.2.1, item 4", lacking("Connection"), 426, upgrade},
	{"Connection in a list, as Firefox has it", "4.2.1, item 4", instead("Connection: keep-alive, Upgrade"), 101, opens},
	{"Connection in small letters", "4.2.1, item 4", instead("Connection: upgrade"), 101, opens},
	{"Connection without it", "4.2.1, item 4", instead("Connection: keep-alive"), 426, upgrade},
	{"no version", "4.2.1, item 6", lacking("Sec-WebSocket-Version"), 426, upgrade},
	{"version 8", "4.2.2, item 4", instead("Sec-WebSocket-Version: 8"), 426, upgrade},
	{"two versions", "4.2.1, item 6", instead("Sec-WebSocket-Version: 13, 8"), 426, upgrade},
	{"version twice", "4.2.1, item 6", adding("Sec-WebSocket-Version: 13"), 400, noFields},
	{"no key", "4.2.1, item 5", lacking("Sec-WebSocket-Key"), 400, noFields},
	{"a key twice", "11.3.1", adding("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 400, noFields},
	{"a key of 15 bytes", "4.2.1, item 5", instead("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400, noFields},
	{"a key of 17 bytes", "4.2.1, item 5", instead("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQA="), 400, noFields},
	{"a key that is no base64", "4.2.1, item 5", instead("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!=="), 400, noFields},
	{"a key with bits behind its end", "4648 3.5", instead("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), 400, noFields},

	{"a protocol the node has", "1.9", adding("Sec-WebSocket-Protocol: soap, chat.v2, chat.v1"), 101, []string{"Sec-Websocket-Protocol: chat.v2"}},
	{"protocols in two lines", "11.3.4", adding("Sec-WebSocket-Protocol: soap", "Sec-WebSocket-Protocol: chat.v1"), 101, []string{"Sec-Websocket-Protocol: chat.v1"}},
	{"protocols it does not have", "4.2.2, item 5", adding("Sec-WebSocket-Protocol: soap, Chat.V2"), 101, opens},
	{"a protocol that is no token", "4.1, item 10", adding("Sec-WebSocket-Protocol: a b"), 400, noFields},
	{"a protocol twice", "4.1, item 10", adding("Sec-WebSocket-Protocol: a, a"), 400, noFields},
	{"no protocol in the list", "4.1, item 10", adding("Sec-WebSocket-Protocol:"), 400, noFields},
	{"an extension, declined", "9.1", adding("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"), 101, opens},
	{"two extensions, quoted", "9.1", adding(`Sec-WebSocket-Extensions: a; b="c", d`), 101, opens},
	{"an extension without a name", "9.1", adding("Sec-WebSocket-Extensions: ; a=b"), 400, noFields},
	{"an extension's value that is no token", "9.1", adding(`Sec-WebSocket-Extensions: a; b="c d"`), 400, noFields},

	{"the page of another origin", "10.2", adding("Origin: http://elsewhere.example.org"), 403, noFields},
	{"a page of its own", "10.2", adding("Origin: http://server.example.com"), 101, opens},
	{"Origin twice", "6454 7.3", adding("Origin: http://server.example.com", "Origin: http://server.example.com"), 400, noFields},
	{"a body", "9112 6", adding("Content-Length: 5"), 400, noFields},
	{"chunks", "9112 6.1", adding("Transfer-Encoding: chunked"), 400, noFields},
	{"a length of 0", "9112 6", adding("Content-Length: 0"), 101, opens},

	{"a bare line feed", "9112 2.2", strings.Replace(request, "\r\n", "\n", 1), 400, noFields},
	{"bare line feeds", "9112 2.2", strings.ReplaceAll(request, "\r\n", "\n"), 400, noFields},
	{"a bare carriage return", "9112 2.2", adding("X: a\rb"), 400, noFields},
	{"a folded line", "9112 5.2", adding("X: a", " b"), 400, noFields},
	{"a space before the colon", "9112 5.1", adding("X : a"), 400, noFields},
	{"a line without a colon", "9112 5", adding("X"), 400, noFields},
	{"NUL in a value", "9110 5.5", adding("X: a\x00b"), 400, noFields},
	{"an empty line first", "9112 2.2", "\r\n" + request, 400, noFields},
	{"a TLS hello", "9112 3", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, noFields},
	{"the preface of HTTP/2", "9113 3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, noFields},
}

// TestHandshakes: each request, in one segment and byte by byte, gets its answer; a refusal has a text and is the
// end of the connection.
func TestHandshakes(t *testing.T) {
	n := start(t, node.Config{Protocols: []string{"chat.v1", "chat.v2"}})
	for _, v := range visits {
		for how, segment := range map[string]int{"": len(v.request), ", byte by byte": 1} {
			t.Run(v.name+", section "+v.section+how, func(t *testing.T) {
				if err := connect(t, n).visit(v, segment); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestFull: 503 is for those who may come again.
func TestFull(t *testing.T) {
	n := start(t, node.Config{MaxConnections: 1})
	join(t, n)
	v := visit{request: request, status: 503, header: []string{"Retry-After: 5"}}
	if err := connect(t, n).visit(v, len(request)); err != nil {
		t.Error(err)
	}
}

func (p *peer) visit(v visit, segment int) error {
	_ = p.SetDeadline(time.Now().Add(limit))
	// What follows the byte that makes it bad may find the connection gone.
	if err := p.do(step{send: []byte(v.request), segment: segment}); err != nil && v.status == 101 {
		return err
	}
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != v.status {
		body, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("answered %s: %s; want %d", resp.Status, body, v.status)
	}
	for _, f := range v.header {
		name, want, _ := strings.Cut(f, ":")
		if got := resp.Header.Get(name); got != strings.TrimSpace(want) {
			return fmt.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if v.status == 101 {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || strings.Count(string(body), "\n") != 1 || len(body) > 200 {
		return fmt.Errorf("the text is %q, %v; want one short line", body, err)
	}
	if b, err := p.in.ReadByte(); err != io.EOF {
		return fmt.Errorf("behind the answer came %x, %v; want the end", b, err)
	}
	return nil
}
