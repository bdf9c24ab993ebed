package report

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"math"
	"regexp"
	"strconv"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Gonum knows colours, not classes, and places text by the widths of a font that the reader may not have. So a sheet is
// drawn in colours that stand for what they paint (paint), and for how a text is anchored; sheet.svg turns them into
// classes and text-anchor. No colour of the drawing reaches the file.

// A paint is what a colour is for; its colours for light and dark are in the style sheet.
type paint uint8

const (
	inkText paint = iota
	inkMuted
	inkGrid
	inkAxis
	inkBar
	inkAccent // what stands out
	inkReference
	inkWhisker
	inkArea   // beneath a line
	inkSeries // the first of seriesColours
)

const seriesColours = 7

// sentinel marks a colour as a paint. Its parts are multiples of 8 plus 4, so that rounding does not change them.
const sentinel = 0xC4

func (p paint) color() color.Color { return p.anchored(0) }

// anchored is the colour of a text: 0 starts at its place, 1 has it in the middle, 2 ends there.
func (p paint) anchored(anchor uint8) color.Color {
	return color.NRGBA{R: sentinel, G: uint8(p)<<3 | 4, B: anchor<<3 | 4, A: 255}
}

func anchorOf(a draw.XAlignment) uint8 { return uint8(math.Round(float64(-a * 2))) }

// A sheet is drawn on in pixels from the lower left corner, as gonum does.
type sheet struct {
	*vgsvg.Canvas
	width, height float64
}

func newSheet(width, height float64) *sheet {
	return &sheet{vgsvg.New(px(width), px(height)), width, height}
}

// px is a length of the drawing: its unit is the point, which becomes a pixel of the picture.
func px(v float64) vg.Length { return vg.Points(v) }

// panel is the part of the sheet between two corners.
func (s *sheet) panel(left, bottom, right, top float64) draw.Canvas {
	return draw.Canvas{Canvas: s.Canvas, Rectangle: vg.Rectangle{
		Min: vg.Point{X: px(left), Y: px(bottom)}, Max: vg.Point{X: px(right), Y: px(top)},
	}}
}

// A textStyle is how a text looks.
type textStyle struct {
	paint  paint
	size   float64 // px
	bold   bool
	anchor draw.XAlignment
}

func (s textStyle) face() font.Face {
	f := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if s.bold {
		f.Weight = xfont.WeightBold
	}
	return font.DefaultCache.Lookup(f, px(s.size))
}

// width is about what the text takes: readers' fonts differ, so a little more than Liberation Sans needs.
func (s textStyle) width(txt string) float64 {
	face := s.face()
	return 1.1 * face.Width(clean(txt)).Points()
}

// write puts the text with the middle of its small letters' height at y.
func (s textStyle) write(c draw.Canvas, x, y vg.Length, txt string) {
	if txt = clean(txt); txt == "" {
		return
	}
	// FillString takes the baseline; digits and capitals are 0.7 of the size high.
	c.SetColor(s.paint.anchored(anchorOf(s.anchor)))
	c.FillString(s.face(), vg.Point{X: x, Y: y - px(0.35*s.size)}, txt)
}

// cut is the text in at most that many pixels.
func (s textStyle) cut(txt string, most float64) string {
	if s.width(txt) <= most {
		return txt
	}
	runes := []rune(txt)
	for len(runes) > 1 && s.width(string(runes)+"…") > most {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ,") + "…"
}

// bare is a plot without background, axes and padding: what is seen is drawn by its plotters.
func bare() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.HideAxes()
	p.X.Padding, p.Y.Padding = 0, 0
	return p
}

var (
	root   = regexp.MustCompile(`(?s)^.*?<svg[^>]*>`)
	styled = regexp.MustCompile(`\s*style="([^"]*)"`) // in no text: there " is &#34;
	colour = regexp.MustCompile(fmt.Sprintf(`^#%X([0-9A-F]{2})([0-9A-F]{2})$`, sentinel))
)

// svg is the picture with a title and a text for those who do not see it. With css it can stand alone; without, the page
// around it has the styles.
func (s *sheet) svg(title, alt, css string) ([]byte, error) {
	var b bytes.Buffer
	if _, err := s.WriteTo(&b); err != nil {
		return nil, err
	}
	body := root.ReplaceAllLiteralString(b.String(), "")
	body = styled.ReplaceAllStringFunc(body, func(all string) string {
		return restyle(styled.FindStringSubmatch(all)[1])
	})

	var out bytes.Buffer
	title, alt = html.EscapeString(clean(title)), html.EscapeString(clean(alt))
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="%[1]g" height="%[2]g" viewBox="0 0 %[1]g %[2]g" role="img" aria-label="%[3]s">`+"\n",
		s.width, s.height, title)
	fmt.Fprintf(&out, "<title>%s</title>\n", title)
	if alt != "" {
		fmt.Fprintf(&out, "<desc>%s</desc>\n", alt)
	}
	if css != "" {
		fmt.Fprintf(&out, "<style>\n%s</style>\n", css)
	}
	out.WriteString(body)
	return out.Bytes(), nil
}

// restyle is a style of vgsvg's as attributes and classes.
func restyle(style string) string {
	var classes []string
	var b strings.Builder
	for _, declaration := range strings.Split(style, ";") {
		name, value, _ := strings.Cut(declaration, ":")
		c := colour.FindStringSubmatch(value)
		switch {
		case c != nil:
			p, anchor := channel(c[1]), channel(c[2])
			classes = append(classes, fmt.Sprintf("%c%d", name[0], p)) // f of fill, s of stroke
			if anchor > 0 {
				fmt.Fprintf(&b, ` text-anchor="%s"`, [...]string{1: "middle", 2: "end"}[min(anchor, 2)])
			}
		case name == "font-family", name == "font-variant", name == "font-style", value == "normal": // the reader's own
		default:
			fmt.Fprintf(&b, ` %s="%s"`, name, strings.TrimSuffix(value, "px"))
		}
	}
	if len(classes) > 0 {
		fmt.Fprintf(&b, ` class="%s"`, strings.Join(classes, " "))
	}
	return b.String()
}

func channel(hex string) int {
	v, _ := strconv.ParseUint(hex, 16, 8) // two digits, by the expression
	return int(v) >> 3
}
