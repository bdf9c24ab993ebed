package frame

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	"github.com/gobwas/ws"
)

// rules is the RFC as a table: a stream, what a server makes of it, and why. The
// last of want may be a close code, for an error.
var rules = []struct {
	name   string
	stream []byte
	max    int // 0 for 1000
	want   []string
	err    error // if set, what errors.Is must find
}{
	// 5.7, the RFC's own examples
	{name: "single frame text", stream: []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58},
		want: []string{"text Hello"}},
	{name: "unmasked text", stream: []byte{0x81, 0x05, 'H', 'e', 'l', 'l', 'o'},
		want: []string{"1002"}, err: ws.ErrProtocolMaskRequired},
	{name: "masked pong", stream: []byte{0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58},
		want: []string{"pong Hello"}},

	// 5.2, the first byte: F RSV OPCO
	{name: "rsv1", stream: masked(0b1_100_0001, "x"), want: []string{"1002"}, err: ws.ErrProtocolNonZeroRsv},
	{name: "rsv2", stream: masked(0b1_010_0001, "x"), want: []string{"1002"}, err: ws.ErrProtocolNonZeroRsv},
	{name: "rsv3", stream: masked(0b1_001_0001, "x"), want: []string{"1002"}, err: ws.ErrProtocolNonZeroRsv},
	{name: "rsv1 on a ping", stream: masked(0b1_100_1001, ""), want: []string{"1002"}, err: ws.ErrProtocolNonZeroRsv},
	{name: "opcode 3", stream: masked(0b1_000_0011, ""), want: []string{"1002"}, err: ws.ErrProtocolOpCodeReserved},
	{name: "opcode 7", stream: masked(0b1_000_0111, ""), want: []string{"1002"}, err: ws.ErrProtocolOpCodeReserved},
	{name: "opcode b", stream: masked(0b1_000_1011, ""), want: []string{"1002"}, err: ws.ErrProtocolOpCodeReserved},
	{name: "opcode f", stream: masked(0b1_000_1111, ""), want: []string{"1002"}, err: ws.ErrProtocolOpCodeReserved},

	// 5.2, the length: M LENGTH
	{name: "7 bits", stream: masked(fin|bin, strings.Repeat("x", 125)), want: []string{"binary x*125"}},
	{name: "16 bits", stream: masked(fin|bin, strings.Repeat("x", 126)), want: []string{"binary x*126"}},
	{name: "16 bits, most", stream: masked(fin|bin, strings.Repeat("x", 0xffff)), max: 1 << 20, want: []string{"binary x*65535"}},
	{name: "64 bits", stream: masked(fin|bin, strings.Repeat("x", 0x10000)), max: 1 << 20, want: []string{"binary x*65536"}},
	{name: "124 in 16 bits", stream: []byte{fin | bin, 0b1_1111110, 0, 124, 0, 0, 0, 0},
		want: []string{"1002"}, err: ErrLengthNotMinimal},
	{name: "125 in 16 bits, a ping", stream: []byte{fin | ping, 0b1_1111110, 0, 125, 0, 0, 0, 0},
		want: []string{"1002"}, err: ErrLengthNotMinimal},
	{name: "0 in 64 bits", stream: []byte{fin | bin, 0b1_1111111, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		want: []string{"1002"}, err: ErrLengthNotMinimal},
	{name: "65535 in 64 bits", stream: []byte{fin | bin, 0b1_1111111, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0},
		want: []string{"1002"}, err: ErrLengthNotMinimal},
	{name: "top bit", stream: []byte{fin | bin, 0b1_1111111, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0},
		want: []string{"1002"}, err: ErrLengthTopBit},
	{name: "all bits", stream: []byte{fin | bin, 0b1_1111111, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		want: []string{"1002"}, err: ws.ErrHeaderLengthMSB},

	// 10.4, limits: from the header alone
	{name: "as large as may be", stream: masked(fin|txt, "12345"), max: 5, want: []string{"text 12345"}},
	{name: "one too large", stream: masked(fin|txt, "123456")[:6], max: 5, want: []string{"1009"}, err: ErrMessageTooBig},
	{name: "2^63-1", stream: []byte{fin | bin, 0b1_1111111, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
		want: []string{"1009"}, err: ErrMessageTooBig},
	{name: "fragments as large as may be", stream: join(masked(txt, "123"), masked(cont, ""), masked(fin|cont, "45")), max: 5,
		want: []string{"empty ", "text 12345"}},
	{name: "fragments one too large", stream: join(masked(txt, "123"), masked(fin|cont, "456")[:6]), max: 5,
		want: []string{"1009"}, err: ErrMessageTooBig},
	{name: "fragments that overflow", stream: join(masked(bin, "1"), []byte{fin | cont, 0b1_1111111, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}),
		want: []string{"1009"}, err: ErrMessageTooBig},
	{name: "2^62 twice", stream: join(masked(bin, "1"), []byte{cont, 0b1_1111111, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
		want: []string{"1009"}, err: ErrMessageTooBig},
	{name: "the limit is not for control frames", stream: masked(fin|ping, "123456"), max: 5, want: []string{"ping 123456"}},
	{name: "the limit is for one message", stream: join(masked(fin|txt, "12345"), masked(txt, "12345"), masked(fin|cont, ""), masked(fin|txt, "12345")), max: 5,
		want: []string{"text 12345", "text 12345", "text 12345"}},

	// 5.4, fragments
	{name: "two fragments", stream: join(masked(txt, "Hel"), masked(fin|cont, "lo")), want: []string{"text Hello"}},
	{name: "empty fragments", stream: join(masked(bin, ""), masked(cont, ""), masked(cont, "a"), masked(cont, ""), masked(fin|cont, "")),
		want: []string{"empty ", "empty ", "empty ", "binary a"}},
	{name: "empty messages", stream: join(masked(fin|txt, ""), masked(fin|bin, ""), masked(txt, ""), masked(fin|cont, "")),
		want: []string{"text ", "binary ", "empty ", "text "}},
	{name: "nothing to continue", stream: masked(fin|cont, "x"), want: []string{"1002"}, err: ws.ErrProtocolContinuationUnexpected},
	{name: "nothing to continue any more", stream: join(masked(txt, "a"), masked(fin|cont, "b"), masked(fin|cont, "c")),
		want: []string{"text ab", "1002"}, err: ws.ErrProtocolContinuationUnexpected},
	{name: "nothing to continue after a whole one", stream: join(masked(fin|txt, "a"), masked(cont, "c")),
		want: []string{"text a", "1002"}, err: ws.ErrProtocolContinuationUnexpected},
	{name: "text inside a message", stream: join(masked(txt, "a"), masked(fin|txt, "b")),
		want: []string{"1002"}, err: ws.ErrProtocolContinuationExpected},
	{name: "binary inside a message", stream: join(masked(txt, "a"), masked(cont, "a"), masked(bin, "b")),
		want: []string{"1002"}, err: ws.ErrProtocolContinuationExpected},
	{name: "control between fragments", stream: join(masked(txt, "Hel"), masked(fin|ping, "1"), masked(cont, "l"), masked(fin|pong, "2"), masked(fin|ping, ""), masked(fin|cont, "o")),
		want: []string{"ping 1", "pong 2", "ping ", "text Hello"}},
	{name: "control inside a rune", stream: join(masked(txt, "\xe2\x82"), masked(fin|ping, "\xff"), masked(fin|cont, "\xac")),
		want: []string{"ping \xff", "text €"}},
	{name: "close between fragments", stream: join(masked(txt, "Hel"), masked(fin|cls, "\x03\xe8")), want: []string{"close 1000 "}},

	// 5.5, control frames
	{name: "ping of 125", stream: masked(fin|ping, strings.Repeat("x", 125)), want: []string{"ping x*125"}},
	{name: "ping of 126", stream: masked(fin|ping, strings.Repeat("x", 126))[:8], want: []string{"1002"}, err: ws.ErrProtocolControlPayloadOverflow},
	{name: "fragmented ping", stream: masked(ping, "x"), want: []string{"1002"}, err: ws.ErrProtocolControlNotFinal},
	{name: "fragmented close", stream: masked(cls, "\x03\xe8"), want: []string{"1002"}, err: ws.ErrProtocolControlNotFinal},

	// 5.5.1, close
	{name: "close without a body", stream: masked(fin|cls, ""), want: []string{"close 1005 "}},
	{name: "close with half a code", stream: masked(fin|cls, "\x03"), want: []string{"1002"}, err: ErrCloseBody},
	{name: "close with a code", stream: masked(fin|cls, "\x03\xe9"), want: []string{"close 1001 "}},
	{name: "close with a reason", stream: masked(fin|cls, "\x0f\xa0"+"tschüß"), want: []string{"close 4000 tschüß"}},
	{name: "close with the longest reason", stream: masked(fin|cls, "\x03\xe8"+strings.Repeat("x", 123)), want: []string{"close 1000 x*123"}},
	{name: "close, reason not UTF-8", stream: masked(fin|cls, "\x03\xe8a\xff"), want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "close, reason ends in a rune", stream: masked(fin|cls, "\x03\xe8\xe2\x82"), want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "close, 1005 on the wire", stream: masked(fin|cls, "\x03\xed"), want: []string{"1002"}, err: ErrCloseCode},

	// 8.1, text
	{name: "text across fragments", stream: join(masked(txt, "κόσ\xce"), masked(cont, ""), masked(cont, "\xbc"), masked(fin|cont, "ε")),
		want: []string{"empty ", "text κόσμε"}},
	{name: "all lengths of a rune", stream: masked(fin|txt, "\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"),
		want: []string{"text \u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"}},
	{name: "a bad byte, the rest not come", stream: masked(fin|txt, "ab\xffcdefgh")[:6+3], want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "a surrogate, its last byte not come", stream: masked(fin|txt, "\xed\xa0\x80")[:6+2], want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "overlong", stream: masked(txt, "\xc0\xaf"), want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "over U+10FFFF", stream: masked(txt, "\xf4\x90"), want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "ends in a rune", stream: masked(fin|txt, "a\xe2\x82"), want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "last fragment ends in a rune", stream: join(masked(txt, "a\xe2"), masked(fin|cont, "\x82")), want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "empty last fragment inside a rune", stream: join(masked(txt, "a\xe2"), masked(fin|cont, "")), want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "rune broken by the next fragment", stream: join(masked(txt, "a\xe2"), masked(cont, "b")), want: []string{"1007"}, err: ErrInvalidUTF8},
	{name: "a text forgets the one before", stream: join(masked(fin|txt, "a"), masked(bin, "\xe2"), masked(fin|cont, "\xff"), masked(txt, "b"), masked(fin|cont, "c")),
		want: []string{"text a", "binary \xe2\xff", "text bc"}},
	{name: "binary is not text", stream: masked(fin|bin, "\xff\xfe"), want: []string{"binary \xff\xfe"}},
}

// shorten writes a long run of x as x*n, so that a table stays readable.
func shorten(p []byte) string {
	if n := len(p); n > 100 && strings.Count(string(p), "x") == n {
		return fmt.Sprintf("x*%d", n)
	}
	return string(p)
}

// decodeAll decodes one chunk to the end, in the words of the rules table.
func decodeAll(d *Decoder, chunk []byte, cfg *Config) (said []string, err error) {
	for {
		ev, rest, err := d.Next(chunk, cfg)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				return said, fmt.Errorf("not an *Error: %w", err)
			}
			return append(said, fmt.Sprint(uint16(e.Code))), err
		}
		switch ev.Kind {
		case None:
			return said, nil
		case Message:
			name := map[ws.OpCode]string{ws.OpText: "text", ws.OpBinary: "binary"}[ev.Op]
			said = append(said, name+" "+shorten(ev.Payload))
		case Close:
			return append(said, fmt.Sprintf("close %d %s", ev.Code, shorten(ev.Reason))), nil
		default:
			said = append(said, ev.Kind.String()+" "+shorten(ev.Payload))
		}
		chunk = rest
	}
}

func TestRules(t *testing.T) {
	for _, tt := range rules {
		t.Run(tt.name, func(t *testing.T) {
			cfg := &Config{MaxMessage: tt.max}
			if tt.max == 0 {
				cfg.MaxMessage = 1000
			}
			got, err := decodeAll(new(Decoder), append([]byte(nil), tt.stream...), cfg)
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
				t.Errorf("got  %q (%v)\nwant %q", got, err, tt.want)
			}
			if tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if len(tt.stream) < 1000 {
				driveAllCuts(t, tt.stream, cfg)
				driveAllCuts(t, tt.stream, &Config{MaxMessage: cfg.MaxMessage, Client: true})
			} else {
				drive(t, tt.stream, []int{1, 5, 20, 30000}, cfg)
			}
		})
	}
}

func TestClientRole(t *testing.T) {
	cfg := &Config{MaxMessage: 100, Client: true}
	for _, tt := range []struct {
		name   string
		stream []byte
		want   string
		err    error
	}{
		{"text", unmasked(fin|txt, "Hello"), `["text Hello"]`, nil},
		{"fragments", join(unmasked(bin, "a"), unmasked(fin|ping, "b"), unmasked(fin|cont, "c")), `["ping b" "binary ac"]`, nil},
		{"close", AppendClose(nil, ws.StatusGoingAway, "bye"), `["close 1001 bye"]`, nil},
		{"masked", masked(fin|txt, "Hello"), `["1002"]`, ws.ErrProtocolMaskUnexpected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeAll(new(Decoder), append([]byte(nil), tt.stream...), cfg)
			if fmt.Sprintf("%q", got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v; want %s, %v", got, err, tt.want, tt.err)
			}
			driveAllCuts(t, tt.stream, cfg)
		})
	}
}

