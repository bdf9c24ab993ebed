package report

import (
	"math"
	"testing"
)

func TestUnits(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{digits(0), "0"}, {digits(0.0345678), "0.0346"}, {digits(0.9996), "1.00"}, {digits(9.996), "10.0"}, {digits(99.96), "100"}, {digits(1), "1.00"},
		{digits(999.6), "1,000"}, {digits(34567), "34,600"}, {digits(-1234567), "-1,230,000"}, {digits(math.NaN()), "–"}, {digits(math.Inf(1)), "–"},
		{digits(1e-12), "0.000000000"}, {digits(0.001), "0.00100"}, {digits(1000), "1,000"},
		{short(0), "0"}, {short(1000), "1k"}, {short(2500), "2.5k"}, {short(999.9), "1k"}, {short(1.5e6), "1.5M"}, {short(2e9), "2G"}, {short(0.25), "0.25"}, {short(100), "100"},
		{perSecond(11388.7), "11,400"}, {perSecond(1_983_471), "1.98 M"}, {perSecond(999_499), "999,000"}, {perSecond(999_600), "1.00 M"}, {perSecond(0.5), "0.500"},
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(-1234567), "-1,234,567"},
		{plural(1, "round"), "1 round"}, {plural(0, "round"), "0 rounds"},
		{milliseconds(0), "0 ms"}, {milliseconds(0.0345), "34.5 µs"}, {milliseconds(0.9996), "1.00 ms"}, {milliseconds(12.34), "12.3 ms"}, {milliseconds(999.6), "1.00 s"}, {milliseconds(61234), "61.2 s"},
		{seconds(599), "599 s"}, {seconds(3723.4), "1h2m3s"}, {seconds(0.5), "500 ms"},
		{size(0), "0 B"}, {size(338.4), "338 B"}, {size(9999), "9,999 B"}, {size(10000), "9.77 KiB"}, {size(5 << 20), "5.00 MiB"}, {size(3 << 30), "3.00 GiB"},
		{clean("plain µ …"), "plain µ …"}, {clean("a\nb\tc\x1b[2J\x00\xff\u202e"), `a\nb\tc\x1b[2J\x00\xff\u202e`}, {clean("\uFFFD"), `\ufffd`},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

func TestAxes(t *testing.T) {
	labels := func(a axis) (all []string) {
		for _, tick := range a.ticks {
			all = append(all, tick.Label)
			if tick.Value < a.min*(1-1e-9)-1e-9 || tick.Value > a.max*(1+1e-9) {
				t.Errorf("tick %v is not in %v to %v", tick.Value, a.min, a.max)
			}
		}
		return all
	}
	for name, test := range map[string]struct {
		axis axis
		want []string
	}{
		"grown":       {linear(0, 13, 4, true), []string{"0", "5", "10", "15"}},
		"as it is":    {linear(0, 15000, 5, false), []string{"0", "5k", "10k", "15k"}},
		"no length":   {linear(0, 0, 4, true), []string{"0", "0.25", "0.5", "0.75", "1"}},
		"around 0":    {linear(-1, 1, 4, true), []string{"-1", "-0.5", "0", "0.5", "1"}},
		"decades":     {logarithmic(0.02, 900_000), []string{"0.01", "0.1", "1", "10", "100", "1k", "10k", "100k", "1M"}},
		"few decades": {logarithmic(1000, 15000), []string{"1k", "2k", "5k", "10k", "20k"}},
		"one value":   {logarithmic(100, 100), []string{"50", "100", "200"}},
		"percentiles": {percentiles(12_345), []string{"0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"}},
	} {
		got := labels(test.axis)
		if len(got) != len(test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
			continue
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s: got %q, want %q", name, got, test.want)
			}
		}
	}
}
