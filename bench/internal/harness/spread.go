package harness

import "slices"

// A Spread sums up what several runs have found of one figure. The zero value is that of no runs.
type Spread struct {
	Median, Min, Max float64
	N                int
}

// Sum returns the spread of some values.
func Sum(values ...float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return Spread{Median: (s[(n-1)/2] + s[n/2]) / 2, Min: s[0], Max: s[n-1], N: n}
}
