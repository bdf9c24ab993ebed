package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	coder "github.com/coder/websocket"
	"github.com/gobwas/ws"
	gorilla "github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"crier/internal/frame"
	"crier/internal/handshake"
)

// TestPlainRequestsAreAnswered: whatever is no handshake gets an HTTP answer that says why, and the end.
func TestPlainRequestsAreAnswered(t *testing.T) {
	n := start(t, Config{})
	get := func(lines ...string) string {
		return strings.Join(append(lines, "Host: example.org"), "\r\n") + "\r\n\r\n"
	}
	good := upgradeRequest("example.org")
	for name, tc := range map[string]struct {
		request string
		status  int
		header  string // with its value
		denial  Denial
	}{
		"other path":           {get("GET / HTTP/1.1"), 404, "", NotFound},
		"path with a slash":    {get("GET /chat/ HTTP/1.1"), 404, "", NotFound},
		"prefix of the path":   {get("GET /cha HTTP/1.1"), 404, "", NotFound},
		"other path, POST":     {get("POST /x HTTP/1.1"), 404, "", NotFound},
		"POST":                 {get("POST /chat HTTP/1.1", "Content-Length: 0"), 405, "Allow: GET", BadRequest},
		"HEAD":                 {get("HEAD /chat HTTP/1.1"), 405, "Allow: GET", BadRequest},
		"OPTIONS":              {get("OPTIONS /chat HTTP/1.1"), 405, "Allow: GET", BadRequest},
		"plain GET":            {get("GET /chat HTTP/1.1"), 426, "Upgrade: websocket", UpgradeRequired},
		"GET with a query":     {get("GET /chat?a=b HTTP/1.1"), 426, "Sec-Websocket-Version: 13", UpgradeRequired},
		"other protocol":       {strings.Replace(good, "websocket", "h2c", 1), 426, "Upgrade: websocket", UpgradeRequired},
		"other version":        {strings.Replace(good, "Version: 13", "Version: 8", 1), 426, "Sec-Websocket-Version: 13", UpgradeRequired},
		"no key":               {strings.Replace(good, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 1), 400, "", BadRequest},
		"short key":            {strings.Replace(good, "dGhlIHNhbXBsZSBub25jZQ==", "dGhl", 1), 400, "", BadRequest},
		"no host":              {strings.Replace(good, "Host: example.org\r\n", "", 1), 400, "", BadRequest},
		"HTTP/1.0":             {strings.Replace(good, "HTTP/1.1", "HTTP/1.0", 1), 505, "", BadRequest},
		"HTTP/2 preface":       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 505, "", BadRequest},
		"TLS hello":            {"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", 400, "", BadRequest},
		"rubbish":              {"\x00\x01\x02\x03", 400, "", BadRequest},
		"small letters":        {"get /chat HTTP/1.1\r\n\r\n", 400, "", BadRequest},
		"no version":           {"GET /chat\r\n\r\n", 400, "", BadRequest},
		"no request line":      {"\r\n\r\n", 400, "", BadRequest},
		"broken header":        {"GET /chat HTTP/1.1\r\nHost example.org\r\n\r\n", 400, "", BadRequest},
		"head over 8 KiB":      {get("GET /chat HTTP/1.1", "X: "+strings.Repeat("x", 8<<10)), 431, "", BadRequest},
		"endless head":         {"GET /chat HTTP/1.1\r\nX: " + strings.Repeat("x", 8<<10), 431, "", BadRequest},
		"endless target":       {"GET /" + strings.Repeat("x", 8<<10), 414, "", BadRequest},
		"head and a long rest": {get("GET / HTTP/1.1", "Content-Length: 60000") + strings.Repeat("x", 60000), 404, "", NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			sameDescriptors(t)
			before := n.Stats().Denials[tc.denial.String()]
			c := mustConnect(t, n)
			if err := c.write([]byte(tc.request)); err != nil {
				t.Fatal(err)
			}
			resp, body, err := c.answer()
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.status || body == "" && name != "HEAD" {
				t.Errorf("answered %s with text %q, want %d and a text", resp.Status, body, tc.status)
			}
			if k, v, ok := strings.Cut(tc.header, ": "); ok && resp.Header.Get(k) != v {
				t.Errorf("header %s is %q, want %q", k, resp.Header.Get(k), v)
			}
			if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
				t.Errorf("behind the answer came %q, %v; want the end", b, err)
			}
			if now := n.Stats().Denials[tc.denial.String()]; now != before+1 {
				t.Errorf("%d refused as %v, want 1", now-before, tc.denial)
			}
		})
	}
	if s := n.Stats(); s.Opened != 0 {
		t.Errorf("%d of them became members", s.Opened)
	}
	eventually(t, "no socket is left", func() bool { return n.conns.len() == 0 })
}

