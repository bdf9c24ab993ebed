package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
)

// An axis has the range that is drawn and the ticks in it.
type axis struct {
	min, max float64
	log      bool
	ticks    []plot.Tick
}

// linear is an axis with about n round ticks. With grow, both ends are ticks too.
func linear(least, most float64, n int, grow bool) axis {
	if !(most > least) {
		most = least + max(1, math.Abs(least)*0.1)
	}
	step := round((most - least) / float64(n))
	a := axis{min: least, max: most}
	if grow {
		a.min, a.max = math.Floor(least/step+1e-9)*step, math.Ceil(most/step-1e-9)*step
	}
	for i := math.Ceil(a.min/step - 1e-9); i*step <= a.max+step*1e-9; i++ {
		v := i * step
		if i == 0 {
			v = 0 // not -0
		}
		a.ticks = append(a.ticks, plot.Tick{Value: v, Label: short(v)})
	}
	return a
}

// round is the next of 1, 2, 2.5, 5 times a power of ten, from v upwards.
func round(v float64) float64 {
	unit := math.Pow10(int(math.Floor(math.Log10(v))))
	for _, m := range [...]float64{1, 2, 2.5, 5} {
		if v <= m*unit*(1+1e-9) {
			return m * unit
		}
	}
	return 10 * unit
}

// logarithmic is an axis from above 0, with ticks at the powers of ten, and at 2 and 5 where that leaves few.
func logarithmic(least, most float64) axis {
	if !(most > least) {
		least, most = least/2, least*2
	}
	low, high := int(math.Floor(math.Log10(least)+1e-9)), int(math.Ceil(math.Log10(most)-1e-9))
	steps := []float64{1}
	if high-low <= 3 {
		steps = []float64{1, 2, 5}
	}
	a := axis{log: true, min: math.Pow10(low), max: math.Pow10(high)}
	for e := low; e <= high; e++ {
		for _, m := range steps {
			v := m * math.Pow10(e)
			if v <= least*(1+1e-9) { // the last one not above
				a.min, a.ticks = v, a.ticks[:0]
			}
			a.ticks = append(a.ticks, plot.Tick{Value: v, Label: short(v)})
			if v >= most*(1-1e-9) {
				a.max = v
				return a
			}
		}
	}
	return a
}

// end lets the axis begin and end there, with the ticks that are left; not where it would have no length.
func (a *axis) end(least, most float64) {
	if most > least {
		a.min, a.max = least, most
		a.ticks = slices.DeleteFunc(a.ticks, func(t plot.Tick) bool { return t.Value < least*(1-1e-9) || t.Value > most*(1+1e-9) })
	}
}

// percentiles is the axis of HdrHistogram's plots: at p percent stands 1/(1-p/100), on a logarithmic scale.
func percentiles(most float64) axis {
	a := axis{log: true, min: 1, max: max(most, 10)}
	for v, label := 1.0, "0 %"; v <= a.max*1.001; v *= 10 {
		a.ticks = append(a.ticks, plot.Tick{Value: v, Label: label})
		switch v {
		case 1:
			a.ticks = append(a.ticks, plot.Tick{Value: 2, Label: "50 %"})
			label = "90 %"
		case 10:
			label = "99 %"
		case 100:
			label = "99.9 %"
		default:
			label = label[:len(label)-2] + "9 %"
		}
	}
	return a
}

func (a *axis) on(to *plot.Axis) {
	to.Min, to.Max = a.min, a.max
	if a.log {
		to.Scale = plot.LogScale{}
	}
}
