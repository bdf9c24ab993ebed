// Command gorilla is Crier's ancestor: a chat hub on github.com/gorilla/websocket, two goroutines a user.
//
// It is set up for many connections as the library's documentation has it:
//   - doc.go, "Buffers": a buffer need not be larger than the messages; a pool of write buffers for a modest number of writes over
//     a large number of connections.
//   - prepared.go: a PreparedMessage is for one payload to many connections, and is framed once.
//   - examples/chat: both pumps run in new goroutines and the HTTP handler returns, so that what net/http keeps for a
//     request (8 KiB of buffers, mostly) can be collected; 256 messages wait for a user, and who has more is removed.
//
// The example's pings and its joining of several messages into one are left out: nobody pings here, and messages stay as they are.
package main

import (
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"

	"crier/bench/peers/internal/peer"
)

func main() {
	h := &hub{
		register:   make(chan *user),
		unregister: make(chan *user),
		broadcast:  make(chan *websocket.PreparedMessage),
	}
	go h.run()
	peer.Main(func(ln net.Listener) error { return peer.ServeHTTP(ln, h) })
}

// A hub hands each message to all users.
type hub struct {
	register, unregister chan *user
	broadcast            chan *websocket.PreparedMessage
}

// A user is a connection and what waits for it. The hub closes messages when the user is out.
type user struct {
	conn     *websocket.Conn
	messages chan *websocket.PreparedMessage
}

func (h *hub) run() {
	users := make(map[*user]struct{})
	remove := func(u *user) {
		delete(users, u)
		close(u.messages)
	}
	for {
		select {
		case u := <-h.register:
			users[u] = struct{}{}
		case u := <-h.unregister:
			if _, ok := users[u]; ok {
				remove(u)
			}
		case m := <-h.broadcast:
			for u := range users {
				select {
				case u.messages <- m:
				default:
					remove(u)
					u.conn.Close() // its writer may be stuck
					peer.Removed()
				}
			}
		}
	}
}

var upgrader = websocket.Upgrader{
	ReadBufferSize:  peer.ReadBuffer,
	WriteBufferSize: peer.ReadBuffer,
	WriteBufferPool: &sync.Pool{},
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // the client has been told
	}
	conn.SetReadLimit(peer.MaxMessage)
	u := &user{conn, make(chan *websocket.PreparedMessage, peer.Queue)}
	h.register <- u
	go u.write()
	go u.read(h)
}

func (u *user) read(h *hub) {
	defer u.conn.Close()
	defer func() { h.unregister <- u }()
	for {
		typ, data, err := u.conn.ReadMessage()
		if err != nil {
			return
		}
		m, err := websocket.NewPreparedMessage(typ, data)
		if err != nil {
			return
		}
		h.broadcast <- m
	}
}

func (u *user) write() {
	defer u.conn.Close()
	for m := range u.messages {
		if u.conn.WritePreparedMessage(m) != nil {
			return
		}
	}
}
