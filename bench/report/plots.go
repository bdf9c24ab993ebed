package report

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot"

	"crier/bench"
)

// A figure is one plot of a page.
type figure struct {
	title string
	plots []linePlot
}

// figures are the plots for which the run has data.
func figures(r *bench.Result) []figure {
	var all []figure
	add := func(title string, plots ...linePlot) {
		plots = slices.DeleteFunc(plots, func(p linePlot) bool { return len(p.series) == 0 })
		if len(plots) > 0 {
			all = append(all, figure{title, plots})
		}
	}
	// Times of different kinds are orders apart: a plot for each kind.
	var rounds, deliveries, handshakes []spread
	for _, s := range spreads(r) {
		switch s.Name {
		case "handshake", "handshake, storm":
			handshakes = append(handshakes, s)
		case "fanout, last receiver", "burst, last receiver":
			rounds = append(rounds, s)
		case "until reset":
		case "late to send":
			// Where it matters it is seen beside the latency; else it would only flatten that line.
			if s.Max*100 >= r.Stream.Latency.Max {
				deliveries = append(deliveries, s)
			}
		default:
			deliveries = append(deliveries, s)
		}
	}
	add("Latency of deliveries over percentiles", overPercentiles("Latency of deliveries", deliveries))
	add("Time to the last receiver over percentiles", overPercentiles("From the send of a round to its last receiver", rounds))
	add("Latency of handshakes over percentiles", overPercentiles("Latency of handshakes", handshakes))

	samples := thin(r.Samples, 300)
	marks := phases(r.Samples)
	add("Throughput over time", throughput(samples, marks))
	add("Latency over time", latencies(samples, marks))
	add("Server memory over connections", memoryOverConnections(r.Samples))
	add("Server memory over time", overTime("Server memory, MiB", samples, marks, true,
		gauge{"RSS", func(s bench.Sample) float64 { return float64(s.ServerRSS) / (1 << 20) }}))
	add("CPU over time", overTime("CPU, cores", samples, marks, false,
		gauge{"server", func(s bench.Sample) float64 { return s.ServerCPU }},
		gauge{"generator", func(s bench.Sample) float64 { return s.GeneratorCPU }}))
	return all
}

// overPercentiles is the plot that HdrHistogram made known: the tail is as wide as the rest.
func overPercentiles(title string, all []spread) linePlot {
	p := linePlot{title: title, xName: "percentile"}
	least, most, right := math.Inf(1), 0.0, 10.0
	for _, s := range all {
		points := curve(s.Latency)
		if len(points) < 2 {
			continue
		}
		p.series = append(p.series, Series{s.Name, points})
		right = max(right, points[len(points)-1].X)
		for _, at := range points {
			if at.Y > 0 {
				least = min(least, at.Y)
			}
			most = max(most, at.Y)
		}
	}
	if len(p.series) == 0 {
		return p
	}
	p.x = percentiles(right)
	p.y, p.title = timeAxis(least, most, title)
	if p.y.log {
		for _, s := range p.series {
			for i := range s.Points {
				s.Points[i].Y = max(s.Points[i].Y, p.y.min)
			}
		}
	}
	return p
}

// timeAxis is for milliseconds: logarithmic where the lines would else lie on the ground.
func timeAxis(least, most float64, title string) (axis, string) {
	if least < most/200 && least > 0 {
		return logarithmic(least, most), title + ", ms (logarithmic)"
	}
	return linear(0, most, 4, true), title + ", ms"
}

// curve is the distribution with 1/(1-p/100) as x, in order. Its maximum, 100 percent, would be infinitely far
// off: it stands where the last of Count values has its place.
func curve(l bench.Latency) []XY {
	from := l.Curve
	if len(from) == 0 {
		from = []bench.Point{{Percentile: 0, MS: l.Min}, {Percentile: 50, MS: l.P50}, {Percentile: 90, MS: l.P90}, {Percentile: 99, MS: l.P99},
			{Percentile: 99.9, MS: l.P999}, {Percentile: 100, MS: l.Max}}
	}
	end := max(float64(l.Count), 2)
	points := make([]XY, 0, len(from))
	for _, f := range from {
		if bad(f.Percentile, false) || bad(f.MS, false) || f.Percentile < 0 {
			continue
		}
		at := XY{end, f.MS}
		if f.Percentile < 100 {
			at.X = min(end, 1/(1-f.Percentile/100))
		}
		points = append(points, at)
	}
	slices.SortStableFunc(points, func(a, b XY) int { return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y)) })
	return points
}

