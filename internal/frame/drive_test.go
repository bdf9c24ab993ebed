package frame

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gobwas/ws"
)

// Frames of tests, spelled out: first byte, length, mask, payload.

const (
	fin  = 0x80
	cont = byte(ws.OpContinuation)
	txt  = byte(ws.OpText)
	bin  = byte(ws.OpBinary)
	cls  = byte(ws.OpClose)
	ping = byte(ws.OpPing)
	pong = byte(ws.OpPong)
)

var testMask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// masked spells a client's frame: any first byte, the shortest length.
func masked(first byte, payload string) []byte {
	b := AppendMasked(nil, 0, testMask, []byte(payload))
	b[0] = first
	return b
}

// unmasked spells a server's frame.
func unmasked(first byte, payload string) []byte {
	b := AppendHeader(nil, 0, len(payload))
	b[0] = first
	return append(b, payload...)
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// drive feeds stream to a fresh decoder, cut after the bytes of cuts, which
// ascend, and holds everything it says equal to the reference: what, at which
// byte, and whether it is idle at the end of each chunk. Each chunk lies in
// memory of its own which is spoiled after use, as a worker does that reads the
// next connection into it.
func drive(t testing.TB, stream []byte, cuts []int, cfg *Config) {
	t.Helper()
	want := reference(stream, cfg.MaxMessage, cfg.Client)
	var d Decoder
	pos, said := 0, 0
	fatal := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("stream %x\ncut at %v\nafter %d bytes: %s\nwant in all: %v",
			stream, cuts, pos, fmt.Sprintf(format, args...), want.steps)
	}
	for _, end := range append(cuts[:len(cuts):len(cuts)], len(stream)) {
		chunk := append([]byte(nil), stream[pos:end]...)
		for rest := chunk; ; {
			ev, next, err := d.Next(rest, cfg)
			if d.Buffered() > max(minBuffer, 2*end) || d.Buffered() > cfg.MaxMessage {
				fatal("%d bytes of buffer for %d bytes of stream, limit %d", d.Buffered(), end, cfg.MaxMessage)
			}
			if err == nil && ev.Kind == None {
				if len(next) != 0 {
					fatal("wants more, but leaves %d bytes", len(next))
				}
				pos = end
				if said < len(want.steps) && want.steps[said].at <= pos {
					fatal("silent, want %v", want.steps[said])
				}
				if d.Idle() != want.idle[pos] {
					fatal("idle = %v, want %v", d.Idle(), want.idle[pos])
				}
				break
			}
			if said == len(want.steps) {
				fatal("says %v, %v; want nothing", ev, err)
			}
			w := want.steps[said]
			said++
			if err != nil {
				var e *Error
				if !errors.As(err, &e) {
					fatal("error is not an *Error: %v", err)
				}
				if got := fmt.Sprintf("error %d", e.Code); got != w.what {
					fatal("says %s (%v), want %s", got, err, w.what)
				}
				// Bytes behind the fault cannot show in an error, but those
				// before it must not be enough.
				if w.at <= pos || w.at > end {
					fatal("says %s, want it at %d", w.what, w.at)
				}
				return
			}
			pos = end - len(next)
			if got := say(ev.Kind.String(), int(ev.Op), int(ev.Code), ev.Payload); got != w.what || pos != w.at {
				fatal("says %s\nwant %s at %d", got, w.what, w.at)
			}
			if ev.Kind == Close {
				if len(ev.Payload) > 2 && string(ev.Payload[2:]) != string(ev.Reason) {
					fatal("close reason %q", ev.Reason)
				}
				return
			}
			rest = next
		}
		for i := range chunk {
			chunk[i] = 0xa5
		}
	}
	if said != len(want.steps) {
		fatal("said %d things of %d", said, len(want.steps))
	}
}

// everyByte cuts a stream of n bytes into single bytes.
func everyByte(n int) []int {
	var cuts []int
	for i := 1; i < n; i++ {
		cuts = append(cuts, i)
	}
	return cuts
}

// driveAllCuts drives stream whole, in every two pieces, and byte by byte.
func driveAllCuts(t testing.TB, stream []byte, cfg *Config) {
	t.Helper()
	drive(t, stream, nil, cfg)
	for i := range len(stream) + 1 {
		drive(t, stream, []int{i}, cfg)
	}
	drive(t, stream, everyByte(len(stream)), cfg)
}
