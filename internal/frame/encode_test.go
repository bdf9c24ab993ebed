package frame

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gobwas/ws"
)

func TestAppendHeader(t *testing.T) {
	for _, tt := range []struct {
		op   ws.OpCode
		n    int
		want string
	}{
		{ws.OpText, 0, "81 00"},
		{ws.OpBinary, 125, "82 7d"},
		{ws.OpText, 126, "81 7e 00 7e"},
		{ws.OpText, 0xffff, "81 7e ff ff"},
		{ws.OpText, 0x10000, "81 7f 00 00 00 00 00 01 00 00"},
		{ws.OpPong, 5, "8a 05"},
	} {
		if got := fmt.Sprintf("% x", AppendHeader(nil, tt.op, tt.n)); got != tt.want {
			t.Errorf("AppendHeader(%v, %d) = %s, want %s", tt.op, tt.n, got, tt.want)
		}
	}
}

func TestFramesAreThoseOfGobwas(t *testing.T) {
	for _, n := range []int{0, 1, 4, 125, 126, 127, 300, 0xffff, 0x10000} {
		payload := bytes.Repeat([]byte("abcde"), n/5+1)[:n]
		kept := bytes.Clone(payload)

		var want bytes.Buffer
		ws.WriteFrame(&want, ws.NewBinaryFrame(payload))
		if got := append(AppendHeader([]byte("x"), ws.OpBinary, n), payload...); !bytes.Equal(got[1:], want.Bytes()) {
			t.Errorf("%d bytes unmasked: differs from gobwas", n)
		}

		want.Reset()
		ws.WriteFrame(&want, ws.MaskFrameWith(ws.NewTextFrame(payload), testMask))
		if got := AppendMasked([]byte("x"), ws.OpText, testMask, payload); !bytes.Equal(got[1:], want.Bytes()) {
			t.Errorf("%d bytes masked: differs from gobwas", n)
		}
		if !bytes.Equal(payload, kept) {
			t.Errorf("%d bytes: the payload was written to", n)
		}
	}
}

// The cipher is in assembly, and works by words: held equal to the RFC's own
// words (5.3), at every length, place in the mask and alignment in memory.
func TestCipher(t *testing.T) {
	mem := make([]byte, 340)
	for n := range 301 {
		for offset := range 8 {
			for align := range 17 {
				for i := range mem {
					mem[i] = byte(i * 7)
				}
				ws.Cipher(mem[align:align+n], testMask, offset)
				for i, b := range mem {
					want := byte(i * 7)
					if j := i - align; j >= 0 && j < n {
						want ^= testMask[(j+offset)%4]
					}
					if b != want {
						t.Fatalf("length %d, offset %d, alignment %d: byte %d is %#x, want %#x", n, offset, align, i-align, b, want)
					}
				}
			}
		}
	}
}

// A message of every length, cut at every place: the mask goes on where it was.
func TestUnmaskAcrossCuts(t *testing.T) {
	cfg := &Config{MaxMessage: 300}
	for n := range 301 {
		payload := bytes.Repeat([]byte("0123456789a"), 30)[:n]
		wire := AppendMasked(nil, ws.OpBinary, testMask, payload)
		head := len(wire) - n
		for cut := range n {
			var d Decoder
			chunk := bytes.Clone(wire)
			if ev, rest, err := d.Next(chunk[:head+cut], cfg); ev.Kind != None || len(rest) > 0 || err != nil {
				t.Fatal(n, cut, ev, rest, err)
			}
			ev, _, err := d.Next(chunk[head+cut:], cfg)
			if ev.Kind != Message || err != nil || !bytes.Equal(ev.Payload, payload) {
				t.Fatalf("length %d cut at %d: %q, %v", n, cut, ev.Payload, err)
			}
		}
	}
}

func TestEncodeAllocs(t *testing.T) {
	buf := make([]byte, 0, 1024)
	payload := make([]byte, 500)
	if n := testing.AllocsPerRun(100, func() {
		AppendHeader(buf, ws.OpText, 500)
		AppendMasked(buf, ws.OpText, testMask, payload)
		AppendClose(buf, ws.StatusGoingAway, "shutting down")
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
