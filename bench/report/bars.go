package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A BarChart compares servers: a panel for each figure, in it a bar for each server.
type BarChart struct {
	Title     string // what the chart shows, for those who do not see it; not drawn
	Highlight string // the name whose bars stand out; may be ""
	Columns   int    // panels beside each other; default 2
	Width     int    // px; default 860, about what a README is wide
	Panels    []BarPanel
}

// A BarPanel is one figure of all servers.
type BarPanel struct {
	Title string // what was measured: "RSS per idle connection"
	Unit  string // of all values: "KB"; may be ""
	Note  string // beneath the title: "less is better"; may be ""
	Log   bool   // logarithmic lengths, for values that are many times each other; all of them above 0
	Bars  []Bar
}

// A Bar is one figure of one server.
type Bar struct {
	Name      string  // in two columns about 25 letters are seen, of more the first ones
	Value     float64 // in the panel's unit, 0 or more; NaN: there is none, and the row says so
	Min, Max  float64 // of the runs that Value is the median of, drawn as a whisker; both 0: none
	Reference bool    // no server but what the others are held against: drawn hollow
}

// Measures of a chart, in px.
const (
	chartWidth  = 860
	columnGap   = 32
	rowGap      = 26
	rowHeight   = 25
	barHeight   = 14
	whiskerSize = 3.5 // half its ends
	labelSize   = 12.5
	titleSize   = 13.5
	noteSize    = 11
	tickSize    = 10.5
	pad         = 2 // around the chart, so that no stroke is cut
)

var (
	titleText = textStyle{paint: inkText, size: titleSize, bold: true}
	noteText  = textStyle{paint: inkMuted, size: noteSize}
	tickText  = textStyle{paint: inkMuted, size: tickSize, anchor: draw.XCenter}
	nameText  = textStyle{paint: inkText, size: labelSize, anchor: draw.XRight}
	valueText = textStyle{paint: inkText, size: labelSize}
)

// Bars writes the chart as an SVG file of its own, for light and dark pages.
func Bars(w io.Writer, c BarChart) error {
	if err := c.check(); err != nil {
		return err
	}
	width, columns := c.layout()
	columnWidth := (width - 2*pad - columnGap*float64(columns-1)) / float64(columns)

	names := 0.0
	var heights []float64 // of each row of panels
	for i, p := range c.Panels {
		if i%columns == 0 {
			heights = append(heights, 0)
		}
		last := &heights[len(heights)-1]
		*last = max(*last, p.height())
		for _, b := range p.Bars {
			names = max(names, bold(nameText, true).width(b.Name)+8)
		}
	}
	names = min(names, 0.45*columnWidth)
	height := 2*pad + rowGap*float64(len(heights)-1)
	for _, h := range heights {
		height += h
	}

	s := newSheet(width, math.Ceil(height))
	top := s.height - pad
	for i, p := range c.Panels {
		if i > 0 && i%columns == 0 {
			top -= heights[i/columns-1] + rowGap
		}
		left := pad + float64(i%columns)*(columnWidth+columnGap)
		p.draw(s, left, top, columnWidth, names, c.Highlight)
	}
	svg, err := s.svg(c.Title, c.text(), stylesheet())
	if err != nil {
		return err
	}
	_, err = w.Write(svg)
	return err
}

func (c *BarChart) layout() (width float64, columns int) {
	width, columns = float64(c.Width), c.Columns
	if width <= 0 {
		width = chartWidth
	}
	if columns <= 0 {
		columns = 2
	}
	return width, min(columns, len(c.Panels))
}

func (c *BarChart) check() error {
	if len(c.Panels) == 0 {
		return errors.New("bar chart: no panels")
	}
	for _, p := range c.Panels {
		some := false
		for _, b := range p.Bars {
			switch {
			case math.IsNaN(b.Value):
				continue
			case math.IsInf(b.Value, 0) || b.Value < 0 || p.Log && b.Value == 0:
				return fmt.Errorf("bar chart: panel %q, bar %q: no bar is as long as %v", p.Title, b.Name, b.Value)
			case b.whisker() && !(b.Min <= b.Value && b.Value <= b.Max && b.Min >= 0 && !math.IsInf(b.Max, 0)) || p.Log && b.whisker() && b.Min == 0:
				return fmt.Errorf("bar chart: panel %q, bar %q: %v is not between %v and %v", p.Title, b.Name, b.Value, b.Min, b.Max)
			}
			some = true
		}
		if !some {
			return fmt.Errorf("bar chart: panel %q: no values", p.Title)
		}
	}
	return nil
}