// TestRandomStreams goes where a fuzzer seldom comes: long streams of good
// frames under real masks, with now and then a defect.
func TestRandomStreams(t *testing.T) {
	n := 3000
	if testing.Short() {
		n = 300
	}
	for seed := range n {
		r := rand.New(rand.NewPCG(uint64(seed), 6455))
		cfg := &Config{MaxMessage: 1 + r.IntN(3000), Client: r.IntN(4) == 0}
		stream := randomStream(r, cfg.Client)
		var cuts []int
		most := 1 + r.IntN(1<<r.IntN(13))
		for i := r.IntN(most); i < len(stream); i += r.IntN(most) + r.IntN(2) {
			cuts = append(cuts, i)
		}
		drive(t, stream, cuts, cfg)
	}
}

func randomStream(r *rand.Rand, client bool) []byte {
	var s []byte
	open := false
	for range 1 + r.IntN(12) {
		first, n := fin|[]byte{ping, pong}[r.IntN(2)], r.IntN(126)
		if r.IntN(3) > 0 {
			first, n = txt+byte(r.IntN(2)), r.IntN(300)
			if r.IntN(20) == 0 {
				n = r.IntN(3000)
			}
			if open {
				first = cont
			}
			if open = r.IntN(2) == 0; !open {
				first |= fin
			}
		} else if r.IntN(20) == 0 {
			first = fin | cls
		}
		var payload strings.Builder
		for payload.Len() < n {
			payload.WriteRune([]rune{'a', 'é', '€', '🙂', rune(r.IntN(0xd800))}[r.IntN(5)])
		}
		// Cutting here may end a frame inside a rune: right in a fragment.
		p := []byte(payload.String())[:n]
		if len(p) > 0 && r.IntN(100) == 0 {
			p[r.IntN(len(p))] ^= 1 << r.IntN(8)
		}
		at := len(s)
		if client {
			s = append(s, unmasked(first, string(p))...)
		} else {
			s = AppendMasked(s, 0, [4]byte{byte(r.Uint32()), byte(r.Uint32()), 1, 2}, p)
			s[at] = first
		}
		if r.IntN(100) == 0 {
			s[at+r.IntN(2)] ^= 1 << r.IntN(8)
		}
	}
	return s
}

