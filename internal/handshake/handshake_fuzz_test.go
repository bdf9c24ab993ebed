package handshake

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requests are such as clients send, each in its manner.
var requests = map[string]string{
	"Chrome": "GET /chat?room=tea HTTP/1.1\r\nHost: chat.example.org\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\n" +
		"Origin: https://chat.example.org\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
		"Cookie: theme=dark; session=0123456789abcdef0123456789abcdef\r\nSec-WebSocket-Key: q4xkcO32u266gldTuKaSOw==\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
	"Firefox": "GET /chat HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept: */*\r\n" +
		"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nSec-WebSocket-Version: 13\r\nOrigin: http://localhost:8080\r\n" +
		"Sec-WebSocket-Protocol: v2.chat, v1.chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
		"Connection: keep-alive, Upgrade\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Site: same-origin\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nUpgrade: websocket\r\n\r\n",
	"Safari": "GET /chat HTTP/1.1\r\nHost: [2001:db8::7]\r\nOrigin: null\r\nUpgrade: websocket\r\nCache-Control: no-cache\r\nPragma: no-cache\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: /////////////////////w==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\nUser-Agent: Mozilla/5.0 (Macintosh) Version/18.0 Safari/605.1.15\r\n\r\n",
	"Node": "GET /chat HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: 127.0.0.1:9000\r\n\r\n",
	"Go": "GET /chat HTTP/1.1\r\nHost: example.org\r\nUser-Agent: Go-http-client/1.1\r\nConnection: Upgrade\r\nSec-Websocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-Websocket-Version: 13\r\nUpgrade: websocket\r\n\r\n",
}

// FuzzHandshake: whatever comes, Scan agrees with the grammar and with itself at
// every cut, and what is accepted means to net/http what it means here.
func FuzzHandshake(f *testing.F) {
	for _, head := range requests {
		f.Add([]byte(head))
	}
	for _, tt := range rules {
		f.Add([]byte(tt.head))
	}
	f.Fuzz(drive)
}

func drive(t *testing.T, b []byte) {
	size, scanErr := scanEverywhere(t, b)
	if _, err := Parse(b); err == nil && scanErr == nil && size == 0 {
		t.Fatalf("%q: parsed, but not whole", b)
	}
	if size == 0 {
		return
	}
	head := b[:size]
	r, err := Parse(head)
	if err != nil || r.body != nil { // what has a body Check refuses
		return
	}
	sameToNetHTTP(t, head, &r)
	if r.Check() != nil {
		return
	}
	for _, protocol := range append(r.Protocols(), "") {
		goodAnswer(t, r.Accept(nil, protocol), r.key, protocol)
	}
	r.Extensions()
}

// scanEverywhere holds Scan to one outcome, from one byte on, for all that begins
// as b does, and that outcome to the grammar.
func scanEverywhere(t *testing.T, b []byte) (size int, err error) {
	t.Helper()
	size, err = Scan(b)
	if m := grammar.FindSubmatch(b[:min(len(b), MaxHead)]); (size > 0) != (m != nil && len(m[1]) <= MaxTarget && bytes.Count(m[2], []byte("\n")) <= MaxFields) {
		t.Fatalf("%q: Scan: %d, %v, the grammar: %q", b, size, err, m)
	} else if m != nil && size > 0 && size != len(m[0]) {
		t.Fatalf("%q: the head has %d bytes, not %d", b, len(m[0]), size)
	}
	if size > 0 && err != nil || size > len(b) {
		t.Fatalf("%q: %d, %v", b, size, err)
	}
	step := 1 + len(b)/700 // or it takes too long
	settled := false
	for n := 0; n <= len(b); n += step {
		s, e := Scan(b[:n:n])
		if settled = settled || s != 0 || e != nil; settled && (s != size || e != err) || s == 0 && size > 0 && n >= size {
			t.Fatalf("%q: %d, %v; but after %d bytes: %d, %v", b, size, err, n, s, e)
		}
	}
	if size == 0 && err == nil && len(b) < MaxHead-50 && !otherVersion.Match(b) && !hasFuture(b) {
		t.Fatalf("%q: waits, but for what?", b)
	}
	return size, err
}