// text is the chart in words.
func (c *BarChart) text() string {
	var panels []string
	for _, p := range c.Panels {
		var bars []string
		for _, b := range p.Bars {
			bars = append(bars, b.Name+" "+digits(b.Value))
		}
		panels = append(panels, p.heading()+": "+strings.Join(bars, ", "))
	}
	return strings.Join(panels, ". ")
}

func (p *BarPanel) heading() string { return heading(p.Title, p.Unit) }

func heading(title, unit string) string {
	if unit == "" {
		return title
	}
	return title + ", " + unit
}

// head is the height of what is above the bars.
func (p *BarPanel) head() float64 {
	if p.Note == "" {
		return 26
	}
	return 42
}

func (p *BarPanel) height() float64 {
	h := p.head() + rowHeight*float64(len(p.Bars))
	if p.Log {
		h += 14 // the ticks
	}
	return h
}

func (p *BarPanel) draw(s *sheet, left, top, width, names float64, highlight string) {
	writeHeading(s, left, top, width, p.heading(), p.Note)

	most, least, values := 0.0, math.Inf(1), 0.0
	for _, b := range p.Bars {
		if math.IsNaN(b.Value) {
			continue
		}
		most = max(most, b.Value, b.Max)
		least = min(least, b.Value)
		if b.whisker() {
			least = min(least, b.Min)
		}
		values = max(values, bold(valueText, true).width(digits(b.Value))+8)
	}
	g := bare()
	g.X.Min, g.X.Max = 0, most
	if most == 0 {
		g.X.Max = 1
	}
	if p.Log {
		g.X.Scale = plot.LogScale{}
		g.X.Min = math.Pow10(int(math.Floor(math.Log10(least * 0.7))))
		g.X.Max = max(g.X.Max, g.X.Min*10)
	}
	g.Y.Min, g.Y.Max = -0.5, float64(len(p.Bars))-0.5
	g.Add(&barRows{p, highlight, names})
	bottom := top - p.head() - rowHeight*float64(len(p.Bars))
	g.Draw(s.panel(left+names, bottom, left+width-values, top-p.head()))
}

func writeHeading(s *sheet, left, top, width float64, title, note string) {
	all := s.panel(0, 0, s.width, s.height)
	titleText.write(all, px(left), px(top-9), titleText.cut(title, width))
	noteText.write(all, px(left), px(top-25), noteText.cut(note, width))
}

// barRows draws the bars of a panel, their names to the left and their values behind.
type barRows struct {
	*BarPanel
	highlight string
	names     float64
}

func (b *Bar) whisker() bool { return b.Min != 0 || b.Max != 0 }

func bold(s textStyle, yes bool) textStyle {
	s.bold = yes
	return s
}

func (r *barRows) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	if r.Log {
		for v := p.X.Min; v <= p.X.Max*1.001; v *= 10 {
			c.StrokeLine2(line(inkGrid, 1), x(v), c.Min.Y, x(v), c.Max.Y)
			tickText.write(c, x(v), c.Min.Y-px(8), short(v))
		}
	}
	for i, b := range r.Bars {
		middle := y(float64(len(r.Bars) - 1 - i)) // the first on top
		out := b.Name == r.highlight && r.highlight != ""
		name := bold(nameText, out)
		name.write(c, c.Min.X-px(8), middle, name.cut(b.Name, r.names-8))
		if math.IsNaN(b.Value) {
			noteText.write(c, c.Min.X+px(6), middle, "not measured")
			continue
		}
		end := x(b.Value)
		box := []vg.Point{{X: c.Min.X, Y: middle - px(barHeight/2)}, {X: end, Y: middle - px(barHeight/2)},
			{X: end, Y: middle + px(barHeight/2)}, {X: c.Min.X, Y: middle + px(barHeight/2)}}
		switch {
		case b.Reference:
			c.StrokeLines(line(inkReference, 1.2), append(box, box[0]))
		case out:
			c.FillPolygon(inkAccent.color(), box)
		default:
			c.FillPolygon(inkBar.color(), box)
		}
		if b.whisker() {
			low, high := x(b.Min), x(b.Max)
			c.StrokeLines(line(inkWhisker, 1.2), []vg.Point{{X: low, Y: middle}, {X: high, Y: middle}},
				[]vg.Point{{X: low, Y: middle - px(whiskerSize)}, {X: low, Y: middle + px(whiskerSize)}},
				[]vg.Point{{X: high, Y: middle - px(whiskerSize)}, {X: high, Y: middle + px(whiskerSize)}})
			end = max(end, high)
		}
		bold(valueText, out).write(c, end+px(7), middle, digits(b.Value))
	}
	c.StrokeLine2(line(inkAxis, 1), c.Min.X, c.Min.Y, c.Min.X, c.Max.Y)
}

func line(p paint, width float64) draw.LineStyle {
	return draw.LineStyle{Color: p.color(), Width: px(width)}
}
