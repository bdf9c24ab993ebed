package handshake

import (
	"bytes"
	"testing"

	"github.com/gobwas/ws"
)

// What a bad peer sends costs nothing, a good request the string that holds it.
func TestAllocs(t *testing.T) {
	deny := func(head string) func() {
		b := []byte(head)
		return func() {
			if _, err := Scan(b); err == nil {
				t.Fatal("no error")
			}
		}
	}
	chrome, firefox := []byte(requests["Chrome"]), []byte(requests["Firefox"])
	answer := make([]byte, 0, 256)
	for _, tt := range []struct {
		name string
		f    func()
		want float64
	}{
		{"TLS hello", deny("\x16\x03\x01"), 0},
		{"other version", deny("GET / HTTP/1.0\r\n"), 0},
		{"head too long", deny("GET / HTTP/1.1\r\nA: " + string(make([]byte, MaxHead))), 0},
		{"not whole", func() { Scan(chrome[:len(chrome)-1]) }, 0},
		{"Chrome", func() { answer = handshake(t, chrome, answer) }, 1},
		{"Firefox, protocols", func() { answer = handshake(t, firefox, answer) }, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if n := testing.AllocsPerRun(100, tt.f); n > tt.want {
				t.Errorf("%v allocations, want %v", n, tt.want)
			}
		})
	}
}

func handshake(tb testing.TB, b, answer []byte) []byte {
	size, err := Scan(b)
	if err != nil || size == 0 {
		tb.Fatal(size, err)
	}
	r, err := Parse(b[:size])
	if err != nil {
		tb.Fatal(err)
	}
	if err := r.Check(); err != nil {
		tb.Fatal(err)
	}
	return r.Accept(answer[:0], "")
}

func BenchmarkHandshake(b *testing.B) {
	head := []byte(requests["Chrome"])
	answer := make([]byte, 0, 256)
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		answer = handshake(b, head, answer)
	}
}

// BenchmarkHandshakeOfGobwas does the same by ws.Upgrader, which finds the end of
// the head itself. Origin and host are taken out in both.
func BenchmarkHandshakeOfGobwas(b *testing.B) {
	head := []byte(requests["Chrome"])
	var m memory
	b.SetBytes(int64(len(head)))
	b.ReportAllocs()
	for b.Loop() {
		var host, origin string
		u := ws.Upgrader{
			OnHost: func(v []byte) error {
				host = string(v)
				return nil
			},
			OnHeader: func(k, v []byte) error {
				if string(k) == "Origin" {
					origin = string(v)
				}
				return nil
			},
		}
		m.in.Reset(head)
		m.out.Reset()
		if _, err := u.Upgrade(&m); err != nil || host == "" || origin == "" {
			b.Fatal(err)
		}
	}
}

// memory is a head to read and an answer to write.
type memory struct {
	in  bytes.Reader
	out bytes.Buffer
}

func (m *memory) Read(p []byte) (int, error)  { return m.in.Read(p) }
func (m *memory) Write(p []byte) (int, error) { return m.out.Write(p) }

// BenchmarkSteps shows where the time goes.
func BenchmarkSteps(b *testing.B) {
	head := []byte(requests["Chrome"])
	r, err := Parse(head)
	if err != nil {
		b.Fatal(err)
	}
	answer := make([]byte, 0, 256)
	b.Run("Scan", func(b *testing.B) {
		for b.Loop() {
			Scan(head)
		}
	})
	b.Run("Parse", func(b *testing.B) {
		for b.Loop() {
			if _, err := Parse(head); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Check", func(b *testing.B) {
		for b.Loop() {
			if err := r.Check(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Accept", func(b *testing.B) {
		for b.Loop() {
			answer = r.Accept(answer[:0], "")
		}
	})
}