// grammar is RFC 9112, section 2.1, and what it refers to, but for bodies, with the
// methods and the version that are wanted here, and with what browsers leave in a query.
var grammar = func() *regexp.Regexp {
	const path, query = `[A-Za-z0-9\-._~:/\[\]@!$&'()*+,;=%]`, `\?[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%{}|^\\` + "`" + `]*`
	return regexp.MustCompile(`^[A-Z]{1,16} (` + path + `+(?:` + query + `)?|` + query + `) HTTP/1\.1\r\n` +
		`((?:[!#$%&'*+\-.^_` + "`" + `|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*)\r\n`)
}()

// otherVersion is the beginning of a request whose version is not yet known to be malformed.
var otherVersion = regexp.MustCompile(`^[A-Z]+ [^ ]+ HTTP/[0-9]?\.?[0-9]?$`)

// hasFuture reports whether something behind b makes it a whole head.
func hasFuture(b []byte) bool {
	const all = "A / HTTP/1.1\r\n\r\n"
	for i := range len(all) {
		if size, _ := Scan(append(slices.Clip(b), all[i:]...)); size > 0 {
			return true
		}
	}
	size, _ := Scan(append(slices.Clip(b), ":\r\n\r\n"...))
	return size > 0
}

// sameToNetHTTP holds what Parse accepts to what net/http makes of it.
func sameToNetHTTP(t *testing.T, head []byte, r *Request) {
	t.Helper()
	if strings.Contains(r.Host, "%") {
		return // net/url decodes a host, and refuses some that RFC 3986 allows
	}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		t.Fatalf("%q: accepted; net/http: %v", head, err)
	}
	if req.Method != r.Method || req.RequestURI != r.Target || req.Host != r.Host || req.ContentLength != 0 {
		t.Fatalf("%q: %s %s %s; net/http: %s %s %s, %d bytes", head, r.Method, r.Target, r.Host, req.Method, req.RequestURI, req.Host, req.ContentLength)
	}
	if path := req.URL.EscapedPath(); path != r.Path && path != "" && r.Method != http.MethodConnect {
		t.Fatalf("%q: path %s; net/http: %s", head, r.Path, path)
	}
	want := http.Header{}
	for name, value := range r.Fields() {
		want.Add(name, value)
	}
	if !slices.Equal(want["Origin"], req.Header["Origin"]) || want.Get("Origin") != r.Origin {
		t.Fatalf("%q: origin %q; net/http: %q", head, r.Origin, req.Header["Origin"])
	}
	delete(want, "Host") // net/http moves it
	if slices.Equal(want["Pragma"], []string{"no-cache"}) && want["Cache-Control"] == nil {
		want.Set("Cache-Control", "no-cache") // net/http adds it
	}
	if !maps.EqualFunc(want, req.Header, slices.Equal[[]string]) {
		t.Fatalf("%q: fields %q; net/http: %q", head, want, req.Header)
	}
}

// goodAnswer wants the answer to open the WebSocket of the key.
func goodAnswer(t *testing.T, answer []byte, key, protocol string) {
	t.Helper()
	br := bufio.NewReader(bytes.NewReader(answer))
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("%q: %v", answer, err)
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	want := http.Header{
		"Upgrade":              {"websocket"},
		"Connection":           {"Upgrade"},
		"Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(sum[:])},
	}
	if protocol != "" {
		want["Sec-Websocket-Protocol"] = []string{protocol}
	}
	if res.StatusCode != http.StatusSwitchingProtocols || !maps.EqualFunc(res.Header, want, slices.Equal[[]string]) || br.Buffered() > 0 {
		t.Fatalf("%q: want %q", answer, want)
	}
}

func TestRequestsOfClients(t *testing.T) {
	for name, head := range requests {
		if _, size, err := judge(head + "frames"); err != nil || size != len(head) {
			t.Errorf("%s: %d of %d bytes, %v", name, size, len(head), err)
		}
		drive(t, []byte(head))
	}
}
