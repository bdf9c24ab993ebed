package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"crier/bench"
)

// Table writes what a user reads at the end of a run: the sections that the run has, the distributions, what server and
// generator took, what the clients got, and the problems last, one line each.
func Table(w io.Writer, r *bench.Result) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s of %s\n", clean(r.Scenario), clean(r.Target))
	fmt.Fprintf(b, "%s\n", setup(r))
	if m := machine(&r.Machine); m != "" {
		fmt.Fprintf(b, "generator on %s\n", m)
	}
	if s := findings(r); len(s) > 0 {
		fmt.Fprintln(b)
		writeSections(b, s)
	}
	if s := spreads(r); len(s) > 0 {
		fmt.Fprintln(b)
		writeSpreads(b, s)
	}
	if s := usage(r); len(s) > 0 {
		fmt.Fprintln(b)
		writeSections(b, s)
	}
	if h := hint(r); h != "" {
		fmt.Fprintf(b, "hint: %s\n", h)
	}

	fmt.Fprint(b, "\nmessages  ")
	for i, f := range tally(&r.Tally) {
		if i > 0 {
			fmt.Fprint(b, ", ")
		}
		fmt.Fprintf(b, "%s %s", f.Name, f.Value)
	}
	fmt.Fprintln(b)
	if len(r.Tally.EndedByWhy) > 0 {
		fmt.Fprintf(b, "ended with  %s\n", reasons(r.Tally.EndedByWhy))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(b, "note: %s\n", clean(note))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(b, "problem: %s\n", clean(p.String()))
	}
	return b.Flush()
}

func writeSections(w io.Writer, all []section) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range all {
		name := s.Name
		for _, f := range s.Facts {
			fmt.Fprintf(t, "%s\t%s\t%s\n", name, f.Name, f.Value)
			name = ""
		}
	}
	_ = t.Flush() // an error stays with the writer beneath
}

func writeSpreads(w io.Writer, all []spread) {
	// To the right, all but the names; these are filled up, and lose the blanks that the writer puts before its lines.
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	width := len("latency")
	for _, s := range all {
		width = max(width, len(s.Name))
	}
	fmt.Fprintf(t, "%-*s\tp50\tp90\tp99\tp99.9\tmax\tcount\t\n", width, "latency")
	for _, s := range all {
		fmt.Fprintf(t, "%-*s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", width, s.Name, milliseconds(s.P50), milliseconds(s.P90),
			milliseconds(s.P99), milliseconds(s.P999), milliseconds(s.Max), count(s.Count))
	}
	_ = t.Flush() // a Builder takes all
	for line := range strings.Lines(b.String()) {
		fmt.Fprint(w, strings.TrimPrefix(line, "  "))
	}
}
