package hostile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// TestAnnouncedLengths: what is only announced is refused from the header alone, and no memory is taken for it.
func TestAnnouncedLengths(t *testing.T) {
	const count, maxMessage = 1_000, 100_000
	s := serve(t, "--max-message", fmt.Sprint(maxMessage))
	b := joinBystanders(t, s)
	m := s.measure(t)
	lies := []struct {
		header []byte
		code   ws.StatusCode
	}{
		{announce(1 << 62), ws.StatusMessageTooBig},
		{announce(1<<63 - 1), ws.StatusMessageTooBig},
		{announce(maxMessage + 1), ws.StatusMessageTooBig},
		{announce(1 << 63), ws.StatusProtocolError},
		{announce(1<<64 - 1), ws.StatusProtocolError},
	}
	waves := b.endure(t, func() {
		attack := members(t, s, count)
		attack.each(t, func(i int, p peer) error { return p.write(lies[i%len(lies)].header) })
		attack.each(t, func(i int, p peer) error { return p.closedWith(lies[i%len(lies)].code) })
		attack.reset()
	})
	s.await(t, "all are counted", func(f figures) bool {
		return f[leaves("too_big")] == float64(waves*count*3/5) && f[leaves("protocol_error")] == float64(waves*count*2/5)
	})
	// All at once, and those of the wave before as garbage.
	m.end(t, 2*count*unopened)
}

// TestFragmentsWithoutEnd: a message of ever more fragments is closed with 1009 when it is too big.
func TestFragmentsWithoutEnd(t *testing.T) {
	const count, maxMessage = 100, 16 << 10
	s := serve(t, "--max-message", fmt.Sprint(maxMessage))
	b := joinBystanders(t, s)
	m := s.measure(t)
	crumbs := append(fragment(ws.OpBinary, false, "x"), bytes.Repeat(fragment(ws.OpContinuation, false, "x"), maxMessage)...)
	waves := b.endure(t, func() {
		attack := members(t, s, count)
		attack.each(t, func(_ int, p peer) error { return p.write(crumbs) })
		attack.each(t, func(_ int, p peer) error { return p.closedWith(ws.StatusMessageTooBig) })
		attack.reset()
	})
	s.await(t, "all are counted", func(f figures) bool { return f[leaves("too_big")] == float64(waves*count) })
	// A buffer of the size of the largest message, and as much in those that it has grown out of.
	m.end(t, 2*count*(unopened+2*maxMessage))
}

// TestWithoutEnd: whoever sends ever more of what costs the node and is worth nothing is closed with 1008.
func TestWithoutEnd(t *testing.T) {
	const count, frames, bytesMax = 20, 20_000, 1 << 20
	for _, tc := range []struct {
		name, reason string
		flags        []string
		first, next  []byte
	}{
		{"pings", "control_rate", []string{"--max-control-rate", "100"}, nil, masked(ws.OpPing, "ping")},
		{"pongs", "control_rate", []string{"--max-control-rate", "100"}, nil, masked(ws.OpPong, "")},
		{"empty fragments", "control_rate", []string{"--max-control-rate", "100"},
			fragment(ws.OpText, false, ""), fragment(ws.OpContinuation, false, "")},
		{"messages", "message_rate", []string{"--max-message-rate", "100"}, nil, masked(ws.OpText, "message")},
		{"empty messages", "message_rate", []string{"--max-message-rate", "100"}, nil, masked(ws.OpBinary, "")},
		{"bytes", "byte_rate", []string{"--max-byte-rate", "65536"}, nil, masked(ws.OpBinary, text(1000))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, tc.flags...)
			b := joinBystanders(t, s)
			m := s.measure(t)
			n := min(frames, bytesMax/len(tc.next)) // which is endless enough
			chunk := bytes.Repeat(tc.next, 20)
			waves := b.endure(t, func() {
				attack := members(t, s, count)
				attack.each(t, func(_ int, p peer) error {
					err := p.write(tc.first)
					for i := 0; i < n && err == nil; i += 20 {
						err = p.write(chunk)
					}
					return p.closedWith(ws.StatusPolicyViolation)
				})
				attack.reset()
			})
			f := s.await(t, "all are counted", func(f figures) bool { return f[leaves(tc.reason)] == float64(waves*count) })
			t.Logf("%d waves of %d attackers with %d frames each: %v messages were let in", waves, count, n, f["crier_messages_received_total"])
			// What they got through is broadcast: the log holds it until everybody has it, or the backlog is full.
			m.end(t, 2*count*unopened+2*backlog)
		})
	}
}

