package report

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
	"time"

	"crier/bench"
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"ms":     milliseconds,
	"count":  count[int64],
	"clean":  clean,
	"zero":   func(s string) bool { return s == "0" || s == "0 connections" },
	"joined": func(s []string) string { return strings.Join(s, " ") },
}).Parse(pageSource))

// page is what the template shows.
type page struct {
	*bench.Result
	Style    template.CSS
	Started  string
	Setup    string
	Machine  string
	Key      []fact // what the run was for, large
	Sections []section
	Spreads  []spread
	Usage    []section
	Hint     string
	Tally    []fact
	Ended    string
	Figures  []picture
}

type picture struct {
	Title string
	SVG   template.HTML
}

// HTML writes one page with all of the run that [Table] has, and plots. It needs nothing from elsewhere and runs no
// script: it can be kept, mailed and opened by any browser.
func HTML(w io.Writer, r *bench.Result) error {
	p := page{
		Result:   r,
		Style:    template.CSS(stylesheet()), // made of constants
		Setup:    setup(r),
		Machine:  machine(&r.Machine),
		Key:      keys(r),
		Sections: findings(r),
		Spreads:  spreads(r),
		Usage:    usage(r),
		Hint:     hint(r),
		Tally:    tally(&r.Tally),
		Ended:    reasons(r.Tally.EndedByWhy),
	}
	if !r.Started.IsZero() {
		p.Started = r.Started.Format(time.RFC1123Z)
	}
	for _, f := range figures(r) {
		svg, err := drawLines(f.title, "", f.plots, chartWidth, 1, "")
		if err != nil {
			return err
		}
		p.Figures = append(p.Figures, picture{f.title, template.HTML(svg)}) // sheet.svg escapes every text
	}
	return pageTemplate.Execute(w, p)
}

// keys are the few figures that a reader looks for first.
func keys(r *bench.Result) []fact {
	var all []fact
	add := func(name, value string) { all = append(all, fact{name, value}) }
	if x := r.Stream; x != nil {
		add("p50 latency", milliseconds(x.Latency.P50))
		add("p99 latency", milliseconds(x.Latency.P99))
		add("deliveries/s", perSecond(x.PerSecond))
	}
	if x := r.Fanout; x != nil {
		add("to the last receiver, median", milliseconds(x.Last.P50))
		if x.ServerCPU > 0 {
			add("server CPU per delivery", microseconds(x.ServerCPU))
		}
	}
	if x := r.Burst; x != nil {
		add("deliveries/s, "+plural(x.Batch, "message")+" at a time", perSecond(x.PerSecond))
		if x.ServerCPU > 0 {
			add("server CPU per delivery, burst", microseconds(x.ServerCPU))
		}
	}
	if x := r.Storm; x != nil {
		add("came back", count(x.Back)+" of "+count(x.Cut))
		add("until all were back", seconds(x.Seconds))
	}
	if x := r.Connect; x != nil {
		add("connections", count(x.Open))
		if x.ServerBytes > 0 {
			add("server RSS per connection", size(x.ServerBytes))
		}
		if len(all) < 4 {
			add("connects/s", perSecond(x.PerSecond))
		}
	}
	return append(all, fact{"lost", count(r.Tally.Lost)})
}