// TestHeadOfExactlyTheBound is let in.
func TestHeadOfExactlyTheBound(t *testing.T) {
	n := start(t, Config{})
	for size, ok := range map[int]bool{handshake.MaxHead: true, handshake.MaxHead + 1: false} {
		bare := len(upgradeRequest("h", "X: "))
		c := mustConnect(t, n)
		if err := c.write([]byte(upgradeRequest("h", "X: "+strings.Repeat("x", size-bare)))); err != nil {
			t.Fatal(err)
		}
		if err := c.opened(); (err == nil) != ok {
			t.Errorf("a head of %d bytes: %v", size, err)
		}
	}
}

func TestOtherPath(t *testing.T) {
	n := start(t, Config{Path: "/rooms/one"})
	c := mustConnect(t, n)
	if err := c.write([]byte(strings.Replace(upgradeRequest("h"), "/chat", "/rooms/one?token=1", 1))); err != nil {
		t.Fatal(err)
	}
	if err := c.opened(); err != nil {
		t.Error(err)
	}
	if _, err := join(n, 0); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("the default path: %v, want a 404", err)
	}
}

func TestOrigins(t *testing.T) {
	for _, tc := range []struct {
		host, origin string
		allowed      []string
		ok           bool
	}{
		{host: "a.example", ok: true},
		{host: "a.example", origin: "http://a.example", ok: true},
		{host: "A.Example", origin: "http://a.example", ok: true},
		{host: "a.example:80", origin: "http://a.example", ok: true},
		{host: "a.example", origin: "http://a.example:80", ok: true},
		{host: "a.example", origin: "https://a.example", ok: true}, // TLS ends at a proxy
		{host: "a.example:443", origin: "https://a.example", ok: true},
		{host: "a.example:8888", origin: "http://a.example:8888", ok: true},
		{host: "[::1]", origin: "http://[::1]:80", ok: true},
		{host: "[::1]:8888", origin: "http://[::1]:8888", ok: true},
		{host: "a.example", origin: "http://b.example"},
		{host: "a.example", origin: "http://a.example.b.example"},
		{host: "a.example", origin: "http://a.example:8080"},
		{host: "a.example:8888", origin: "http://a.example"},
		{host: "a.example:80", origin: "https://a.example"},
		{host: "a.example", origin: "null"},
		{host: "a.example", origin: "a.example"},
		{host: "a.example", origin: "http://"},
		{host: "a.example", origin: "http://%zz"},
		{host: "a.example", origin: "https://b.example", allowed: []string{"https://b.example"}, ok: true},
		{host: "a.example", origin: "https://B.example", allowed: []string{"https://c.example", "https://b.example"}, ok: true},
		{host: "a.example", origin: "http://b.example", allowed: []string{"https://b.example"}},
		{host: "a.example", origin: "https://b.example:444", allowed: []string{"https://b.example"}},
		{host: "a.example", origin: "http://a.example", allowed: []string{"https://b.example"}, ok: true},
		{host: "a.example", origin: "null", allowed: []string{"*"}, ok: true},
		{host: "a.example", origin: "https://b.example", allowed: []string{"*"}, ok: true},
	} {
		t.Run(fmt.Sprintf("%s from %q %v", tc.host, tc.origin, tc.allowed), func(t *testing.T) {
			n := start(t, Config{Origins: tc.allowed})
			c := mustConnect(t, n)
			var headers []string
			if tc.origin != "" {
				headers = append(headers, "origin: "+tc.origin)
			}
			if err := c.write([]byte(upgradeRequest(tc.host, headers...))); err != nil {
				t.Fatal(err)
			}
			resp, body, err := c.answer()
			if err != nil {
				t.Fatal(err)
			}
			want := map[bool]int{true: 101, false: 403}[tc.ok]
			if resp.StatusCode != want {
				t.Errorf("%s: %s, want %d", resp.Status, body, want)
			}
			eventually(t, "it is counted", func() bool {
				s := n.Stats()
				return s.Opened+s.Denials["origin"] == 1 && (s.Opened == 1) == tc.ok
			})
		})
	}
}

