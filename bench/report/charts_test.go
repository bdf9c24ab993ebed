package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// comparison is a chart of the size that the documentation has: seven servers, four figures.
func comparison() BarChart {
	servers := []string{"Crier", "goroutines, gorilla", "gws", "nbio", "coder/websocket", "centrifuge", "bare kernel loop"}
	bars := func(values ...float64) []Bar {
		var all []Bar
		for i, v := range values {
			b := Bar{Name: servers[i], Value: v, Min: v * 0.93, Max: v * 1.09, Reference: i == 6}
			if math.IsNaN(v) {
				b.Min, b.Max = 0, 0
			}
			all = append(all, b)
		}
		return all
	}
	nan := math.NaN()
	return BarChart{
		Title:     "Crier and six others",
		Highlight: "Crier",
		Panels: []BarPanel{
			{Title: "RSS per idle connection", Unit: "KB", Note: "logarithmic, less is better", Log: true, Bars: bars(0.338, 22.5, 9.04, 1.57, 23.7, 29.7, nan)},
			{Title: "One message to all, last receiver", Unit: "ms", Note: "less is better", Bars: bars(109, 118, 112, 173, 280, 135, 123)},
			{Title: "CPU per delivery", Unit: "µs", Note: "less is better", Bars: bars(8.53, 11.1, 10.4, 11.7, 18, 13.6, 8.2)},
			{Title: "16 messages back to back, deliveries/s", Unit: "M", Note: "more is better", Bars: bars(1.98, 0.13, 0.131, 0.084, 0.121, 0.11, 2.14)},
		},
	}
}

// growth is a chart with several series.
func growth() LineChart {
	xs := []float64{1000, 2000, 5000, 10000, 15000}
	series := func(name string, f func(float64) float64) Series {
		s := Series{Name: name}
		for _, x := range xs {
			s.Points = append(s.Points, XY{x, f(x)})
		}
		return s
	}
	flat := func(y, wobble float64) func(float64) float64 {
		return func(x float64) float64 { return y + wobble*math.Sin(x) }
	}
	return LineChart{
		Title:     "Growth",
		Highlight: "Crier",
		Panels: []LinePanel{
			{Title: "RSS per connection", Unit: "B", X: "connections", Series: []Series{series("uWebSockets", flat(460, 9)), series("Crier", flat(338, 12))}},
			{Title: "CPU per delivery", Unit: "µs", X: "connections", Note: "flat is the claim", Series: []Series{series("uWebSockets", flat(10.8, 0.2)),
				series("Crier", flat(8.5, 0.3)), series("bare loop", flat(8.2, 0.1))}},
			{Title: "RSS of the process", Unit: "MB", X: "connections", XLog: true, YLog: true, Series: []Series{series("uWebSockets", func(x float64) float64 { return 3 + x*460e-6 }),
				series("Crier", func(x float64) float64 { return 5 + x*338e-6 })}},
			{Title: "CPU per connect", Unit: "µs", X: "connections", Series: []Series{series("Crier", flat(18.2, 1))}},
		},
	}
}

// texts checks that it is XML and gives all its texts.
func texts(t *testing.T, svg []byte) []string {
	t.Helper()
	var all []string
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		if s, ok := token.(xml.CharData); ok {
			all = append(all, string(s))
		}
	}
}

func want(t *testing.T, all []string, labels ...string) {
	t.Helper()
	for _, l := range labels {
		if !slices.Contains(all, l) {
			t.Errorf("no text %q in %q", l, all)
		}
	}
}

// wantStyled checks that every colour is one of the style sheet's, in light and dark, and nothing comes from elsewhere.
func wantStyled(t *testing.T, svg string) {
	t.Helper()
	style, drawing, ok := strings.Cut(svg, "</style>")
	if !ok || !strings.Contains(style, "@media (prefers-color-scheme:dark)") {
		t.Error("no style for dark")
	}
	for _, no := range []string{"style=", "#", "rgb", "white", "Liberation", "href", "url(", "<image", "<script", "NaN", "Inf"} {
		if strings.Contains(drawing, no) {
			t.Errorf("%q in the drawing:\n%s", no, drawing)
		}
	}
	light, dark, _ := strings.Cut(style, "@media")
	for _, class := range regexp.MustCompile(`class="([^"]+)"`).FindAllStringSubmatch(drawing, -1) {
		for _, c := range strings.Fields(class[1]) {
			for _, sheet := range []string{light, dark} {
				if !strings.Contains(sheet, "."+c+"{") {
					t.Errorf("class %s has no colour in\n%s", c, sheet)
				}
			}
		}
	}
	if strings.Contains(light, "#ffffff") || strings.Contains(light, "#fff;") {
		t.Error("something is white")
	}
	if strings.Contains(drawing, "<path") && !strings.Contains(drawing, `class="`) {
		t.Error("no classes")
	}
}