func TestMemoryFollowsTheBytes(t *testing.T) {
	const declared = 1 << 30
	cfg := &Config{MaxMessage: declared}
	for _, first := range []byte{fin | bin, bin} {
		var d Decoder
		head := join([]byte{first, 0b1_1111111}, []byte{0, 0, 0, 0, 0x40, 0, 0, 0}, testMask[:])
		feed := func(p []byte) {
			if ev, rest, err := d.Next(p, cfg); ev.Kind != None || len(rest) > 0 || err != nil {
				t.Fatal(ev, rest, err)
			}
		}
		feed(head)
		if n := d.Buffered(); n != 0 {
			t.Errorf("a header alone made a buffer of %d bytes", n)
		}
		feed([]byte{1})
		if n := d.Buffered(); n > minBuffer {
			t.Errorf("one byte of %d made a buffer of %d", declared, n)
		}
		grown, last := 0, d.Buffered()
		for range 1 << 10 {
			feed(make([]byte, 1<<10))
			if d.Buffered() != last {
				grown, last = grown+1, d.Buffered()
			}
		}
		if grown > 12 || last > 1<<21 {
			t.Errorf("1 MiB in pieces of 1 KiB: %d regrowths, to %d bytes", grown, last)
		}
	}
}

// The buffer stops at what the message can be, not at the next power of two.
func TestMemoryStopsAtTheMessage(t *testing.T) {
	cfg := &Config{MaxMessage: 1500}
	for _, tt := range []struct {
		name   string
		stream []byte
		want   int
	}{
		{"small and final", masked(fin|bin, strings.Repeat("x", 100)), 100},
		{"large and final", masked(fin|bin, strings.Repeat("x", 1100)), 1100},
		{"fragments", join(masked(bin, strings.Repeat("x", 1000)), masked(cont, strings.Repeat("x", 490)), masked(cont, "x")), 1500},
		{"last fragment", join(masked(bin, strings.Repeat("x", 512)), masked(fin|cont, "xx")), 514},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d Decoder
			for _, b := range tt.stream {
				if _, _, err := d.Next([]byte{b}, cfg); err != nil {
					t.Fatal(err)
				}
			}
			if d.Buffered() != tt.want {
				t.Errorf("%d bytes, want %d", d.Buffered(), tt.want)
			}
		})
	}
}