// throughput is deliveries between two samples over the time between them.
func throughput(samples []bench.Sample, marks []plot.Tick) linePlot {
	p := linePlot{title: "Throughput, deliveries/s", xName: "seconds", marks: marks, area: true}
	var points []XY
	most := 0.0
	for i, s := range samples {
		if i > 0 && s.At > samples[i-1].At {
			rate := max(0, float64(s.Deliveries-samples[i-1].Deliveries)/(s.At-samples[i-1].At))
			points = append(points, XY{s.At, rate})
			most = max(most, rate)
		}
	}
	if most == 0 || len(points) < 2 {
		return p
	}
	p.series = []Series{{"deliveries/s", points}}
	p.x, p.y = sampleAxis(samples), linear(0, most, 4, true)
	return p
}

// latencies is p50, p99 and the maximum over time, interrupted where nothing was delivered.
func latencies(samples []bench.Sample, marks []plot.Tick) linePlot {
	p := linePlot{title: "Latency", xName: "seconds", marks: marks, breaks: map[int][]int{}}
	series := []Series{{Name: "p50"}, {Name: "p99"}, {Name: "max"}}
	least, most := math.Inf(1), 0.0
	for _, s := range samples {
		if s.Max == 0 {
			for j := range series {
				if n := len(series[j].Points); n > 0 && !slices.Contains(p.breaks[j], n-1) {
					p.breaks[j] = append(p.breaks[j], n-1)
				}
			}
			continue
		}
		for j, v := range [...]float64{s.P50, s.P99, s.Max} {
			if v > 0 {
				series[j].Points = append(series[j].Points, XY{s.At, v})
				least, most = min(least, v), max(most, v)
			}
		}
	}
	if most == 0 {
		return p
	}
	p.series = slices.DeleteFunc(series, func(s Series) bool { return len(s.Points) == 0 })
	p.x = sampleAxis(samples)
	p.y, p.title = timeAxis(least, most, "Latency of the deliveries")
	return p
}

func memoryOverConnections(samples []bench.Sample) linePlot {
	p := linePlot{title: "Server memory while the connections come, MiB", xName: "connections", area: true}
	var points []XY
	most := XY{}
	for _, s := range samples {
		if s.Phase != "connect" || s.ServerRSS <= 0 {
			continue
		}
		at := XY{float64(s.Connections), float64(s.ServerRSS) / (1 << 20)}
		points = append(points, at)
		most = XY{max(most.X, at.X), max(most.Y, at.Y)}
	}
	slices.SortStableFunc(points, func(a, b XY) int { return cmp.Compare(a.X, b.X) })
	if len(points) < 2 || points[0].X == most.X {
		return p
	}
	p.series = []Series{{"RSS", points}}
	p.x, p.y = linear(0, most.X, 5, false), linear(0, most.Y, 4, true)
	return p
}

// A gauge is one figure of a sample.
type gauge struct {
	name  string
	value func(bench.Sample) float64
}

// overTime is the figures of the samples; those left out that are 0 in all, since the run has not measured them. With
// skip a sample that has 0 is left out too.
func overTime(title string, samples []bench.Sample, marks []plot.Tick, skip bool, lines ...gauge) linePlot {
	p := linePlot{title: title, xName: "seconds", marks: marks, area: len(lines) == 1}
	most := 0.0
	for _, l := range lines {
		var points []XY
		highest := 0.0
		for _, s := range samples {
			if v := l.value(s); v > 0 || !skip {
				points = append(points, XY{s.At, v})
				highest = max(highest, v)
			}
		}
		if len(points) >= 2 && highest > 0 {
			p.series = append(p.series, Series{l.name, points})
			most = max(most, highest)
		}
	}
	if len(p.series) > 0 {
		p.x, p.y = sampleAxis(samples), linear(0, most, 4, true)
	}
	return p
}

func sampleAxis(samples []bench.Sample) axis {
	return linear(0, samples[len(samples)-1].At, 8, false)
}

// phases are the moments at which the run went on to something else: at the latest sample of what was before.
func phases(samples []bench.Sample) []plot.Tick {
	var marks []plot.Tick
	last, before := "", 0.0
	for _, s := range samples {
		if s.Phase != last && s.Phase != "" {
			marks, last = append(marks, plot.Tick{Value: before, Label: s.Phase}), s.Phase
		}
		before = s.At
	}
	return marks
}

// thin merges neighbours until at most that many samples are left: counters as the last of them has them, times at their
// worst, CPU as it was on average.
func thin(samples []bench.Sample, most int) []bench.Sample {
	n := (len(samples) + most - 1) / most
	if n <= 1 {
		return samples
	}
	var all []bench.Sample
	for group := range slices.Chunk(samples, n) {
		s := group[len(group)-1]
		s.ServerCPU, s.GeneratorCPU = 0, 0
		for _, g := range group {
			s.P50, s.P99, s.Max = max(s.P50, g.P50), max(s.P99, g.P99), max(s.Max, g.Max)
			s.ServerCPU += g.ServerCPU / float64(len(group))
			s.GeneratorCPU += g.GeneratorCPU / float64(len(group))
		}
		all = append(all, s)
	}
	return all
}
