package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A LineChart shows how figures grow: a panel for each figure, in it a line for each series.
type LineChart struct {
	Title     string // what the chart shows, for those who do not see it; not drawn
	Highlight string // the name of the series that stands out; may be ""
	Columns   int    // panels beside each other; default 2
	Width     int    // px; default 860, about what a README is wide
	Panels    []LinePanel
}

// A LinePanel is one figure over another. Its y axis begins at 0, unless it is logarithmic.
type LinePanel struct {
	Title      string // what was measured: "CPU per delivery"
	Unit       string // of all y: "µs"; may be ""
	Note       string // beneath the title: "flat is the claim"; may be ""
	X          string // what x is, and its unit: "connections"
	XLog, YLog bool   // logarithmic axes, for values above 0
	Series     []Series
}

// A Series is one line. Series of the same name have the same colour in all panels.
type Series struct {
	Name   string
	Points []XY // in the order of x
}

// XY is one point of a series.
type XY struct{ X, Y float64 }

const (
	plotHeight = 150 // px, between the axes
	tickRoom   = 42  // px left of the y axis
	legendRoom = 30
)

// Lines writes the chart as an SVG file of its own, for light and dark pages. The last value of each line stands at its
// end.
func Lines(w io.Writer, c LineChart) error {
	svg, err := c.svg(stylesheet())
	if err != nil {
		return err
	}
	_, err = w.Write(svg)
	return err
}

func (c *LineChart) svg(css string) ([]byte, error) {
	if len(c.Panels) == 0 {
		return nil, errors.New("line chart: no panels")
	}
	var plots []linePlot
	for _, p := range c.Panels {
		lp, err := p.plot()
		if err != nil {
			return nil, err
		}
		plots = append(plots, lp)
	}
	width, columns := float64(c.Width), c.Columns
	if width <= 0 {
		width = chartWidth
	}
	if columns <= 0 {
		columns = 2
	}
	return drawLines(c.Title, c.Highlight, plots, width, min(columns, len(plots)), css)
}

// A linePlot is a panel ready to be drawn, with what only the plots of a run have.
type linePlot struct {
	title, note, xName string
	x, y               axis
	series             []Series
	breaks             map[int][]int // where a series is interrupted: behind these points
	marks              []plot.Tick   // lines from top to bottom, with a label
	area               bool          // the ground beneath the first series is filled
	ends               bool          // the last value stands at the end of its line
	dots               bool          // each point is seen
}

func (p *LinePanel) plot() (linePlot, error) {
	lp := linePlot{title: heading(p.Title, p.Unit), note: p.Note, xName: p.X, series: p.Series, ends: true, dots: true}
	least, most := XY{math.Inf(1), math.Inf(1)}, XY{math.Inf(-1), math.Inf(-1)}
	for _, s := range p.Series {
		for i, at := range s.Points {
			if bad(at.X, p.XLog) || bad(at.Y, p.YLog) || at.Y < 0 {
				return lp, fmt.Errorf("line chart: panel %q, series %q: no place for (%v, %v)", p.Title, s.Name, at.X, at.Y)
			}
			if i > 0 && at.X < s.Points[i-1].X {
				return lp, fmt.Errorf("line chart: panel %q, series %q: x goes back from %v to %v", p.Title, s.Name, s.Points[i-1].X, at.X)
			}
			least, most = XY{min(least.X, at.X), min(least.Y, at.Y)}, XY{max(most.X, at.X), max(most.Y, at.Y)}
		}
	}
	if math.IsInf(least.X, 0) {
		return lp, fmt.Errorf("line chart: panel %q: no points", p.Title)
	}
	if p.XLog {
		lp.x = logarithmic(least.X, most.X)
		lp.x.end(least.X, most.X)
	} else {
		lp.x = linear(min(0, least.X), most.X, 5, false)
	}
	if p.YLog {
		lp.y = logarithmic(least.Y, most.Y)
	} else {
		lp.y = linear(0, most.Y, 4, true)
	}
	return lp, nil
}

func bad(v float64, log bool) bool {
	return math.IsNaN(v) || math.IsInf(v, 0) || log && v <= 0
}