func TestBars(t *testing.T) {
	c := comparison()
	var b, again bytes.Buffer
	if err := errors.Join(Bars(&b, c), Bars(&again, c)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("not the same twice")
	}
	all := texts(t, b.Bytes())
	want(t, all, c.Title, "not measured", "logarithmic, less is better", "more is better")
	for _, p := range c.Panels {
		want(t, all, p.Title+", "+p.Unit)
		for _, bar := range p.Bars {
			want(t, all, bar.Name)
			if !math.IsNaN(bar.Value) {
				want(t, all, digits(bar.Value))
			}
		}
	}
	wantStyled(t, b.String())
	apart(t, b.String())
	inside(t, b.String())
}

func TestBarsCutsNames(t *testing.T) {
	var b bytes.Buffer
	if err := Bars(&b, BarChart{Panels: []BarPanel{{Title: strings.Repeat("title ", 90), Note: strings.Repeat("note ", 90), Bars: []Bar{{Name: strings.Repeat("name ", 90), Value: 1}}}}}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "…"); n != 3 {
		t.Errorf("%d texts cut", n)
	}
	apart(t, b.String())
	inside(t, b.String())
}

func TestBarsEscapes(t *testing.T) {
	nasty := "</text><script>alert(1)</script>\x00\xff&"
	c := BarChart{Title: nasty, Highlight: nasty, Panels: []BarPanel{{Title: nasty, Unit: nasty, Note: nasty, Bars: []Bar{{Name: nasty, Value: 1}}}}}
	var b bytes.Buffer
	if err := Bars(&b, c); err != nil {
		t.Fatal(err)
	}
	texts(t, b.Bytes())
	wantStyledNot(t, b.String(), "<script>")
}

func wantStyledNot(t *testing.T, s string, no ...string) {
	t.Helper()
	for _, n := range no {
		if strings.Contains(s, n) {
			t.Errorf("%q in\n%s", n, s)
		}
	}
}

func TestBarsWide(t *testing.T) {
	c := comparison()
	for _, columns := range []int{1, 2, 4, 9} {
		for _, width := range []int{0, 1100} {
			c.Columns, c.Width = columns, width
			if columns > 2 {
				c.Width = 1500
			}
			var b bytes.Buffer
			if err := Bars(&b, c); err != nil {
				t.Fatal(err)
			}
			texts(t, b.Bytes())
			apart(t, b.String())
			inside(t, b.String())
		}
	}
}