func TestReset(t *testing.T) {
	cfg := &Config{MaxMessage: 1 << 20}
	for _, part := range [][]byte{
		masked(fin|txt, "x")[:1],                 // inside the first bytes of a header
		masked(fin|txt, "x")[:5],                 // inside a mask
		masked(fin|txt, "x")[:6],                 // before a payload
		masked(fin|txt, "abc")[:7],               // inside a payload
		masked(txt, "abc\xe2"),                   // between fragments, inside a rune
		masked(fin|ping, "abc")[:8],              // inside a ping
		join(masked(bin, ""), masked(fin|9, "")), // between empty fragments
	} {
		var d Decoder
		if _, err := decodeAll(&d, append([]byte(nil), part...), cfg); err != nil {
			t.Fatal(err)
		}
		if d.Idle() {
			t.Errorf("%x: idle", part)
		}
		d.Reset(0)
		if !d.Idle() || d.Buffered() != 0 {
			t.Errorf("%x: after Reset idle = %v, %d bytes", part, d.Idle(), d.Buffered())
		}
		if got, err := decodeAll(&d, masked(fin|txt, "new"), cfg); len(got) != 1 || got[0] != "text new" {
			t.Errorf("%x: after Reset %q, %v", part, got, err)
		}
	}

	var d Decoder
	decodeAll(&d, masked(bin, strings.Repeat("x", 1000)), cfg)
	if d.Reset(1000); d.Buffered() != 1000 {
		t.Errorf("a buffer of 1000 bytes became one of %d", d.Buffered())
	}
	if d.Reset(999); d.Buffered() != 0 {
		t.Errorf("a buffer of %d bytes was kept", d.Buffered())
	}
}

