package main

import (
	"io"
	"math"

	"crier/bench/report"
)

// A panel shows one figure.
type panel struct {
	title, note string
	figure      *figure
	times       float64
	unit        string
	log         bool // bars many times each other
}

var panels = []panel{
	{"RSS per idle connection", "less is better", &memory, 1.0 / (1 << 10), "KiB", true},
	{"server CPU per handshake", "less is better", &handshake, 1, "µs", false},
	{"one message to all: last receiver after", "less is better", &last, 1, "ms", false},
	{"server CPU per delivery", "less is better", &delivery, 1, "µs", false},
	{"messages back to back: deliveries", "more is better", &throughput, 1e-6, "M/s", true},
	{"messages back to back: server CPU per delivery", "less is better", &burstDelivery, 1, "µs", true},
}

func titles() []string {
	var t []string
	for _, p := range panels {
		t = append(t, p.title)
	}
	return t
}

// draw writes the chart.
func (r *raw) draw(w io.Writer) error {
	c := report.BarChart{Title: "Crier beside other WebSocket servers", Highlight: r.reference().short()}
	for _, p := range panels {
		bars := report.BarPanel{Title: p.title, Note: p.note, Unit: p.unit, Log: p.log}
		some := false
		for _, s := range r.Servers {
			sum := r.sum(s.Name, p.figure)
			bar := report.Bar{Name: s.short(), Value: math.NaN(), Reference: s.Name == kernel}
			switch {
			case sum.N > 0:
				some = true
				bar.Value = sum.Median * p.times
				if sum.N > 1 {
					bar.Min, bar.Max = sum.Min*p.times, sum.Max*p.times
				}
			case s.Name == kernel:
				continue // it holds nothing and shakes no hands
			}
			bars.Bars = append(bars.Bars, bar)
		}
		if some {
			c.Panels = append(c.Panels, bars)
		}
	}
	return report.Bars(w, c)
}

// short is how the chart calls the server.
func (s *server) short() string {
	switch {
	case s.Crier && s.Name == "crier":
		return "Crier"
	case s.Name == kernel:
		return "bare write loop"
	default:
		return s.Name
	}
}
