// Command nbio is the room on github.com/lesismal/nbio: epoll, no goroutine for a connection.
//
// It is set up as its documentation and its author have it:
//   - README, "Different IOMod": IOModNonBlocking, the default, where a poller has all connections. (IOModMixed gives the first
//     10,000 a goroutine each, for speed at low numbers; it is IOModBlocking up to there.) BlockingModAsyncWrite and the like
//     are about those goroutines.
//   - issue 152: a write does not block, so it needs no goroutine; for many connections, several buckets, each with a
//     channel and one goroutine that loops over its connections. Here one bucket for each core.
//   - issue 456: NPoller is best left at its default.
//   - The author's go-websocket-benchmark, frameworks/nbio_nonblocking: ReleaseWebsocketPayload, and no keepalive,
//     which would cut off clients that say nothing for two minutes.
package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"

	"crier/bench/peers/internal/peer"
)

// maxWriteBuffer is how many bytes may wait for a member, beyond what the kernel holds, before nbio closes it. It counts
// bytes, not messages; as many as centrifuge's default.
const maxWriteBuffer = 1 << 20

// events is how many messages, and members that come or go, may wait for a bucket before publishers wait.
const events = 1024

func main() {
	logging.Output = os.Stderr
	logging.SetLevel(logging.LevelWarn)
	r := make(room, runtime.GOMAXPROCS(0))
	for i := range r {
		r[i] = make(bucket, events)
		go r[i].run()
	}
	peer.Main(r.serve)
}

func (r room) serve(ln net.Listener) error {
	upgrader := websocket.NewUpgrader()
	upgrader.KeepaliveTime = 0
	upgrader.MessageLengthLimit = peer.MaxMessage
	upgrader.OnOpen(r.join)
	upgrader.OnMessage(r.publish)
	upgrader.OnClose(r.leave)
	mux := http.NewServeMux()
	mux.HandleFunc(peer.Path, func(w http.ResponseWriter, r *http.Request) {
		_, _ = upgrader.Upgrade(w, r, nil) // on an error the client has been told
	})
	engine := nbhttp.NewEngine(nbhttp.Config{
		Network:                 "tcp",
		Addrs:                   []string{ln.Addr().String()},
		Listen:                  func(string, string) (net.Listener, error) { return ln, nil },
		Handler:                 mux,
		IOMod:                   nbhttp.IOModNonBlocking,
		ReleaseWebsocketPayload: true,
		MaxWriteBufferSize:      maxWriteBuffer,
	})
	if err := engine.Start(); err != nil {
		return err
	}
	select {}
}

// A room is the members in buckets.
type room []bucket

// A bucket is the way to the goroutine that has some of the members. What goes through it keeps its order, so who has joined gets
// what is published later.
type bucket chan event

// An event is a message, or a member that comes or goes.
type event struct {
	kind kind
	conn *websocket.Conn
	typ  websocket.MessageType
	data []byte // shared by all buckets, never changed
}

type kind int

const (
	message kind = iota
	come
	gone
)

var joined atomic.Uint64

func (r room) join(conn *websocket.Conn) {
	b := r[joined.Add(1)%uint64(len(r))]
	conn.SetSession(b)
	b <- event{kind: come, conn: conn}
}

func (r room) leave(conn *websocket.Conn, err error) {
	if errors.Is(err, nbio.ErrOverflow) {
		peer.Removed()
	}
	if b, ok := conn.Session().(bucket); ok {
		b <- event{kind: gone, conn: conn}
	}
}

func (r room) publish(_ *websocket.Conn, typ websocket.MessageType, data []byte) {
	data = bytes.Clone(data) // nbio takes the original back
	for _, b := range r {
		b <- event{kind: message, typ: typ, data: data}
	}
}

func (b bucket) run() {
	members := make(map[*websocket.Conn]struct{})
	for e := range b {
		switch e.kind {
		case come:
			members[e.conn] = struct{}{}
		case gone:
			delete(members, e.conn)
		case message:
			for conn := range members {
				_ = conn.WriteMessage(e.typ, e.data) // an error ends the connection, and leave is called
			}
		}
	}
}
