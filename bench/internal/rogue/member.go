package rogue

import (
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"crier/internal/frame"
)

// A member is one connection that has got its 101.
type member struct {
	// Immutable.
	server *Server
	conn   *net.TCPConn
	number int
	gone   chan struct{} // closed when it ends

	// Guarded by server.mu.
	left    bool      // it is not in the room any more
	stalled bool      // it gets nothing any more
	held    *message  // swapped: to come behind the next one
	after   time.Time // nothing is written before that
	missing int       // messages that it gets nothing of
	asked   bool      // and has not answered

	mu    sync.Mutex
	queue []item        // guarded by mu
	last  bool          // guarded by mu; the end is in the queue
	wake  chan struct{} // has room for one
}

// An item is something to write: a message, or bytes as they are, or the end. Before due it waits, and what is behind it, too.
type item struct {
	message
	raw []byte
	end Act
	due time.Time
}

func (i *item) plain() bool { return i.raw == nil && i.end == Nothing }

// push appends to the queue, and reports whether it had room. Behind an end nothing is appended.
func (m *member) push(i item) bool {
	m.mu.Lock()
	if m.last {
		m.mu.Unlock()
		return true
	}
	full := m.server.b.Queue > 0 && len(m.queue) >= m.server.b.Queue
	if full {
		// What waits is dropped: with a close frame this is the last thing that the member gets.
		i = item{end: m.server.b.Full}
		if i.end == Close {
			i = item{raw: frame.AppendClose(nil, ws.StatusPolicyViolation, "too slow"), end: FIN}
		}
		m.queue = m.queue[:0]
	}
	m.queue = append(m.queue, i)
	m.last = i.end != Nothing
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return !full
}

// next waits for the front of the queue: one item, or several messages that go into one frame.
func (m *member) next() (items []item, ok bool) {
	if !m.await(1, nil) {
		return nil, false
	}
	if n := m.server.b.Wire.Gather; n > 1 {
		enough := time.NewTimer(5 * time.Millisecond)
		defer enough.Stop()
		if !m.await(n, enough.C) {
			return nil, false
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := max(1, min(m.runLocked(), m.server.b.Wire.Gather))
	items = slices.Clone(m.queue[:n])
	m.queue = slices.Delete(m.queue, 0, n)
	return items, true
}

// await waits until there is something to write, and n messages if nothing else comes between, for as long as enough is silent.
// It reports false if the member is gone.
func (m *member) await(n int, enough <-chan time.Time) bool {
	for {
		m.mu.Lock()
		run, all := m.runLocked(), len(m.queue)
		m.mu.Unlock()
		if run >= n || run < all {
			return true
		}
		select {
		case <-m.wake:
		case <-enough:
			return true
		case <-m.gone:
			return false
		}
	}
}

// runLocked returns how many messages at the front of the queue may share a frame.
func (m *member) runLocked() int {
	for i := range m.queue {
		if !m.queue[i].plain() || m.queue[i].op != m.queue[0].op {
			return i
		}
	}
	return len(m.queue)
}

// write writes the queue until the member is gone or the connection has ended.
func (m *member) write() {
	w := &m.server.b.Wire
	cuts := rand.New(rand.NewPCG(uint64(m.number), 0))
	for {
		items, ok := m.next()
		if !ok || !m.waitUntil(items[0].due) {
			return
		}
		b, pings := items[0].raw, 0
		if items[0].plain() {
			payload := items[0].payload
			for _, i := range items[1:] {
				payload = append(append(payload[:len(payload):len(payload)], '\n'), i.payload...)
			}
			b, pings = w.appendMessage(nil, items[0].op, payload)
		}
		m.server.count(func(c *Counts) {
			c.Pings += pings
			if len(items) > 1 {
				c.Gathered++
			}
		})
		if err := w.write(m.conn, cuts, b); err != nil {
			return // its reader will know, too
		}
		if end := items[0].end; end != Nothing {
			hangUp(m.conn, end)
			return
		}
	}
}

func (m *member) waitUntil(due time.Time) bool {
	d := time.Until(due)
	if due.IsZero() || d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-m.gone:
		return false
	}
}

// hangUp ends what is written. Of a FIN the other direction stays open: a full close would become a reset if there was
// something to read.
func hangUp(c *net.TCPConn, how Act) {
	if how == RST {
		_ = c.SetLinger(0) // fails if it is closed, as all that follow
		_ = c.Close()
		return
	}
	_ = c.CloseWrite()
}

// read hears what the member says, until it ends. first is what came behind the request.
func (m *member) read(first []byte) {
	cfg := &frame.Config{MaxMessage: 16 << 20}
	var d frame.Decoder
	buf := make([]byte, 32<<10)
	sent := 0
	for p := first; ; {
		for len(p) > 0 {
			ev, rest, err := d.Next(p, cfg)
			if err != nil {
				return
			}
			p = rest
			switch ev.Kind {
			case frame.Message:
				m.server.hear(m, message{ev.Op, slices.Clone(ev.Payload)})
				if sent++; sent == m.server.b.DeafAt && !m.rest(m.server.b.DeafFor) {
					return
				}
			case frame.Ping:
				m.push(item{raw: append(frame.AppendHeader(nil, ws.OpPong, len(ev.Payload)), ev.Payload...)})
			case frame.Pong:
				m.server.count(func(c *Counts) { c.Pongs++ })
			case frame.Close:
				m.push(item{raw: frame.AppendClose(nil, ev.Code, ""), end: FIN})
				m.server.out(m)
				_, _ = io.Copy(io.Discard, m.conn) // until it has ended its side
				return
			}
		}
		n, err := m.conn.Read(buf)
		if err != nil {
			return
		}
		p = buf[:n]
	}
}

// rest waits for d, or for good, until the server ends.
func (m *member) rest(d time.Duration) bool {
	var over <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-over:
		return true
	case <-m.gone:
	case <-m.server.closing:
	}
	return false
}

// ask asks the member again and again whether it is there, until it does not answer.
func (m *member) ask() {
	tick := time.NewTicker(m.server.b.Ask)
	defer tick.Stop()
	for m.askOnce() {
		select {
		case <-tick.C:
		case <-m.gone:
			return
		}
	}
}

func (m *member) askOnce() bool {
	s := m.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.asked {
		s.counts.Removed++
		s.endLocked(m, item{end: FIN})
		return false
	}
	m.asked = true
	s.counts.Asked++
	s.tellLocked()
	m.push(item{raw: append(frame.AppendHeader(nil, ws.OpText, 4), "ping"...)})
	return true
}