func TestCheckSeesTheRequest(t *testing.T) {
	requests := make(chan *Request, 1)
	n := start(t, Config{Check: func(r *Request) *Refusal {
		requests <- r
		return nil
	}})
	header := http.Header{"X-Token": {"a", "b"}, "User-Agent": {"test"}, "Origin": {"http://" + n.Addr().String()}}
	c, resp, err := gorilla.DefaultDialer.Dial("ws://"+n.Addr().String()+"/chat?room=a%20b&x", header)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	resp.Body.Close()
	r := within(t, requests, "request")
	if r.Method != "GET" || r.Path != "/chat?room=a%20b&x" || r.Addr != c.LocalAddr().String() {
		t.Errorf("%s %s from %s, want GET /chat?room=a%%20b&x from %v", r.Method, r.Path, r.Addr, c.LocalAddr())
	}
	for k, want := range map[string]string{
		"X-Token": "[a b]", "User-Agent": "[test]", "Host": "[" + n.Addr().String() + "]",
		"Origin": "[http://" + n.Addr().String() + "]",
	} {
		if got := fmt.Sprint(r.Header[k]); got != want {
			t.Errorf("header %s: %s, want %s", k, got, want)
		}
	}
}

// TestCheckSeesTheProtocols: a page cannot set headers, so that Sec-WebSocket-Protocol is, beside the query,
// where its token is.
func TestCheckSeesTheProtocols(t *testing.T) {
	requests := make(chan *Request, 1)
	n := start(t, Config{Check: func(r *Request) *Refusal {
		requests <- r
		return nil
	}})
	c := mustConnect(t, n)
	if err := c.write([]byte(upgradeRequest("h", "Sec-WebSocket-Protocol: chat, token.abc"))); err != nil {
		t.Fatal(err)
	}
	if err := c.opened(); err != nil {
		t.Fatal(err)
	}
	if r := within(t, requests, "request"); r.Header.Get("Sec-WebSocket-Protocol") != "chat, token.abc" {
		t.Errorf("headers: %v", r.Header)
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, tc := range []struct {
		refusal Refusal
		status  int
		text    string
	}{
		{Refusal{401, "who are you?"}, 401, "who are you?\n"},
		{Refusal{599, ""}, 599, "\n"},
		{Refusal{Text: "no"}, 403, "no\n"},
		{Refusal{101, "no"}, 403, "no\n"},
		{Refusal{600, "no"}, 403, "no\n"},
		{Refusal{429, "two\r\nlines: \x00 ünd"}, 429, "two  lines:   ünd\n"},
	} {
		t.Run(fmt.Sprintf("%d %q", tc.refusal.Status, tc.refusal.Text), func(t *testing.T) {
			n := start(t, Config{Check: func(*Request) *Refusal { return &tc.refusal }})
			c := mustConnect(t, n)
			if err := c.write([]byte(upgradeRequest("h"))); err != nil {
				t.Fatal(err)
			}
			resp, body, err := c.answer()
			if err != nil || resp.StatusCode != tc.status || body != tc.text {
				t.Errorf("%v %q %v, want %d %q", resp, body, err, tc.status, tc.text)
			}
			eventually(t, "it is counted", func() bool { return n.Stats().Denials["check"] == 1 })
			if s := n.Stats(); s.Opened != 0 {
				t.Errorf("%d opened", s.Opened)
			}
		})
	}
}

// TestEverybodyGetsWhatIsSent: the sender too, with the opcode kept, also when it is empty.
func TestEverybodyGetsWhatIsSent(t *testing.T) {
	n := start(t, Config{})
	var members []talker
	for _, k := range kinds {
		c, err := k.join(n)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		members = append(members, c)
	}
	want := []message{
		{ws.OpText, "hello"}, {ws.OpBinary, "\x00\xff"}, {ws.OpText, ""}, {ws.OpBinary, ""},
		{ws.OpText, "žluťoučký kůň 🐎"}, {ws.OpText, strings.Repeat("x", 125)}, {ws.OpText, strings.Repeat("x", 126)},
		{ws.OpBinary, strings.Repeat("\x80", 65535)}, {ws.OpBinary, strings.Repeat("\x80", 65536)},
	}
	for i, w := range want {
		if err := members[i%len(members)].send(w.op, w.payload); err != nil {
			t.Fatal(err)
		}
		for j, m := range members {
			if got, err := m.next(); err != nil || got != w {
				t.Fatalf("message %d to the %s client: %v, %v; want %v", i, kinds[j].name, got, err, w)
			}
		}
	}
	if s := n.Stats(); s.Received != int64(len(want)) {
		t.Errorf("%d received, want %d", s.Received, len(want))
	}
}

func TestLargestMessage(t *testing.T) {
	for _, most := range []int{1, 125, 1000, 64 << 10, 200 << 10} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			cfg := Config{MaxMessage: most}
			if most == 64<<10 {
				cfg.MaxMessage = 0 // the default
			}
			n := start(t, cfg)
			fits := strings.Repeat("x", most)
			c := mustJoin(t, n)
			if err := c.send(ws.OpBinary, fits); err != nil {
				t.Fatal(err)
			}
			c.wants(t, ws.OpBinary, fits)
			if most > 1 {
				b := append(fragment(ws.OpBinary, false, fits[1:]), fragment(ws.OpContinuation, true, fits[:1])...)
				if err := c.write(b); err != nil {
					t.Fatal(err)
				}
				c.wants(t, ws.OpBinary, fits)
			}

			// The header alone decides.
			header := masked(ws.OpBinary, fits+"x")
			header = header[:len(header)-most-1]
			if err := c.write(header); err != nil {
				t.Fatal(err)
			}
			c.wantsClose(t, ws.StatusMessageTooBig)

			c = mustJoin(t, n)
			if err := c.write(append(fragment(ws.OpBinary, false, fits), fragment(ws.OpContinuation, true, "x")...)); err != nil {
				t.Fatal(err)
			}
			c.wantsClose(t, ws.StatusMessageTooBig)
			if s := n.Stats(); s.Leaves["too_big"] != 2 {
				t.Errorf("left: %v", s.Leaves)
			}
		})
	}
}

