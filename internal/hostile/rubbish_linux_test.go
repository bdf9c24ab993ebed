package hostile

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"
)

// TestRubbish: whatever comes to the port that is no handshake gets an answer or the end, at once, and is counted.
func TestRubbish(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	binary := make([]byte, 300)
	for i := range binary {
		binary[i] = byte(random.Uint32())
	}
	zeros := make([]byte, 1000)
	// Whatever hangs would be dropped as late only after this test has given up.
	s := serve(t, "--handshake-timeout", "10m")
	b := joinBystanders(t, s)
	m := s.measure(t)
	stop := b.talk(t)
	refused := 0.0
	rubbish := []struct {
		name   string
		bytes  []byte
		answer string // begins with one of these, divided by |
	}{
		{"a TLS hello", tlsHello(t), "HTTP/1.1 400 "},
		{"an HTTP/2 preface", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "HTTP/1.1 505 |HTTP/1.1 400 "},
		{"an HTTP/2 preface and settings", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"), "HTTP/1.1 505 |HTTP/1.1 400 "},
		{"HTTP/1.0", []byte("GET /chat HTTP/1.0\r\n\r\n"), "HTTP/1.1 505 "},
		{"HTTP/0.9", []byte("GET /chat\r\n\r\n"), "HTTP/1.1 400 "},
		{"random bytes", binary, "HTTP/1.1 400 "},
		{"zeros", zeros, "HTTP/1.1 400 "},
		{"an SSH banner", []byte("SSH-2.0-OpenSSH_9.9\r\n"), "HTTP/1.1 400 "},
		{"a PROXY line", []byte("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n" + request), "HTTP/1.1 400 |HTTP/1.1 404 |HTTP/1.1 505 "},
		{"a binary PROXY header", []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\xd2\x00\x50"), "HTTP/1.1 400 "},
		{"an empty line", []byte("\r\n"), "HTTP/1.1 400 "},
		{"an empty line and a request", []byte("\r\n" + request), "HTTP/1.1 400 |HTTP/1.1 101 "},
		{"a line feed", []byte("\n"), "HTTP/1.1 400 "},
		{"lower case", []byte(strings.ToLower(request)), "HTTP/1.1 400 "},
		{"a frame", []byte("\x81\x85\x01\x02\x03\x04hello"), "HTTP/1.1 400 "},
		{"RDP", mustHex(t, "030000130ee000000000000100080003000000"), "HTTP/1.1 400 "},
		{"SMB", mustHex(t, "00000054ff534d4272000000001801280000000000000000000000000000"), "HTTP/1.1 400 "},
		{"Redis", []byte("*1\r\n$4\r\nPING\r\n"), "HTTP/1.1 400 "},
		{"a word without end", bytes.Repeat([]byte("A"), 100), "HTTP/1.1 400 |HTTP/1.1 501 "},
		{"a request line without end", append([]byte("GET /"), bytes.Repeat([]byte("a"), 9<<10)...), "HTTP/1.1 431 |HTTP/1.1 414 "},
		{"headers without end", []byte("GET /chat HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 2000)), "HTTP/1.1 431 "},
	}
	for i, tc := range rubbish {
		t.Run(tc.name, func(t *testing.T) {
			p, err := dial(source(i), s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer p.reset()
			if err := p.write(tc.bytes); err != nil {
				t.Fatal(err)
			}
			answer, err := p.rest()
			if err != nil {
				t.Fatal(err)
			}
			line, _, _ := bytes.Cut(answer, []byte("\r\n"))
			t.Logf("answered %q", line)
			fits := false
			for want := range strings.SplitSeq(tc.answer, "|") {
				fits = fits || bytes.HasPrefix(answer, []byte(want))
			}
			if !fits {
				t.Errorf("want %s", tc.answer)
			}
			refused++
			s.await(t, "it is counted", func(f figures) bool { return f.sum("crier_handshakes_refused_total") == refused })
		})
	}
	// And all of it at once, without reading an answer, over and over.
	waves := 0
	for ; waves < 10 || b.busy(); waves++ {
		attack := gather(t, 10*len(rubbish), func(i int) (peer, error) { return dial(source(i), s.addr) })
		attack.each(t, func(i int, p peer) error { return p.write(rubbish[i%len(rubbish)].bytes) })
		refused += float64(len(attack))
		s.await(t, "all are refused", func(f figures) bool { return f.sum("crier_handshakes_refused_total") == refused })
		attack.reset()
	}
	stop()
	t.Logf("%d kinds of rubbish, %.0f connections in all", len(rubbish), refused)
	// Some of it is 9 KiB of a head, kept as TestHeadsWithoutEnd tells.
	m.end(t, float64(10*len(rubbish)*unopened+2*10*(16+8)<<10))
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tlsHello is what a client that takes the port for one with TLS sends first.
func tlsHello(t *testing.T) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	_ = server.SetDeadline(time.Now().Add(limit))
	done := make(chan error, 1)
	go func() { done <- tls.Client(client, &tls.Config{ServerName: "localhost"}).Handshake() }()
	b := make([]byte, 4<<10)
	n, err := server.Read(b)
	server.Close()
	if err != nil || <-done == nil {
		t.Fatal(errors.Join(err, fmt.Errorf("no hello")))
	}
	return b[:n]
}
