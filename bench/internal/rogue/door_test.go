package rogue

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// knock sends a request, and returns what comes of it: a head in full, or what is wrong.
func knock(t *testing.T, s *Server) (head string, err error) {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.listener.Addr().String())
	if err != nil {
		return "", err
	}
	defer c.Close()
	// It may be reset at any time, while it connects, too.
	_, _ = io.WriteString(c, "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String(), err
		}
		if b.Len() > 1<<20 {
			t.Fatal("it does not end")
		}
	}
}

func TestDoors(t *testing.T) {
	const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	for _, tt := range []struct {
		name      string
		door      Door
		want, not string // in the head
		err       error
		in        bool
	}{
		{"welcome", nil, accept, "", nil, true},
		{"odd", OddHead, "sec-websocket-accept:   s3pPLMBiTxaQ9kYGzzhZRbK+xOo=  \r\n", "", nil, true},
		{"wrong accept", WrongAccept, "101 Switching", "s3pPLM", nil, true},
		{"no accept", NoAccept, "101 Switching", "Accept", nil, true},
		{"no upgrade", NoUpgrade, accept, "Upgrade:", nil, true},
		{"long", LongHead, "xxxx", "", nil, true},
		{"subprotocol", Subprotocol("chat"), "Sec-WebSocket-Protocol: chat\r\n", "", nil, true},
		{"extension", Extension("permessage-deflate"), "Sec-WebSocket-Extensions: permessage-deflate\r\n", "", nil, true},
		{"503", Unavailable, "503 Service Unavailable\r\n", "101", nil, false},
		{"429", TooMany, "429 Too Many Requests\r\n", "101", nil, false},
		{"404", NotFound, "404 Not Found\r\n", "101", nil, false},
		{"200", Page, "200 OK\r\n", "101", nil, false},
		{"301", Moved, "Location: ws://", "101", nil, false},
		{"no HTTP", NotHTTP, "SSH-2.0", "HTTP", nil, false},
		{"hang up", HangUp, "", "HTTP", io.EOF, false},
		{"half a head", HalfHead, "Upgr", "Upgrade", io.EOF, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, Behaviour{Door: tt.door})
			head, err := knock(t, s)
			if !strings.Contains(head, tt.want) || tt.not != "" && strings.Contains(head, tt.not) || !errors.Is(err, tt.err) {
				t.Errorf("got %.300q, %v", head, err)
			}
			c := s.Await(t, "it counts", func(c Counts) bool { return c.Joined+c.Refused == 1 })
			if (c.Joined == 1) != tt.in {
				t.Errorf("%+v", c)
			}
		})
	}
	if head, err := knock(t, Start(t, Behaviour{Door: LongHead})); len(head) <= 64<<10 || err != nil {
		t.Errorf("a head of %d bytes, %v", len(head), err)
	}
}

// TestWelcome: some are let in, some refused, then all are let in again.
func TestWelcome(t *testing.T) {
	s := Start(t, Behaviour{Welcome: 2, Door: Unavailable, Refused: 3})
	for i, want := range []string{"101", "101", "503", "503", "503", "101", "101"} {
		if head, err := knock(t, s); !strings.HasPrefix(head, "HTTP/1.1 "+want) || err != nil {
			t.Errorf("connection %d was answered %q, %v, want %s", i+1, head, err, want)
		}
	}
}

func TestSlam(t *testing.T) {
	if head, err := knock(t, Start(t, Behaviour{Slam: true})); head != "" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %q, %v, want a reset", head, err)
	}
}

// TestNoEnd: answers that never are complete.
func TestNoEnd(t *testing.T) {
	for name, door := range map[string]Door{"silence": Silence, "binary": Binary, "dripping": Dripping} {
		s := Start(t, Behaviour{Door: door})
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		s.Await(t, "it was answered", func(c Counts) bool { return c.Refused == 1 })
		buf := make([]byte, 1)
		if name == "dripping" {
			for range 200 {
				if _, err := c.Read(buf); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		// It has not ended its side: there is nothing to read, or not more than what it says.
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(c)
		if want := map[string]int{"silence": 0, "binary": 256}[name]; err != nil || len(rest) != want {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(rest), err, want)
		}
	}
}

// TestOthersRefuse: clients that know the protocol well see through the false doors.
func TestOthersRefuse(t *testing.T) {
	for name, door := range map[string]Door{"accept": WrongAccept, "no accept": NoAccept, "upgrade": NoUpgrade, "subprotocol": Subprotocol("x")} {
		conn, _, _, err := ws.Dial(context.Background(), Start(t, Behaviour{Door: door}).URL())
		if err == nil {
			conn.Close()
			t.Errorf("%s: let in", name)
		}
	}
	resp, err := http.Get("http" + strings.TrimPrefix(Start(t, Behaviour{Door: Unavailable}).URL(), "ws"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if err != nil || resp.StatusCode != 503 || string(body) != "the house is full\nsecond line\n" {
		t.Errorf("%v %q %v", resp.Status, body, err)
	}
}