// drawLines puts the plots into columns, with one legend above for all.
func drawLines(title, highlight string, plots []linePlot, width float64, columns int, css string) ([]byte, error) {
	names := seriesNames(plots, highlight)
	rowsOfNames := legendRows(names, width-2*pad)
	legend, besideTitle := legendRoom*float64(len(rowsOfNames)), false
	if len(plots) == 1 && len(rowsOfNames) == 1 { // the title leaves room for it
		besideTitle = titleText.width(plots[0].title)+legendWidth(names...) < width-2*pad
	}
	if besideTitle {
		legend = 0
	}
	head := 28.0
	for _, p := range plots {
		if p.note != "" || len(p.marks) > 0 {
			head = 40
		}
	}
	const foot = 40 // ticks and the name of x
	rows := (len(plots) + columns - 1) / columns
	panelHeight := head + plotHeight + foot
	s := newSheet(width, 2*pad+legend+panelHeight*float64(rows)+rowGap*float64(rows-1))
	if besideTitle {
		drawLegend(s, rowsOfNames, names, highlight, width-pad-legendWidth(names...))
	} else {
		drawLegend(s, rowsOfNames, names, highlight, pad)
	}

	columnWidth := (width - 2*pad - columnGap*float64(columns-1)) / float64(columns)
	for i := range plots {
		p := &plots[i]
		left := pad + float64(i%columns)*(columnWidth+columnGap)
		top := s.height - pad - legend - float64(i/columns)*(panelHeight+rowGap)
		writeHeading(s, left, top, columnWidth, p.title, p.note)
		right := 14.0
		if p.ends {
			right = 0
			for _, x := range p.series {
				right = max(right, bold(valueText, true).width(lastLabel(x))+10)
			}
		}
		g := bare()
		p.x.on(&g.X)
		p.y.on(&g.Y)
		g.Add(&frame{p})
		for j, x := range p.series {
			out := x.Name == highlight && highlight != ""
			for _, points := range p.pieces(j) {
				l, err := plotter.NewLine(points)
				if err != nil {
					return nil, err
				}
				l.LineStyle = line(paintOf(names, x.Name), 1.8)
				if out {
					l.Width = px(2.6)
				}
				if p.area && j == 0 {
					l.FillColor = inkArea.color()
				}
				g.Add(l)
			}
		}
		g.Add(&ends{p, names, highlight})
		g.Draw(s.panel(left+tickRoom, top-head-plotHeight, left+columnWidth-right, top-head))
	}
	return s.svg(title, describe(plots), css)
}

// seriesNames are all there are; the one that stands out first, so that it has the first colour.
func seriesNames(plots []linePlot, highlight string) []string {
	var names []string
	for _, p := range plots {
		for _, s := range p.series {
			if !slices.Contains(names, s.Name) {
				names = append(names, s.Name)
			}
		}
	}
	if i := slices.Index(names, highlight); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, highlight)
	}
	return names
}

func paintOf(names []string, name string) paint {
	return inkSeries + paint(max(0, slices.Index(names, name))%seriesColours)
}

const swatch = 18 // px, of the legend

func legendWidth(names ...string) float64 {
	width := 0.0
	for _, name := range names {
		width += swatch + 6 + bold(valueText, true).width(name) + 16
	}
	return width
}

// legendRows are the names in rows that are no wider; none for a single one, which needs no legend.
func legendRows(names []string, width float64) [][]string {
	if len(names) < 2 {
		return nil
	}
	rows := [][]string{nil}
	for _, name := range names {
		last := &rows[len(rows)-1]
		if len(*last) > 0 && legendWidth(append(*last, name)...) > width {
			rows = append(rows, nil)
			last = &rows[len(rows)-1]
		}
		*last = append(*last, name)
	}
	return rows
}

func drawLegend(s *sheet, rows [][]string, names []string, highlight string, left float64) {
	all := s.panel(0, 0, s.width, s.height)
	for i, row := range rows {
		x, y := left, s.height-pad-9-legendRoom*float64(i)
		for _, name := range row {
			all.StrokeLine2(line(paintOf(names, name), 3), px(x), px(y), px(x+swatch), px(y))
			bold(valueText, name == highlight).write(all, px(x+swatch+6), px(y), name)
			x += legendWidth(name)
		}
	}
}

// pieces are the points of a series, cut where it is interrupted.
func (p *linePlot) pieces(series int) []plotter.XYs {
	var all []plotter.XYs
	var piece plotter.XYs
	for i, at := range p.series[series].Points {
		piece = append(piece, plotter.XY(at))
		if slices.Contains(p.breaks[series], i) {
			all, piece = append(all, piece), nil
		}
	}
	if piece != nil {
		all = append(all, piece)
	}
	return all
}

// frame draws grid, axes and ticks.
type frame struct{ *linePlot }

