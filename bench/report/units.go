package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// none stands for a figure that there is not.
const none = "–"

// digits is v with three significant digits, thousands apart: 0.0345, 3.45, 345, 34,500.
func digits(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	if v == 0 {
		return "0"
	}
	exponent := int(math.Floor(math.Log10(math.Abs(v))))
	unit := math.Pow10(exponent - 2)
	if exponent < 2 {
		unit = 1 / math.Pow10(2-exponent) // exact where Pow10 of a negative is not
	}
	rounded := math.Round(v/unit) * unit
	if math.Abs(rounded) >= math.Pow10(exponent+1) { // 9.996 is 10.0
		exponent++
	}
	text := strconv.FormatFloat(rounded, 'f', min(max(0, 2-exponent), 9), 64)
	whole, rest, _ := strings.Cut(text, ".")
	if rest != "" {
		rest = "." + rest
	}
	return thousands(whole) + rest
}

// short is v with three significant digits and k, M or G for large ones, without zeros at the end, for axes.
func short(v float64) string {
	for _, u := range [...]struct {
		unit float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= u.unit*0.9995 {
			return trimZeros(digits(v/u.unit)) + u.name
		}
	}
	return trimZeros(digits(v))
}

func trimZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// perSecond is a rate: 0.50, 11,400, 1.98 M.
func perSecond(v float64) string {
	if v >= 999_500 {
		return digits(v/1e6) + " M"
	}
	return digits(v)
}

func count[N int | int64](n N) string { return thousands(strconv.FormatInt(int64(n), 10)) }

func thousands(whole string) string {
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole
}

// plural is "1 round", "25 rounds".
func plural[N int | int64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + one + "s"
}

// milliseconds is a time given in ms, in the unit that reads best.
func milliseconds(ms float64) string {
	switch a := math.Abs(ms); {
	case a == 0:
		return "0 ms"
	case a < 0.9995:
		return digits(ms*1000) + " µs"
	case a < 999.5:
		return digits(ms) + " ms"
	default:
		return digits(ms/1000) + " s"
	}
}

func seconds(s float64) string {
	if s >= 600 {
		return time.Duration(math.Round(s) * float64(time.Second)).String()
	}
	return milliseconds(s * 1000)
}

func microseconds(us float64) string { return digits(us) + " µs" }

// size is bytes in the unit that reads best; below 10,000 as they are, since small differences count there.
func size(bytes float64) string {
	for _, u := range [...]struct {
		unit float64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if math.Abs(bytes) >= u.unit && math.Abs(bytes) >= 9999.5 {
			return digits(bytes/u.unit) + " " + u.name
		}
	}
	return thousands(strconv.FormatFloat(math.Round(bytes), 'f', 0, 64)) + " B"
}

// clean is s on one line with nothing in it that a terminal or XML would take for more than text.
func clean(s string) string {
	if strings.IndexFunc(s, strange) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strange(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func strange(r rune) bool { return r == utf8.RuneError || r != ' ' && !unicode.IsPrint(r) }
