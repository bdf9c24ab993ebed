package harness

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Digits is v with three significant digits and thousands apart: 0.0345, 3.45, 345, 34,500.
func Digits(v float64) string {
	if v == 0 {
		return "0"
	}
	text := strconv.FormatFloat(v, 'e', 2, 64) // rounded to three digits
	rounded, _ := strconv.ParseFloat(text, 64)
	exponent := int(math.Floor(math.Log10(math.Abs(rounded)) + 1e-9))
	text = strconv.FormatFloat(rounded, 'f', max(0, 2-exponent), 64)
	whole, rest, isFraction := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if isFraction {
		return whole + "." + rest
	}
	return whole
}

// Count is a whole number with thousands apart.
func Count[N int | int64](n N) string {
	whole := strconv.FormatInt(int64(n), 10)
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole
}

// A Unit is how a figure is written: value × Times, three digits, and a name.
type Unit struct {
	Times float64
	Name  string // with its space: " ms", "/s"
}

var (
	Milliseconds = Unit{1, " ms"}
	Microseconds = Unit{1, " µs"}
	Percent      = Unit{1, " %"}
	PerSecond    = Unit{1, "/s"}
	Millions     = Unit{1e-6, " M/s"}
)

// In writes v, without the unit's name.
func (u Unit) In(v float64) string { return Digits(v * u.Times) }

// Size returns the unit in which so many bytes read best. Below 10,000 they stay bytes: small differences count there.
func Size(bytes float64) Unit {
	for _, u := range []struct {
		size float64
		name string
	}{{1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}} {
		if math.Abs(bytes) >= max(u.size, 1e4) {
			return Unit{1 / u.size, u.name}
		}
	}
	return Unit{1, " B"}
}

// Bytes writes a number of bytes with its unit.
func Bytes(n float64) string { u := Size(n); return u.In(n) + u.Name }

// Write writes a spread with its unit: 22.0 KiB (21.9–22.1). One run has no range.
func (s Spread) Write(u Unit) string {
	text := u.In(s.Median) + u.Name
	if s.N > 1 {
		text += fmt.Sprintf(" (%s–%s)", u.In(s.Min), u.In(s.Max))
	}
	return text
}

// Minutes writes how long something took: 48 s, 14 min 5 s.
func Minutes(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// Table writes Markdown.
func Table(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			b.WriteString(" " + strings.ReplaceAll(c, "|", `\|`) + " |")
		}
		b.WriteString("\n")
	}
	line(head)
	b.WriteString("|" + strings.Repeat("---|", len(head)) + "\n")
	for _, r := range rows {
		line(r)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// OneLine makes text from elsewhere harmless in Markdown.
func OneLine(s string) string {
	return strings.NewReplacer("<", "&lt;", "`", "'", "|", "/").Replace(strings.Join(strings.Fields(s), " "))
}