func (f *frame) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	last := math.Inf(-1)
	for _, t := range f.y.ticks {
		at := y(t.Value)
		c.StrokeLine2(line(inkGrid, 1), c.Min.X, at, c.Max.X, at)
		if at.Points()-last >= tickSize+2 { // of crowded ticks some go without a label
			textStyle{paint: inkMuted, size: tickSize, anchor: draw.XRight}.write(c, c.Min.X-px(6), at, t.Label)
			last = at.Points()
		}
	}
	for i, m := range f.marks {
		at, next := x(m.Value), c.Max.X
		if i+1 < len(f.marks) {
			next = x(f.marks[i+1].Value)
		}
		style := line(inkGrid, 1)
		style.Dashes = []vg.Length{px(3), px(3)}
		c.StrokeLine2(style, at, c.Min.Y, at, c.Max.Y+px(10))
		if name := (textStyle{paint: inkMuted, size: tickSize}); name.width(m.Label)+8 <= (next - at).Points() {
			name.write(c, at+px(4), c.Max.Y+px(7), m.Label)
		}
	}
	c.StrokeLine2(line(inkAxis, 1), c.Min.X, c.Min.Y, c.Max.X, c.Min.Y)
	free := math.Inf(-1)
	for _, t := range f.x.ticks {
		at := x(t.Value)
		c.StrokeLine2(line(inkAxis, 1), at, c.Min.Y, at, c.Min.Y-px(4))
		if half := tickText.width(t.Label) / 2; at.Points()-half > free {
			tickText.write(c, at, c.Min.Y-px(13), t.Label)
			free = at.Points() + half + 4
		}
	}
	textStyle{paint: inkMuted, size: noteSize, anchor: draw.XCenter}.write(c, (c.Min.X+c.Max.X)/2, c.Min.Y-px(30), f.xName)
}

// ends draws the points and the last values.
type ends struct {
	*linePlot
	names     []string
	highlight string
}

func lastLabel(s Series) string {
	if len(s.Points) == 0 {
		return ""
	}
	return digits(s.Points[len(s.Points)-1].Y)
}

func (e *ends) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	type label struct {
		text  string
		paint paint
		bold  bool
		x, y  vg.Length
	}
	var labels []label
	for j, s := range e.series {
		ink := paintOf(e.names, s.Name)
		for _, piece := range e.pieces(j) {
			if !e.dots && len(piece) > 1 { // a lone point has no line to be seen by
				continue
			}
			for _, at := range piece {
				var dot vg.Path
				dot.Move(vg.Point{X: x(at.X) + px(2.6), Y: y(at.Y)})
				dot.Arc(vg.Point{X: x(at.X), Y: y(at.Y)}, px(2.6), 0, 2*math.Pi)
				c.SetColor(ink.color())
				c.Fill(dot)
			}
		}
		if e.ends && len(s.Points) > 0 {
			at := s.Points[len(s.Points)-1]
			labels = append(labels, label{lastLabel(s), ink, s.Name == e.highlight && e.highlight != "", x(at.X), y(at.Y)})
		}
	}
	// From the lowest up, each is moved above the one before; then all down again as far as they stand out above.
	slices.SortStableFunc(labels, func(a, b label) int { return cmp.Compare(a.y, b.y) })
	const room = labelSize + 1
	for i := range labels {
		if i > 0 {
			labels[i].y = max(labels[i].y, labels[i-1].y+px(room))
		}
	}
	for i := len(labels) - 1; i >= 0; i-- {
		ceiling := c.Max.Y
		if i+1 < len(labels) {
			ceiling = labels[i+1].y - px(room)
		}
		labels[i].y = min(labels[i].y, ceiling)
	}
	for _, l := range labels {
		textStyle{paint: l.paint, size: labelSize, bold: l.bold}.write(c, max(l.x, c.Min.X)+px(7), l.y, l.text)
	}
}

// describe is the chart in words: where each line begins and ends, and its highest point.
func describe(plots []linePlot) string {
	var all []string
	for _, p := range plots {
		var lines []string
		for _, s := range p.series {
			if len(s.Points) == 0 {
				continue
			}
			top := slices.MaxFunc(s.Points, func(a, b XY) int { return cmp.Compare(a.Y, b.Y) })
			lines = append(lines, fmt.Sprintf("%s from %s to %s, at most %s", s.Name, digits(s.Points[0].Y), lastLabel(s), digits(top.Y)))
		}
		all = append(all, p.title+" over "+p.xName+": "+strings.Join(lines, "; "))
	}
	return strings.Join(all, ". ")
}