// TestTooBigWhileSending: a client that is still sending when it is told gets the close frame, not a reset.
func TestTooBigWhileSending(t *testing.T) {
	n := start(t, Config{MaxMessage: 1000})
	c := mustJoin(t, n)
	sent := make(chan error, 1)
	go func() { sent <- c.send(ws.OpBinary, strings.Repeat("x", 8<<20)) }()
	var ce *closeError
	if _, err := c.next(); !errors.As(err, &ce) || ce.code != ws.StatusMessageTooBig {
		t.Errorf("ended by %v, want 1009", err)
	}
	if err := within(t, sent, "end of sending"); err != nil {
		t.Errorf("sending: %v", err)
	}
}

// inputRead waits until the node has read all that the members have sent.
func inputRead(t *testing.T, n *Node) {
	t.Helper()
	eventually(t, "the node has read everything", func() bool {
		n.Stats() // orders what follows behind the opening of the connections
		n.conns.mu.Lock()
		defer n.conns.mu.Unlock()
		for _, c := range n.conns.conns {
			if waiting, err := unix.IoctlGetInt(c.FD(), unix.TIOCINQ); err == nil && waiting > 0 {
				return false
			}
		}
		return true
	})
}

func TestHandshakeOneByteAtATime(t *testing.T) {
	n := start(t, Config{})
	c := mustConnect(t, n)
	eventually(t, "accepted", func() bool { return n.pool.Len() == 0 && n.conns.len() == 1 })
	for _, b := range []byte(upgradeRequest("h")) {
		if err := c.write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.opened(); err != nil {
		t.Fatal(err)
	}
	if err := c.send(ws.OpText, "hello"); err != nil {
		t.Fatal(err)
	}
	c.wants(t, ws.OpText, "hello")
}

func TestFramesBehindTheHandshake(t *testing.T) {
	n := start(t, Config{})
	c := mustConnect(t, n)
	b := append([]byte(upgradeRequest("h")), masked(ws.OpText, "one")...)
	b = append(b, masked(ws.OpBinary, "two")...)
	b = append(b, masked(ws.OpText, "three")...)
	cut := len(b) - 4
	if err := c.write(b[:cut]); err != nil {
		t.Fatal(err)
	}
	if err := c.opened(); err != nil {
		t.Fatal(err)
	}
	c.wants(t, ws.OpText, "one")
	c.wants(t, ws.OpBinary, "two")
	if err := c.write(b[cut:]); err != nil {
		t.Fatal(err)
	}
	c.wants(t, ws.OpText, "three")
}

// TestCloseBehindTheHandshake: a whole life in one segment.
func TestCloseBehindTheHandshake(t *testing.T) {
	n := start(t, Config{})
	c := mustConnect(t, n)
	b := append([]byte(upgradeRequest("h")), masked(ws.OpText, "one")...)
	b = append(b, masked(ws.OpClose, "\x03\xe8")...)
	if err := c.write(b); err != nil {
		t.Fatal(err)
	}
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := c.opened(); err != nil {
		t.Fatal(err)
	}
	c.wantsClose(t, ws.StatusNormalClosure)
	eventually(t, "it has left", func() bool { return n.Stats().Leaves["peer_closed"] == 1 && n.conns.len() == 0 })
}

func TestFramesCutAnywhere(t *testing.T) {
	n := start(t, Config{ControlRate: -1})
	c := mustJoin(t, n)
	var b []byte
	b = append(b, masked(ws.OpText, "kůň")...)
	b = append(b, fragment(ws.OpBinary, false, "ab")...)
	b = append(b, masked(ws.OpPing, "p")...)
	b = append(b, fragment(ws.OpContinuation, true, "cd")...)
	b = append(b, masked(ws.OpText, strings.Repeat("x", 200))...)
	for cut := range len(b) {
		if err := c.write(b[:cut]); err != nil {
			t.Fatal(err)
		}
		inputRead(t, n)
		if err := c.write(b[cut:]); err != nil {
			t.Fatal(err)
		}
		// The pong waits for no room, so that it may overtake what came before it; but not what came after.
		var got []string
		for len(got) < 4 {
			ev, err := c.event()
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			got = append(got, fmt.Sprint(ev.Kind, " ", string(ev.Payload)))
		}
		at := slices.Index(got, "pong p")
		if at < 0 || at > 1 || !slices.Equal(slices.Delete(got, at, at+1), []string{"message kůň", "message abcd", "message " + strings.Repeat("x", 200)}) {
			t.Fatalf("cut at %d: %q, the pong at %d", cut, got, at)
		}
	}
}

func TestPongs(t *testing.T) {
	n := start(t, Config{})
	c := mustJoin(t, n)
	pong := func(want string) {
		t.Helper()
		ev, err := c.event()
		if err != nil || ev.Kind != frame.Pong || string(ev.Payload) != want {
			t.Fatalf("%v %q, %v; want a pong with %q", ev.Kind, ev.Payload, err, want)
		}
	}
	for _, payload := range []string{"", "a", strings.Repeat("\xff", 125)} {
		if err := c.send(ws.OpPing, payload); err != nil {
			t.Fatal(err)
		}
		pong(payload)
	}
	if err := c.write(fragment(ws.OpText, false, "one ")); err != nil {
		t.Fatal(err)
	}
	if err := c.send(ws.OpPing, "between"); err != nil {
		t.Fatal(err)
	}
	pong("between") // it does not wait for the message
	if err := c.send(ws.OpPong, "unsolicited"); err != nil {
		t.Fatal(err)
	}
	if err := c.write(fragment(ws.OpContinuation, true, "two")); err != nil {
		t.Fatal(err)
	}
	c.wants(t, ws.OpText, "one two")
	if s := n.Stats(); s.DroppedPongs != 0 {
		t.Errorf("%d pongs dropped", s.DroppedPongs)
	}
}

func TestPongsToRealClients(t *testing.T) {
	n := start(t, Config{})
	g, err := joinGorilla(n)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	conn := g.(gorillaClient)
	got := errors.New("pong")
	conn.SetPongHandler(func(data string) error {
		if data != "abc" {
			t.Errorf("pong %q", data)
		}
		return got
	})
	if err := conn.WriteMessage(gorilla.PingMessage, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if _, err := g.next(); !errors.Is(err, got) {
		t.Fatal(err)
	}

	k, err := joinCoder(n)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	go k.next() // reads until the end
	if err := k.(coderClient).Ping(ctx); err != nil {
		t.Error(err)
	}
}

func TestCloseIsEchoed(t *testing.T) {
	n := start(t, Config{})
	for _, code := range []ws.StatusCode{1000, 1001, 1003, 1007, 1011, 3000, 4999} {
		c := mustJoin(t, n)
		if err := c.send(ws.OpClose, string(ws.NewCloseFrameBody(code, "bye"))); err != nil {
			t.Fatal(err)
		}
		c.wantsClose(t, code)
	}
	c := mustJoin(t, n)
	if err := c.send(ws.OpClose, ""); err != nil {
		t.Fatal(err)
	}
	c.wantsClose(t, ws.StatusNoStatusRcvd)

	g, err := joinGorilla(n)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.(gorillaClient).WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(4000, "bye")); err != nil {
		t.Fatal(err)
	}
	if _, err := g.next(); !gorilla.IsCloseError(err, 4000) {
		t.Errorf("gorilla: %v, want its 4000 back", err)
	}

	k, err := joinCoder(n)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.(coderClient).Conn.Close(coder.StatusNormalClosure, "bye"); err != nil {
		t.Errorf("coder: the closing handshake: %v", err)
	}
	eventually(t, "all have left", func() bool { return n.Stats().Leaves["peer_closed"] == 10 && n.Stats().Connections == 0 })
}

func TestBrokenFrames(t *testing.T) {
	n := start(t, Config{})
	want := make(map[string]int64)
	for name, tc := range map[string]struct {
		bytes  string
		code   ws.StatusCode
		reason Reason
	}{
		"not masked":                {"\x81\x02hi", 1002, ProtocolError},
		"reserved bit":              {"\xc1\x80\x00\x00\x00\x00", 1002, ProtocolError},
		"unknown opcode":            {"\x83\x80\x00\x00\x00\x00", 1002, ProtocolError},
		"continuation of nothing":   {string(fragment(ws.OpContinuation, true, "x")), 1002, ProtocolError},
		"a message inside another":  {string(fragment(ws.OpText, false, "x")) + string(masked(ws.OpText, "y")), 1002, ProtocolError},
		"ping in parts":             {"\x09\x80\x00\x00\x00\x00", 1002, ProtocolError},
		"ping too long":             {"\x89\xfe\x00\x7e\x00\x00\x00\x00", 1002, ProtocolError},
		"close with half a code":    {string(masked(ws.OpClose, "\x03")), 1002, ProtocolError},
		"close with a false code":   {string(masked(ws.OpClose, "\x03\xed")), 1002, ProtocolError},
		"length of 2^63":            {"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 1002, ProtocolError},
		"length of 2^62":            {"\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 1009, TooBig},
		"bad UTF-8":                 {string(masked(ws.OpText, "a\xff")), 1007, BadUTF8},
		"bad UTF-8 in a part":       {string(fragment(ws.OpText, false, "a\xed\xa0")), 1007, BadUTF8},
		"half a rune at the end":    {string(masked(ws.OpText, "\xe2\x82")), 1007, BadUTF8},
		"bad UTF-8 in a close text": {string(masked(ws.OpClose, "\x03\xe8\xff")), 1007, BadUTF8},
	} {
		t.Run(name, func(t *testing.T) {
			witness := mustJoin(t, n)
			c := mustJoin(t, n)
			if err := c.write([]byte(tc.bytes)); err != nil {
				t.Fatal(err)
			}
			c.wantsClose(t, tc.code)
			want[tc.reason.String()]++
			if got := n.Stats().Leaves[tc.reason.String()]; got != want[tc.reason.String()] {
				t.Errorf("%d left as %v, want %d", got, tc.reason, want[tc.reason.String()])
			}
			if err := witness.send(ws.OpText, "still here"); err != nil {
				t.Fatal(err)
			}
			witness.wants(t, ws.OpText, "still here")
		})
	}
}

// TestWhatCameBeforeTheMistakeCounts: messages in front of a broken frame, in the same segment, are delivered.
func TestWhatCameBeforeTheMistakeCounts(t *testing.T) {
	n := start(t, Config{})
	witness := mustJoin(t, n)
	c := mustJoin(t, n)
	if err := c.write(append(masked(ws.OpText, "last"), "\x81\x02hi"...)); err != nil {
		t.Fatal(err)
	}
	witness.wants(t, ws.OpText, "last")
	c.wantsClose(t, ws.StatusProtocolError)
}

// TestStartFails: a node that cannot start says so and keeps nothing.
func TestStartFails(t *testing.T) {
	sameDescriptors(t)
	n, err := Start(Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for want, cfg := range map[string]Config{
		"address already in use": {Addr: n.Addr().String()},
		"missing port":           {Addr: "localhost"},
		`path "chat"`:            {Path: "chat"},
		"max message -1":         {MaxMessage: -1},
		"at most 1 GiB":          {MaxMessage: 1<<30 + 1},
		"workers -1":             {Workers: -1},
		"close timeout -1ns":     {CloseTimeout: -1},
		`origin "example.org"`:   {Origins: []string{"example.org"}},
	} {
		if cfg.Addr == "" {
			cfg.Addr = "127.0.0.1:0"
		}
		bad, err := Start(cfg)
		if err == nil {
			bad.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", cfg, err, want)
		}
	}
}

// TestReusePort: two nodes on one address, both served.
func TestReusePort(t *testing.T) {
	one := start(t, Config{ReusePort: true})
	two := start(t, Config{ReusePort: true, Addr: one.Addr().String()})
	for one.Stats().Opened == 0 || two.Stats().Opened == 0 {
		mustJoin(t, one)
		if s := one.Stats().Opened + two.Stats().Opened; s > 200 {
			t.Fatalf("of %d connections all went to one node", s)
		}
	}
}

// TestAnswerComesBeforeEverything: the answer to a handshake and what is published next come in order and whole.
func TestAnswerComesBeforeEverything(t *testing.T) {
	n := start(t, Config{})
	flood := mustJoin(t, n)
	done := make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		b := bytes.Repeat(masked(ws.OpText, "x"), 10)
		for {
			select {
			case <-stop:
				done <- flood.write(masked(ws.OpClose, ""))
				return
			default:
			}
			if err := flood.write(b); err != nil {
				done <- err
				return
			}
			for range 10 {
				if _, err := flood.next(); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	for range 200 {
		c, err := join(n, 0) // fails if anything comes before the answer
		if err != nil {
			t.Fatal(err)
		}
		c.wants(t, ws.OpText, "x")
		c.reset()
	}
	close(stop)
	if err := within(t, done, "end of the flood"); err != nil {
		t.Fatal(err)
	}
}

// arrived reports whether some connection has as many bytes to read.
func arrived(t *testing.T, n *Node, size int) bool {
	t.Helper()
	n.conns.mu.Lock()
	defer n.conns.mu.Unlock()
	for _, c := range n.conns.conns {
		if waiting, err := unix.IoctlGetInt(c.FD(), unix.TIOCINQ); err == nil && waiting >= size {
			return true
		}
	}
	return false
}
