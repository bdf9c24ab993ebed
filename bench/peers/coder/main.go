// Command coder is the room on github.com/coder/websocket: two goroutines a connection.
//
// It follows the library's chat example (internal/examples/chat): each subscriber has a bounded queue, a publish never
// blocks, and who cannot keep up is closed with a policy violation. A subscriber is in before its handshake is answered, so
// it misses nothing. There is no compression, the library's default. It differs in four things:
//   - The queue has room for 256 messages, not 16: a comparison sends 16 back to back.
//   - Clients publish over the same connection, so a goroutine reads it where the example has CloseRead.
//   - A write has no deadline, which would cost a timer each: a full queue ends a stuck one.
//   - The HTTP handler returns, so that what net/http keeps for a request can be collected; the read and write buffers of
//     net/http stay in use, which this library does not let one change.
package main

import (
	"context"
	"net"
	"net/http"
	"sync"

	"github.com/coder/websocket"

	"crier/bench/peers/internal/peer"
)

func main() {
	r := &room{subscribers: make(map[*subscriber]struct{})}
	peer.Main(func(ln net.Listener) error { return peer.ServeHTTP(ln, r) })
}

type room struct {
	mu          sync.Mutex
	subscribers map[*subscriber]struct{} // guarded by mu
}

type message struct {
	typ  websocket.MessageType
	data []byte
}

type subscriber struct {
	messages chan *message
	conn     *websocket.Conn // guarded by room.mu; nil before the handshake is answered
}

func (r *room) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s := &subscriber{messages: make(chan *message, peer.Queue)}
	r.mu.Lock()
	r.subscribers[s] = struct{}{}
	r.mu.Unlock()
	conn, err := websocket.Accept(w, req, nil)
	if err != nil {
		r.remove(s)
		return
	}
	conn.SetReadLimit(peer.MaxMessage)
	r.mu.Lock()
	s.conn = conn
	_, in := r.subscribers[s]
	r.mu.Unlock()
	if !in { // its queue has filled up meanwhile
		conn.CloseNow()
		return
	}
	go r.read(s, conn)
	go s.write(conn)
}

func (r *room) read(s *subscriber, conn *websocket.Conn) {
	defer conn.CloseNow()
	defer r.remove(s)
	for {
		typ, data, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		r.publish(&message{typ, data})
	}
}

func (s *subscriber) write(conn *websocket.Conn) {
	defer conn.CloseNow()
	for m := range s.messages {
		if conn.Write(context.Background(), m.typ, m.data) != nil {
			return
		}
	}
}

func (r *room) publish(m *message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.subscribers {
		select {
		case s.messages <- m:
		default:
			r.removeLocked(s)
			peer.Removed()
			if s.conn != nil {
				go s.conn.Close(websocket.StatusPolicyViolation, "too slow to keep up with messages")
			}
		}
	}
}

func (r *room) remove(s *subscriber) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.removeLocked(s)
}

// removeLocked takes s out and ends its writer, once.
func (r *room) removeLocked(s *subscriber) {
	if _, in := r.subscribers[s]; in {
		delete(r.subscribers, s)
		close(s.messages)
	}
}