// TestWithinTheRate: who sends no more than a burst at once stays, and who sends one more does not.
func TestWithinTheRate(t *testing.T) {
	ping, crumb := masked(ws.OpPing, "p"), fragment(ws.OpContinuation, false, "")
	message := masked(ws.OpText, text(1016)) // with its header a KiB
	for _, tc := range []struct {
		name  string
		flags []string
		burst []byte // sent in one write, so that it comes at one time
		more  []byte // what is then too much; nil if that depends on the time
	}{
		{"pings", []string{"--max-control-rate", "50"}, bytes.Repeat(ping, 100), ping},
		{"pings by default", nil, bytes.Repeat(ping, 100), ping},
		{"empty fragments", []string{"--max-control-rate", "50"},
			append(fragment(ws.OpText, false, "a"), bytes.Repeat(crumb, 100)...), crumb},
		{"messages", []string{"--max-message-rate", "20"}, bytes.Repeat(masked(ws.OpText, "m"), 40), masked(ws.OpText, "m")},
		// All of it together is less than the backlog, as they do not read.
		{"bytes", []string{"--max-byte-rate", fmt.Sprint(32 << 10), "--max-message", "1024"}, bytes.Repeat(message, 64), nil},
		{"one large message", []string{"--max-byte-rate", "1000"}, masked(ws.OpText, text(64<<10)), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, tc.flags...)
			within := gather(t, 10, func(i int) (peer, error) { return join(source(i), s.addr) })
			within.each(t, func(_ int, p peer) error { return p.write(tc.burst) })
			f := s.await(t, "all is read", func(f figures) bool { return f["crier_messages_received_total"] == float64(10*wholeMessages(tc.burst)) })
			if f["crier_connections"] != 10 || f.sum("crier_leaves_total") != 0 {
				t.Errorf("after a burst that is allowed:%v", f)
			}
			if wholeMessages(tc.burst) == 0 { // nothing has told that all is read: a pong does, or the end of a fragmented message
				within.each(t, func(_ int, p peer) error {
					if bytes.HasPrefix(tc.burst, ping) {
						return p.write(masked(ws.OpText, "still here"))
					}
					return p.write(fragment(ws.OpContinuation, true, " still here"))
				})
				within.each(t, func(_ int, p peer) error {
					got, err := newReader(p).next("")
					if err == nil && !strings.HasSuffix(got, "still here") {
						err = fmt.Errorf("got %q", got)
					}
					return err
				})
			}
			if tc.more == nil {
				return
			}
			beyond := gather(t, 10, func(i int) (peer, error) { return join(source(100+i), s.addr) })
			beyond.each(t, func(_ int, p peer) error { return p.write(append(bytes.Clone(tc.burst), tc.more...)) })
			beyond.each(t, func(_ int, p peer) error { return p.closedWith(ws.StatusPolicyViolation) })
			if f := s.figures(t); f["crier_connections"] != 10 {
				t.Errorf("those that kept within it have left, too:%v", f)
			}
		})
	}
}

// wholeMessages counts the messages in a burst of equal frames.
func wholeMessages(burst []byte) int {
	if burst[0]&0x80 == 0 || burst[0]&0x08 != 0 {
		return 0
	}
	switch burst[1] &^ 0x80 {
	case 127:
		return 1
	case 126:
		return len(burst) / (8 + int(burst[2])<<8 + int(burst[3]))
	}
	return len(burst) / (6 + int(burst[1]&^0x80))
}
