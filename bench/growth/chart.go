package main

import (
	"bytes"

	"crier/bench/internal/harness"
	"crier/bench/report"
)

// chart draws the figures over connections.
func (r *rawSteps) chart(path string) error {
	c := report.LineChart{Title: "What becomes of Crier's figures as connections become more", Highlight: "Crier"}
	for _, p := range []struct {
		title, note, unit string
		figure            *figure
		times             float64
	}{
		{"RSS of the node, all connections idle", "", "MiB", &resident, 1.0 / (1 << 20)},
		{"RSS per idle connection", "", "B", &memory, 1},
		{"CPU per idle connection in a second", "", "µs", &idle, 1},
		{"CPU per handshake", "", "µs", &handshake, 1},
		{"connections opened", "", "/s", &connects, 1},
		{"one message to all: last receiver after", "", "ms", &last, 1},
		{"one message to all: CPU per delivery", "", "µs", &delivery, 1},
		{"full garbage collection, per connection", "", "µs", &collectionEach, 1},
	} {
		line := report.Series{Name: "Crier"}
		for _, n := range r.Steps {
			if sum := r.sum(n, p.figure); sum.N > 0 {
				line.Points = append(line.Points, report.XY{X: float64(n), Y: sum.Median * p.times})
			}
		}
		if len(line.Points) > 0 {
			c.Panels = append(c.Panels, report.LinePanel{Title: p.title, Note: p.note, Unit: p.unit, X: "connections", Series: []report.Series{line}})
		}
	}
	var svg bytes.Buffer
	if err := report.Lines(&svg, c); err != nil {
		return err
	}
	return harness.WriteFile(path, svg.Bytes())
}
