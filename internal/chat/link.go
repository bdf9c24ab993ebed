package chat

import (
	"bytes"
	"context"
	"net"
	"time"

	"github.com/coder/websocket"
)

// A link is one open WebSocket connection. One goroutine may read and
// another one write; close and abort may come from anywhere.
//
// Neither reads nor writes have a context: one that ends in the middle of
// them would cut the connection without the close handshake. What blocks is
// freed by close and abort.
type link struct {
	ws           *websocket.Conn
	raw          net.Conn
	closeTimeout time.Duration
}

// read replaces what is in buf by the next message.
func (l *link) read(buf *bytes.Buffer) (websocket.MessageType, error) {
	kind, r, err := l.ws.Reader(context.Background())
	if err != nil {
		return 0, err
	}
	buf.Reset()
	_, err = buf.ReadFrom(r)
	return kind, err
}

// write sends one text message. After an error the server cannot have all of it.
func (l *link) write(text []byte) error {
	return l.ws.Write(context.Background(), websocket.MessageText, text)
}

// close says goodbye with 1000 and waits for the answer, within closeTimeout.
func (l *link) close() {
	timer := time.AfterFunc(l.closeTimeout, l.abort)
	defer timer.Stop()
	_ = l.ws.Close(websocket.StatusNormalClosure, "") // a peer that does not answer changes nothing
}

// abort frees whatever is blocked on the connection.
func (l *link) abort() {
	_ = l.raw.Close()
}
