package rogue

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"crier/internal/frame"
)

// limit bounds what a test waits for.
const limit = 30 * time.Second

// A Server is one room on 127.0.0.1.
type Server struct {
	// Immutable.
	b        Behaviour
	listener net.Listener
	closing  chan struct{} // closed when it stops

	wg sync.WaitGroup // everything that runs

	mu sync.Mutex

	// Guarded by mu.
	counts  Counts
	changed chan struct{} // closed and replaced when counts change
	dead    bool
	conns   map[*net.TCPConn]bool
	numbers int       // given to members
	members []*member // that are in the room, as they joined
	counted int       // deliveries since Fault.At
}

// Start starts a server. It ends with the test.
func Start(t testing.TB, b Behaviour) *Server {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{b: b, listener: listener, closing: make(chan struct{}), changed: make(chan struct{}), conns: make(map[*net.TCPConn]bool)}
	if s.b.Door == nil {
		s.b.Door = welcome
	}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		close(s.closing)
		s.Kill()
		s.wg.Wait()
	})
	return s
}

// URL is where it listens.
func (s *Server) URL() string { return "ws://" + s.listener.Addr().String() + "/chat" }

// Counts tells what it has done so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Await waits until cond holds, and fails the test if that takes too long.
func (s *Server) Await(t testing.TB, what string, cond func(Counts) bool) Counts {
	t.Helper()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		s.mu.Lock()
		counts, changed := s.counts, s.changed
		s.mu.Unlock()
		if cond(counts) {
			return counts
		}
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("not within %v: %s: %+v", limit, what, counts)
		}
	}
}

// Kill ends the server as the end of its process would.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killLocked()
}

func (s *Server) killLocked() {
	s.dead = true
	_ = s.listener.Close() // of no use any more, whatever it says; as all others here
	for c := range s.conns {
		_ = c.Close()
	}
}

// count changes the counts.
func (s *Server) count(change func(*Counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.counts)
	s.tellLocked()
}

func (s *Server) tellLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) accept() {
	for n := 1; ; n++ {
		c, err := s.listener.Accept()
		if err != nil {
			return // it is closed
		}
		conn := c.(*net.TCPConn)
		if s.b.Queue > 0 {
			_ = conn.SetWriteBuffer(32 << 10) // or it would take what nobody reads for long
		}
		s.mu.Lock()
		s.counts.Accepted++
		s.conns[conn] = true
		if s.dead {
			_ = conn.Close()
		}
		s.tellLocked()
		s.mu.Unlock()
		s.wg.Go(func() {
			defer s.forget(conn)
			s.serve(conn, n)
		})
	}
}

func (s *Server) forget(c *net.TCPConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	_ = c.Close()
}

// serve serves connection n, from 1.
func (s *Server) serve(c *net.TCPConn, n int) {
	door := welcome
	if n > s.b.Welcome && (s.b.Refused == 0 || n <= s.b.Welcome+s.b.Refused) {
		if s.b.Slam {
			s.count(func(c *Counts) { c.Refused++ })
			hangUp(c, RST)
			return
		}
		door = s.b.Door
	}
	in := bufio.NewReader(c)
	request, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	sum := sha1.Sum([]byte(request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	var head bytes.Buffer
	then := door(&head, base64.StdEncoding.EncodeToString(sum[:]))
	greeting := []byte(nil)
	if s.b.Greeting != "" && then == Enter {
		greeting = append(frame.AppendHeader(nil, ws.OpText, len(s.b.Greeting)), s.b.Greeting...)
	}
	switch s.b.Head {
	case Bytewise:
		for _, b := range head.Bytes() {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	case WithFrame:
		head.Write(greeting)
		greeting = nil
		fallthrough
	default:
		if _, err := c.Write(head.Bytes()); err != nil {
			return
		}
	}
	switch then {
	case Enter:
		first, _ := in.Peek(in.Buffered()) // which is there
		s.host(c, first, greeting)
		return
	case Drip:
		s.count(func(c *Counts) { c.Refused++ })
		s.drip(c)
		return
	}
	s.count(func(c *Counts) { c.Refused++ })
	if then == Leave {
		hangUp(c, FIN)
	}
	_, _ = io.Copy(io.Discard, c) // until the peer, too, has had enough
}

func (s *Server) drip(c *net.TCPConn) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.closing:
			return
		}
		if _, err := c.Write([]byte{'x'}); err != nil {
			return
		}
	}
}

// host serves a member.
func (s *Server) host(c *net.TCPConn, first, greeting []byte) {
	m := &member{server: s, conn: c, gone: make(chan struct{}), wake: make(chan struct{}, 1), missing: s.b.Miss}
	if greeting != nil {
		m.push(item{raw: greeting})
	}
	s.mu.Lock()
	s.numbers++
	m.number = s.numbers
	if s.b.JoinAfter <= 0 {
		s.enterLocked(m)
	}
	s.mu.Unlock()
	s.wg.Go(m.write)
	if s.b.JoinAfter > 0 {
		s.wg.Go(func() {
			if m.waitUntil(time.Now().Add(s.b.JoinAfter)) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.enterLocked(m)
			}
		})
	}
	if s.b.Ask > 0 {
		s.wg.Go(m.ask)
	}
	m.read(first)
	s.out(m)
	close(m.gone)
}

func (s *Server) enterLocked(m *member) {
	if m.left {
		return
	}
	s.members = append(s.members, m)
	s.counts.Joined++
	s.tellLocked()
}

// outLocked takes m out of the room. What is queued is still written.
func (s *Server) outLocked(m *member) {
	if m.left {
		return
	}
	m.left = true
	if i := slices.Index(s.members, m); i >= 0 {
		s.members = slices.Delete(s.members, i, i+1)
		s.counts.Gone++
	}
	s.tellLocked()
}

func (s *Server) out(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outLocked(m)
}
