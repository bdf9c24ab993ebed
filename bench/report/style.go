package report

import (
	"fmt"
	"strings"
)

// colours are what each paint looks like on a light and on a dark ground. The series differ in lightness too, so that
// they can be told apart without seeing colours.
var colours = [inkSeries + seriesColours]struct{ light, dark string }{
	inkText:      {"#1f2328", "#e6edf3"},
	inkMuted:     {"#59636e", "#9198a1"},
	inkGrid:      {"#d8dee4", "#30363d"},
	inkAxis:      {"#8c959f", "#6e7681"},
	inkBar:       {"#a8b3bf", "#545d68"},
	inkAccent:    {"#0969da", "#4493f8"},
	inkReference: {"#59636e", "#9198a1"},
	inkWhisker:   {"#1f2328", "#e6edf3"},
	inkArea:      {"#0969da", "#4493f8"},

	inkSeries:     {"#0969da", "#4493f8"},
	inkSeries + 1: {"#bc4c00", "#f0883e"},
	inkSeries + 2: {"#8250df", "#bc8cff"},
	inkSeries + 3: {"#1a7f37", "#3fb950"},
	inkSeries + 4: {"#bf3989", "#f778ba"},
	inkSeries + 5: {"#7d4e00", "#d29922"},
	inkSeries + 6: {"#424a53", "#b1bac4"},
}

const systemFont = `-apple-system,BlinkMacSystemFont,"Segoe UI","Noto Sans",Helvetica,Arial,sans-serif`

// stylesheet is for one picture or for a page with several. No variables: not every program that shows SVG has them.
func stylesheet() string {
	var light, dark strings.Builder
	for i, c := range colours {
		fmt.Fprintf(&light, ".f%[1]d{fill:%[2]s}.s%[1]d{stroke:%[2]s}\n", i, c.light)
		fmt.Fprintf(&dark, ".f%[1]d{fill:%[2]s}.s%[1]d{stroke:%[2]s}\n", i, c.dark)
	}
	fmt.Fprintf(&light, ".f%d{fill-opacity:.14}\n", inkArea)
	return ".chart text{font-family:" + systemFont + ";font-variant-numeric:tabular-nums}\n.chart path{stroke-linejoin:round}\n" +
		light.String() + "@media (prefers-color-scheme:dark){\n" + dark.String() + "}\n"
}
