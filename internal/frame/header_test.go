package frame

import (
	"bytes"
	"errors"
	"testing"

	"github.com/gobwas/ws"
)

// sameHeader holds parseHeader equal to ws.ReadHeader, but for lengths that are
// not minimal, which only the first refuses.
func sameHeader(t *testing.T, p []byte) {
	t.Helper()
	want, wantErr := ws.ReadHeader(bytes.NewReader(p))
	if len(p) < ws.MinHeaderSize || len(p) < headerSize(p[1]) {
		if wantErr == nil {
			t.Fatalf("%x: gobwas needs less than headerSize", p)
		}
		return
	}
	if size := headerSize(p[1]); wantErr == nil && size > 2 {
		if _, err := ws.ReadHeader(bytes.NewReader(p[:size-1])); err == nil {
			t.Fatalf("%x: headerSize is %d, gobwas needs less", p, size)
		}
	}
	got, err := parseHeader(p)
	switch {
	case errors.Is(err, ErrLengthNotMinimal):
		if wantErr != nil || headerSize(p[1]) <= ws.HeaderSize(want) {
			t.Fatalf("%x: refused as not minimal; gobwas: %+v, %v", p, want, wantErr)
		}
	case err != nil:
		if !errors.Is(err, wantErr) {
			t.Fatalf("%x: %v; gobwas: %v", p, err, wantErr)
		}
	case wantErr != nil || got != want:
		t.Fatalf("%x: %+v\ngobwas: %+v, %v", p, got, want, wantErr)
	case headerSize(p[1]) != ws.HeaderSize(want):
		t.Fatalf("%x: not minimal, but accepted", p)
	}
}

func TestHeaderIsThatOfGobwas(t *testing.T) {
	tails := [][]byte{
		{},
		{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		{0, 125, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		{0, 126, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
		{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
		{0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4},
		{0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4},
	}
	for first := range 256 {
		for second := range 256 {
			for _, tail := range tails {
				sameHeader(t, append([]byte{byte(first), byte(second)}, tail...))
			}
		}
	}
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte{0x81, 0x85, 1, 2, 3, 4})
	f.Add([]byte{0x82, 0xfe, 0x01, 0x00, 1, 2, 3, 4})
	f.Add([]byte{0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0})
	f.Fuzz(sameHeader)
}
