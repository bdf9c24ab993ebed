package conformance

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

// TestEncode compares the codec with the RFC's own examples (section 5.7).
func TestEncode(t *testing.T) {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	kib := strings.Repeat("x", 64<<10)
	for _, tc := range []struct {
		what sendable
		want string // the beginning
	}{
		{under{mask, text("Hello")}, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"},
		{under{mask, pong("Hello")}, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"},
		{unmasked{first(text("Hel"))}, "\x01\x03Hel"},
		{unmasked{last("lo")}, "\x80\x02lo"},
		{unmasked{blob(kib[:256])}, "\x82\x7e\x01\x00xxxx"},
		{unmasked{blob(kib)}, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00xxxx"},
		{under{mask, blob(kib[:126])}, "\x82\xfe\x00\x7e\x37\xfa\x21\x3d\x4f\x82\x59\x45\x4f"},
		{under{[4]byte{}, closing(1000, "bye")}, "\x88\x85\x00\x00\x00\x00\x03\xe8bye"},
		{unfinished{text(""), 200}, "\x81\xfe\x00\xc8\x9d\x02\xf6\x71"},
	} {
		if got := string(tc.what.wire()); !strings.HasPrefix(got, tc.want) {
			t.Errorf("% x, want % x", got[:min(len(got), 20)], tc.want)
		}
	}
	long := under{mask, blob(kib)}.wire()[14:]
	for i, x := range long {
		if x^mask[i%4] != 'x' {
			t.Fatalf("byte %d is %x under the mask", i, x^mask[i%4])
		}
	}
}

// TestDecode: the codec takes what a server may send and nothing else, or a node could pass that does not.
func TestDecode(t *testing.T) {
	x125, x126, x64k := strings.Repeat("x", 125), strings.Repeat("x", 126), strings.Repeat("x", 64<<10)
	for name, tc := range map[string]struct {
		bytes string
		want  frame
		ok    bool
	}{
		"text":                       {"\x81\x05Hello", text("Hello"), true},
		"empty":                      {"\x82\x00", blob(""), true},
		"7 bits":                     {"\x82\x7d" + x125, blob(x125), true},
		"16 bits":                    {"\x82\x7e\x00\x7e" + x126, blob(x126), true},
		"64 bits":                    {"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + x64k, blob(x64k), true},
		"fragment":                   {"\x01\x01a", first(text("a")), true},
		"half a rune in a fragment":  {"\x01\x01\xc3", first(text("\xc3")), true},
		"close":                      {"\x88\x05\x03\xe8bye", closing(1000, "bye"), true},
		"close without a body":       {"\x88\x00", frame{fin | opClose, ""}, true},
		"masked":                     {string(text("Hello").wire()), frame{}, false},
		"RSV1":                       {"\xc1\x01a", frame{}, false},
		"RSV2":                       {"\xa1\x01a", frame{}, false},
		"RSV3":                       {"\x91\x01a", frame{}, false},
		"opcode 3":                   {"\x83\x01a", frame{}, false},
		"opcode b":                   {"\x8b\x01a", frame{}, false},
		"125 in 16 bits":             {"\x82\x7e\x00\x7d" + x125, frame{}, false},
		"126 in 64 bits":             {"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x7e" + x126, frame{}, false},
		"the top bit":                {"\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00" + x64k, frame{}, false},
		"ping of 126 bytes":          {"\x89\x7e\x00\x7e" + x126, frame{}, false},
		"fragment of a ping":         {"\x09\x00", frame{}, false},
		"text that is not UTF-8":     {"\x81\x01\xff", frame{}, false},
		"close with half a code":     {"\x88\x01\x03", frame{}, false},
		"reason that is not UTF-8":   {"\x88\x03\x03\xe8\xff", frame{}, false},
		"cut in the header":          {"\x81", frame{}, false},
		"cut behind the first bytes": {"\x81\x05", frame{}, false},
		"cut in the length":          {"\x81\x7e\x00", frame{}, false},
		"cut in the payload":         {"\x81\x05Hell", frame{}, false},
	} {
		f, err := decode(bufio.NewReader(strings.NewReader(tc.bytes)))
		if (err == nil) != tc.ok || tc.ok && f != tc.want || err == io.EOF {
			t.Errorf("%s: %v, %v; want %v, good %v", name, f, err, tc.want, tc.ok)
		}
	}
	if _, err := decode(bufio.NewReader(strings.NewReader(""))); err != io.EOF {
		t.Errorf("the end between two frames: %v", err)
	}
}
