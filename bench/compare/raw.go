package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"crier/bench"
	"crier/bench/internal/harness"
)

// raw is all that a run has measured, as --raw keeps it.
type raw struct {
	harness.Origin
	Wanted      int      `json:"cycles_wanted"`
	Cycles      int      `json:"cycles"` // that are complete; the turns of others do not count
	Connections int      `json:"connections"`
	Size        int      `json:"size"`
	Batch       int      `json:"batch"`
	Servers     []server `json:"servers"`
	Turns       []turn   `json:"turns"`
	Notes       []string `json:"notes,omitempty"`
}

// A turn is one server, measured once.
type turn struct {
	Server   string        `json:"server"`
	Cycle    int           `json:"cycle"`
	Started  time.Time     `json:"started"`
	Seconds  float64       `json:"seconds"`
	Result   *bench.Result `json:"result,omitempty"`
	Failures []string      `json:"failures,omitempty"` // of the turn itself
}

func (r *raw) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

func (r *raw) save(path string) error {
	if path == "" {
		return nil
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return harness.WriteFile(path, append(b, '\n'))
}

func load(path string) (*raw, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(raw)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(r.Servers) == 0 || r.Cycles == 0 {
		return nil, fmt.Errorf("%s: no complete cycle in it", path)
	}
	return r, nil
}

// counted are the turns of complete cycles of one server.
func (r *raw) counted(name string) []turn {
	var all []turn
	for _, t := range r.Turns {
		if t.Server == name && t.Cycle <= r.Cycles {
			all = append(all, t)
		}
	}
	return all
}

// sum is one figure of one server.
func (r *raw) sum(name string, f *figure) harness.Spread {
	var values []float64
	for _, t := range r.counted(name) {
		if t.Result == nil {
			continue
		}
		if v, ok := f.of(t.Result); ok {
			values = append(values, v)
		}
	}
	return harness.Sum(values...)
}

// machine is what the runs were measured on.
func (r *raw) machine() bench.Machine {
	for _, t := range r.Turns {
		if t.Result != nil {
			return t.Result.Machine
		}
	}
	return bench.Machine{}
}
