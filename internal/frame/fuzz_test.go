package frame

import "testing"

// FuzzDecode: no stream and no cut of it makes the decoder say anything but what
// the reference says. Each byte of cuts is the size of a chunk, from an empty one
// up; the rest of the stream is the last chunk.
func FuzzDecode(f *testing.F) {
	for _, tt := range rules {
		if len(tt.stream) < 1000 {
			f.Add(tt.stream, []byte{}, uint16(max(tt.max, 5)), false)
			f.Add(tt.stream, []byte{1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1}, uint16(1000), false)
			f.Add(tt.stream, []byte{7, 3}, uint16(1000), true)
		}
	}
	for _, text := range texts {
		f.Add(join(unmasked(txt, text), unmasked(fin|ping, text), unmasked(fin|cont, text)), []byte{4, 4}, uint16(200), true)
		// Under a mask of zeros a fuzzer sees, and changes, the text itself.
		zero := AppendMasked(nil, 1, [4]byte{}, []byte(text))
		f.Add(join(zero, zero, zero), []byte{8, 8, 8}, uint16(200), false)
		// Cut before the last byte of the last rune.
		f.Add(zero, []byte{byte(len(zero) - 1)}, uint16(200), false)
	}
	for _, code := range []int{0, 999, 1000, 1003, 1004, 1006, 1007, 1011, 1012, 1014, 1015, 2999, 3000, 4999, 5000, 65535} {
		f.Add(unmasked(fin|cls, string([]byte{byte(code >> 8), byte(code)})), []byte{3}, uint16(1), true)
	}
	f.Fuzz(func(t *testing.T, stream, sizes []byte, limit uint16, client bool) {
		if len(stream) > 1<<12 {
			return
		}
		var cuts []int
		at := 0
		for _, n := range sizes {
			if at += int(n); at > len(stream) {
				break
			}
			cuts = append(cuts, at)
		}
		drive(t, stream, cuts, &Config{MaxMessage: max(int(limit), 1), Client: client})
	})
}