func TestBarsRefuses(t *testing.T) {
	panel := func(log bool, bars ...Bar) BarChart { return BarChart{Panels: []BarPanel{{Log: log, Bars: bars}}} }
	for name, c := range map[string]BarChart{
		"no panels":          {},
		"no bars":            panel(false),
		"no values":          panel(false, Bar{Value: math.NaN()}),
		"negative":           panel(false, Bar{Value: -1}),
		"infinite":           panel(false, Bar{Value: math.Inf(1)}),
		"0 in logarithms":    panel(true, Bar{Value: 0}),
		"whisker elsewhere":  panel(false, Bar{Value: 1, Min: 2, Max: 3}),
		"whisker to NaN":     panel(false, Bar{Value: 1, Min: 0.5, Max: math.NaN()}),
		"whisker without ½":  panel(false, Bar{Value: 1, Min: 0.5}),
		"whisker to 0, logs": panel(true, Bar{Value: 1, Min: 0, Max: 2}),
	} {
		var b bytes.Buffer
		if err := Bars(&b, c); err == nil || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
	}
	for _, fine := range []BarChart{panel(false, Bar{Name: "none", Value: 0}), panel(true, Bar{Value: 1e-9}, Bar{Value: 1e12})} {
		var b bytes.Buffer
		if err := Bars(&b, fine); err != nil {
			t.Error(err)
		}
		wantStyled(t, b.String())
	}
	if err := Bars(brokenWriter{}, comparison()); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

func TestLines(t *testing.T) {
	c := growth()
	var b, again bytes.Buffer
	if err := errors.Join(Lines(&b, c), Lines(&again, c)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("not the same twice")
	}
	all := texts(t, b.Bytes())
	want(t, all, c.Title, "flat is the claim", "Crier", "uWebSockets", "bare loop", "5k", "15k")
	for _, p := range c.Panels {
		want(t, all, p.Title+", "+p.Unit, p.X)
		for _, s := range p.Series {
			want(t, all, lastLabel(s))
		}
	}
	wantStyled(t, b.String())
	apart(t, b.String())
	inside(t, b.String())
}

func TestLinesRefuses(t *testing.T) {
	panel := func(p LinePanel, points ...XY) LineChart {
		p.Series = []Series{{"a", points}}
		return LineChart{Panels: []LinePanel{p}}
	}
	for name, c := range map[string]LineChart{
		"no panels": {},
		"no points": panel(LinePanel{}),
		"NaN":       panel(LinePanel{}, XY{1, math.NaN()}),
		"infinite":  panel(LinePanel{}, XY{math.Inf(1), 1}),
		"negative":  panel(LinePanel{}, XY{1, -1}),
		"x log":     panel(LinePanel{XLog: true}, XY{0, 1}),
		"y log":     panel(LinePanel{YLog: true}, XY{1, 0}),
		"backwards": panel(LinePanel{}, XY{2, 1}, XY{1, 1}),
	} {
		var b bytes.Buffer
		if err := Lines(&b, c); err == nil || b.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", name, err, b.Len())
		}
	}
	for name, c := range map[string]LineChart{
		"one point":     panel(LinePanel{}, XY{5, 3}),
		"one, log":      panel(LinePanel{XLog: true, YLog: true}, XY{5, 3}),
		"all 0":         panel(LinePanel{}, XY{0, 0}, XY{1, 0}),
		"flat":          panel(LinePanel{XLog: true, YLog: true}, XY{1, 1e-7}, XY{1e9, 1e-7}),
		"far":           panel(LinePanel{}, XY{1, 1e-300}, XY{1e9, 1e15}),
		"negative x":    panel(LinePanel{}, XY{-5, 1}, XY{-1, 2}),
		"more than ten": panel(LinePanel{XLog: true, YLog: true}, XY{1e-5, 1e-6}, XY{1e9, 1e8}),
	} {
		var b bytes.Buffer
		if err := Lines(&b, c); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		texts(t, b.Bytes())
		wantStyled(t, b.String())
	}
	if err := Lines(brokenWriter{}, growth()); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

// A box is what a text takes, in px.
type box struct {
	text                     string
	left, right, bottom, top float64
}

var textElement = regexp.MustCompile(`<text x="([^"]+)" y="([^"]+)"[^>]*?font-size="([^"]+)"([^>]*)>([^<]*)</text>`)

// boxes are the places of all texts; the canvas has no transformation but the one that turns it over.
func boxes(t *testing.T, svg string) []box {
	t.Helper()
	var all []box
	for _, m := range textElement.FindAllStringSubmatch(svg, -1) {
		var v [3]float64
		for i := range v {
			var err error
			if v[i], err = strconv.ParseFloat(m[i+1], 64); err != nil {
				t.Fatal(err)
			}
		}
		x, y, size := v[0], -v[1], v[2]
		width := textStyle{size: size, bold: strings.Contains(m[0], "bold")}.width(m[5])
		switch {
		case strings.Contains(m[4], `"middle"`):
			x -= width / 2
		case strings.Contains(m[4], `"end"`):
			x -= width
		}
		all = append(all, box{m[5], x, x + width, y, y + 0.7*size})
	}
	if len(all) != strings.Count(svg, "<text") {
		t.Errorf("%d of %d texts found", len(all), strings.Count(svg, "<text"))
	}
	return all
}

// apart checks that no text covers another.
func apart(t *testing.T, svg string) {
	t.Helper()
	all := boxes(t, svg)
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.left < b.right && b.left < a.right && a.bottom < b.top && b.bottom < a.top {
				t.Errorf("%q covers %q: %+v, %+v", a.text, b.text, a, b)
			}
		}
	}
}

// inside checks that no text goes beyond the picture.
func inside(t *testing.T, svg string) {
	t.Helper()
	m := regexp.MustCompile(`width="([0-9.]+)" height="([0-9.]+)"`).FindStringSubmatch(svg)
	width, _ := strconv.ParseFloat(m[1], 64)
	height, _ := strconv.ParseFloat(m[2], 64)
	for _, b := range boxes(t, svg) {
		if b.left < 0 || b.right > width || b.bottom < 0 || b.top > height {
			t.Errorf("%+v is not inside %v x %v", b, width, height)
		}
	}
}