func TestPayloadIsASliceOfTheChunk(t *testing.T) {
	chunk := join(masked(fin|txt, "Hello"), masked(fin|ping, "you"))
	cfg := &Config{MaxMessage: 100}
	var d Decoder
	ev, rest, err := d.Next(chunk, cfg)
	if err != nil || &ev.Payload[0] != &chunk[6] || cap(ev.Payload) != 5 {
		t.Errorf("message: %v, %v", ev, err)
	}
	ev, _, err = d.Next(rest, cfg)
	if err != nil || &ev.Payload[0] != &chunk[11+6] || cap(ev.Payload) != 3 {
		t.Errorf("ping: %v, %v", ev, err)
	}
}

func TestDecoderIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Decoder{}); n > 192 {
		t.Errorf("a Decoder takes %d bytes", n)
	}
}

func TestDecodeAllocs(t *testing.T) {
	sixteen := []byte{}
	for range 16 {
		sixteen = append(sixteen, masked(fin|bin, strings.Repeat("x", 128))...)
	}
	cfg := &Config{MaxMessage: 1 << 16}
	var d Decoder
	for _, tt := range []struct {
		name   string
		stream []byte
		cuts   []int
		fails  bool
	}{
		{"whole messages", sixteen, nil, false},
		{"whole text", masked(fin|txt, "κόσμε, and more"), nil, false},
		{"control frames", join(masked(fin|ping, "a"), masked(fin|pong, "b"), masked(fin|cls, "\x03\xe8bye")), nil, false},
		{"header cut, payload whole", masked(fin|bin, "Hello"), []int{3, 6}, false},
		{"ping cut", masked(fin|ping, "Hello"), []int{8}, false},
		{"message cut, buffer there", masked(fin|txt, "Hello"), []int{8}, false},
		{"too big", []byte{fin | bin, 0b1_1111111, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0}, nil, true},
		{"not minimal", []byte{fin | bin, 0b1_1111110, 0, 1, 0, 0, 0, 0}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chunk := make([]byte, len(tt.stream))
			ends := append(tt.cuts, len(chunk))
			n := testing.AllocsPerRun(100, func() {
				d.Reset(1 << 10)
				copy(chunk, tt.stream)
				pos, err := 0, error(nil)
				for _, end := range ends {
					for rest, ev := chunk[pos:end], (Event{Kind: Message}); ev.Kind != None && err == nil; {
						ev, rest, err = d.Next(rest, cfg)
					}
					pos = end
				}
				if (err != nil) != tt.fails {
					t.Fatal(err)
				}
			})
			if n > 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	var wire []byte
	for range 16 {
		wire = append(wire, masked(fin|txt, strings.Repeat("x", 128))...)
	}
	chunk := make([]byte, len(wire))
	cfg := &Config{MaxMessage: 1 << 16}
	var d Decoder
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		copy(chunk, wire) // as the masks are taken off in place
		messages := 0
		for rest := chunk; ; {
			ev, next, err := d.Next(rest, cfg)
			if err != nil {
				b.Fatal(err)
			}
			if ev.Kind == None {
				break
			}
			messages++
			rest = next
		}
		if messages != 16 {
			b.Fatal(messages)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/message")
}
