package bench

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// subtract returns the times in now that were not in before, which must be an earlier state of it.
func subtract(now, before *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	n := now.Export()
	for i, c := range before.Export().Counts {
		n.Counts[i] = max(n.Counts[i]-c, 0) // it may have been taken meanwhile
	}
	return hdrhistogram.Import(n)
}

// curve is where the percentile plot has its points: each nine in five steps.
var curve = func() (p []float64) {
	for nines := range 6 {
		left := 100 / math.Pow10(nines)
		for step := range 5 {
			p = append(p, 100-left*(1-0.18*float64(step)))
		}
	}
	return p
}()

// latency sums a histogram up. A Latency of nothing is all zero.
func latency(h *hdrhistogram.Histogram, withCurve bool) Latency {
	n := h.TotalCount()
	if n == 0 {
		return Latency{}
	}
	at := func(percentile float64) float64 { return float64(h.ValueAtPercentile(percentile)) / 1e3 }
	l := Latency{
		Count: n, Min: float64(h.Min()) / 1e3, Mean: h.Mean() / 1e3, Max: float64(h.Max()) / 1e3,
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9),
	}
	if !withCurve {
		return l
	}
	for _, p := range curve {
		if float64(n)*(100-p)/100 < 1 { // beyond the last single message
			break
		}
		l.Curve = append(l.Curve, Point{p, at(p)})
	}
	l.Curve = append(l.Curve, Point{100, l.Max})
	return l
}
