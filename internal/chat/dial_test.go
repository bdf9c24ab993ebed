package chat

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dialText runs a pipe that cannot connect and returns its error's text.
func dialText(t *testing.T, cfg Config) (string, *DialError) {
	t.Helper()
	_, err := runPiped(t, cfg, "a\n")
	var failed *DialError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v", err)
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("not one clean line: %q", err)
	}
	return err.Error(), failed
}

func wantParts(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
}

func TestDialRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	text, failed := dialText(t, Config{URL: address})
	want := "cannot connect to ws://" + address + "/chat: nobody listens at " + address + "; start a node with `crier serve`"
	if text != want {
		t.Errorf("got  %q\nwant %q", text, want)
	}
	if !errors.Is(failed, syscall.ECONNREFUSED) {
		t.Error("the cause is lost")
	}
}

func TestDialAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/403":
			http.Error(w, "origin \x1b[31mnot allowed\nmore", http.StatusForbidden)
		case "/503":
			http.Error(w, "full", http.StatusServiceUnavailable)
		case "/200":
		case "/101":
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(http.StatusSwitchingProtocols)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for _, test := range []struct {
		path   string
		status int
		parts  []string
	}{
		{"/404", 404, []string{"the server answered 404 Not Found", "404 page not found", "path /404", "/chat"}},
		{"/403", 403, []string{"403 Forbidden", `origin \x1b[31mnot allowed;`, "origin?"}},
		{"/503", 503, []string{"503 Service Unavailable: full", "later"}},
		{"/200", 200, []string{"200 OK", "101"}},
		{"/101", 0, []string{"handshake wrong", "Sec-WebSocket-Accept"}},
	} {
		t.Run(test.path, func(t *testing.T) {
			text, failed := dialText(t, Config{URL: server.URL + test.path})
			wantParts(t, text, test.parts...)
			if failed.Status != test.status {
				t.Errorf("status %d", failed.Status)
			}
		})
	}
}

func TestDialTLS(t *testing.T) {
	plain := startNode(t)
	text, _ := dialText(t, Config{URL: "wss://" + plain.address})
	wantParts(t, text, "does not speak TLS; try ws://")

	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	text, _ = dialText(t, Config{URL: "ws://" + server.Listener.Addr().String()})
	wantParts(t, text, "400", "try wss://")
	text, failed := dialText(t, Config{URL: server.URL})
	wantParts(t, text, "certificate is not accepted", "unknown authority")
	var cert *tls.CertificateVerificationError
	if !errors.As(failed, &cert) {
		t.Error("the cause is lost")
	}
}

// listenRaw answers every connection with text, then hangs up if told to.
func listenRaw(t *testing.T, answer string, hangUp bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte(answer))
			if hangUp {
				_ = c.Close()
			}
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func TestDialStrangeServers(t *testing.T) {
	text, _ := dialText(t, Config{URL: listenRaw(t, "", true)})
	wantParts(t, text, "hung up without an answer")
	text, _ = dialText(t, Config{URL: listenRaw(t, "SSH-2.0-\x1b\r\n", true)})
	wantParts(t, text, "does not speak HTTP")
	text, _ = dialText(t, Config{URL: listenRaw(t, "", false), DialTimeout: 50 * time.Millisecond})
	wantParts(t, text, "no answer from 127.0.0.1:", "within 50ms")
}

func TestExplainNames(t *testing.T) {
	u, err := parseTarget("no.such.host:1")
	if err != nil {
		t.Fatal(err)
	}
	e := explain(u, time.Second, nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "no.such.host", IsNotFound: true}})
	wantParts(t, e.Error(), `cannot connect to ws://no.such.host:1/chat: there is no host named "no.such.host"`)
}

func TestParseTarget(t *testing.T) {
	for in, want := range map[string]string{
		DefaultURL:               "ws://127.0.0.1:8888/chat",
		"localhost":              "ws://localhost:8888/chat",
		"localhost:99":           "ws://localhost:99/chat",
		":99":                    "ws://127.0.0.1:99/chat",
		"[::1]":                  "ws://[::1]:8888/chat",
		"[::1]:99":               "ws://[::1]:99/chat",
		"host:99/room?x=1":       "ws://host:99/room?x=1",
		"http://host":            "ws://host/chat",
		"http://host:99/":        "ws://host:99/chat",
		"https://host/x":         "wss://host/x",
		"WSS://host":             "wss://host/chat",
		"ws://host/":             "ws://host/",
		"ws://user:secret@host/": "ws://user:xxxxx@host/",
	} {
		u, err := parseTarget(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if u.Redacted() != want {
			t.Errorf("%s: got %s, want %s", in, u.Redacted(), want)
		}
	}
	for _, in := range []string{"", "ftp://host", "ws://", "host:0", "host:99999", "host:port", "::1", "a b", "ws://host/#x", "ws://:99", "\x1b"} {
		u, err := parseTarget(in)
		if !errors.Is(err, ErrURL) {
			t.Errorf("%q: got %v, %v", in, u, err)
		} else if strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: not one clean line: %q", in, err)
		}
	}
}
