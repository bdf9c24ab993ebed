// Command gws is the room on github.com/lxzan/gws: one goroutine reads a connection, and another writes while there is
// something to write.
//
// It is set up as the library's README has it:
//   - "Broadcast": one Broadcaster for a message, framed once; it queues the message at each connection and does not wait.
//   - "Best Practice" and "Attention": with net/http the read loop runs in a goroutine of its own, or what net/http keeps for a
//     request could not be collected.
//   - examples/chatroom: the library's own ConcurrentMap for the members.
//
// Two things of "Best Practice" are left out: ParallelEnabled, which handles each message in a goroutine of its own and
// so loses the order of a client's messages, and compression, which no peer has here. The queue of a connection
// has no bound in gws, so this program keeps one.
package main

import (
	"net"
	"net/http"
	"sync/atomic"

	"github.com/lxzan/gws"

	"crier/bench/peers/internal/peer"
)

func main() {
	r := &room{members: gws.NewConcurrentMap[*gws.Conn, *member]()}
	upgrader := gws.NewUpgrader(r, &gws.ServerOption{
		ReadBufferSize:     peer.ReadBuffer,
		ReadMaxPayloadSize: peer.MaxMessage,
	})
	peer.Main(func(ln net.Listener) error {
		return peer.ServeHTTP(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if conn, err := upgrader.Upgrade(w, r); err == nil {
				go conn.ReadLoop()
			}
		}))
	})
}

type room struct {
	gws.BuiltinEventHandler
	members *gws.ConcurrentMap[*gws.Conn, *member]
}

// A member is a connection and how far it is behind. To look each time when a message has been written would cost a second job in
// the connection's queue for every message, so it is done once in a stride.
type member struct {
	conn    *gws.Conn
	queued  atomic.Int64 // messages
	written atomic.Int64 // the same, in whole strides
	stride  func()       // the job that counts a stride
	removed atomic.Bool
}

const stride = 64

func (r *room) OnOpen(conn *gws.Conn) {
	m := &member{conn: conn}
	m.stride = func() { m.written.Add(stride) }
	r.members.Store(conn, m)
}

func (r *room) OnClose(conn *gws.Conn, _ error) { r.members.Delete(conn) }

func (r *room) OnMessage(_ *gws.Conn, message *gws.Message) {
	defer message.Close()
	b := gws.NewBroadcaster(message.Opcode, message.Bytes())
	defer b.Close()
	r.members.Range(func(_ *gws.Conn, m *member) bool {
		m.send(b)
		return true
	})
}

func (m *member) send(b *gws.Broadcaster) {
	if m.removed.Load() {
		return
	}
	_ = b.Broadcast(m.conn) // an error has ended the connection
	n := m.queued.Add(1)
	if n%stride == 0 {
		m.conn.Async(m.stride)
	}
	if n-m.written.Load() >= peer.Queue+stride && m.removed.CompareAndSwap(false, true) {
		m.conn.NetConn().Close() // its writer may be stuck
		peer.Removed()
	}
}
