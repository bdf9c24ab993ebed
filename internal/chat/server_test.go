package chat

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A testNode sends what anyone says to everyone, in one order.
type testNode struct {
	t       *testing.T
	address string
	http    *http.Server
	served  chan struct{}

	joined chan *websocket.Conn
	heard  chan string // what clients said; a full channel drops
	closes chan int    // the close codes that clients sent, or -1

	mu sync.Mutex

	// Guarded by mu.
	members map[*websocket.Conn]bool
	onSay   func(from *websocket.Conn, text string) (swallow bool)
	refuse  int // an HTTP status in place of 101
}

func startNode(t *testing.T) *testNode { return startNodeAt(t, "127.0.0.1:0") }

func startNodeAt(t *testing.T, address string) *testNode {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	n := &testNode{
		t:       t,
		address: l.Addr().String(),
		served:  make(chan struct{}),
		joined:  make(chan *websocket.Conn, 100),
		heard:   make(chan string, 1000),
		closes:  make(chan int, 100),
		members: make(map[*websocket.Conn]bool),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/chat", n.chat)
	n.http = &http.Server{Handler: mux}
	go func() {
		defer close(n.served)
		_ = n.http.Serve(l)
	}()
	t.Cleanup(n.stop)
	return n
}

func (n *testNode) url() string { return "ws://" + n.address + "/chat" }

// stop cuts all connections and frees the port.
func (n *testNode) stop() {
	_ = n.http.Close()
	<-n.served
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.members {
		_ = c.Close()
	}
}

func (n *testNode) chat(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	refuse := n.refuse
	n.mu.Unlock()
	if refuse != 0 {
		http.Error(w, "the door is shut\nsecond line", refuse)
		return
	}
	up := websocket.Upgrader{}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	n.mu.Lock()
	n.members[c] = true
	n.mu.Unlock()
	n.joined <- c
	for {
		kind, data, err := c.ReadMessage()
		if err != nil {
			code := -1
			var frame *websocket.CloseError
			if errors.As(err, &frame) {
				code = frame.Code
			}
			n.mu.Lock()
			delete(n.members, c)
			n.mu.Unlock()
			n.closes <- code
			return
		}
		select {
		case n.heard <- string(data):
		default:
		}
		n.mu.Lock()
		if n.onSay == nil || !n.onSay(c, string(data)) {
			n.tellLocked(kind, data)
		}
		n.mu.Unlock()
	}
}

// say sends everyone a message.
func (n *testNode) say(kind int, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.tellLocked(kind, []byte(text))
}

func (n *testNode) tellLocked(kind int, data []byte) {
	for c := range n.members {
		_ = c.WriteMessage(kind, data)
	}
}

// part closes everyone's connection with a close frame.
func (n *testNode) part(code int, reason string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.members {
		n.partOneLocked(c, code, reason)
	}
}

func (n *testNode) partOneLocked(c *websocket.Conn, code int, reason string) {
	_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(limit))
}

func (n *testNode) set(change func(*testNode)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(n)
}
