package report

import (
	"io"
	"os"
	"testing"

	"crier/bench"
)

func TestProgressLine(t *testing.T) {
	before := bench.Sample{At: 2, Deliveries: 1000}
	s := bench.Sample{At: 2.25, Phase: "burst", Connections: 15000, Deliveries: 501_000, P99: 12.34}
	if got, want := progressLine(before, s, 15000), "burst    15,000 of 15,000 connections  2.00 M deliveries/s  p99 12.3 ms  2 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := progressLine(bench.Sample{}, bench.Sample{Phase: "connect", Connections: 17}, 0), "connect  17 connections  – deliveries/s  p99 –  0 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgressIsQuietInAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := NewProgress(w, 100)
	p.Update(bench.Sample{At: 1, Phase: "connect", Connections: 1})
	p.Close()
	w.Close()
	got, err := io.ReadAll(r)
	if err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	p = NewProgress(nil, 100)
	p.Update(bench.Sample{})
	p.Close()
}
