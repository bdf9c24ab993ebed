package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"crier/bench/internal/harness"
)

// head is that of docs/benchmarks.md, where there is none yet. bench/growth adds to the same file.
const head = `# Benchmarks

What is between marks is written by the command that stands there. Absolute figures differ from machine to machine; what is
measured in one run can be compared.`

// write writes all documents, and the tables to stdout.
func (c *cli) write(r *raw) error {
	section := r.section(c.Chart)
	fmt.Println(section)
	var errs []error
	if c.Out != "" {
		errs = append(errs, harness.Document{Path: c.Out, Head: head}.Put("compare", "Beside other servers", section))
	}
	if c.Readme != "" {
		errs = append(errs, harness.Document{Path: c.Readme}.Put("figures", "", r.headline()))
	}
	if c.Chart != "" {
		var svg bytes.Buffer
		if err := r.draw(&svg); err != nil {
			errs = append(errs, err)
		} else {
			errs = append(errs, harness.WriteFile(c.Chart, svg.Bytes()))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, s := range r.Servers {
		if s.Crier && len(r.problems(s.Name)) > 0 {
			return fmt.Errorf("%s had problems: see above", s.Name)
		}
	}
	return nil
}

// section is the part of docs/benchmarks.md.
func (r *raw) section(chart string) string {
	parts := []string{
		r.method(),
		r.Where(r.machine()),
	}
	if chart != "" {
		parts = append(parts, "![Crier beside other servers: "+strings.Join(titles(), ", ")+"]("+base(chart)+")")
	}
	parts = append(parts, fmt.Sprintf("Median (least–most), × how many times that of %s.", r.reference().title()),
		"Connections:", r.table(&memory, &handshake, &connects, &idle),
		"One message at a time to all:", r.table(&last, &last99, &delivery, &generator),
		fmt.Sprintf("%d messages back to back to all:", r.Batch), r.table(&throughput, &burstDelivery, &burstGenerator))
	if lines := r.troubles(); lines != "" {
		parts = append(parts, "† Not all went well; the figures are of what did:", lines)
	}
	return strings.Join(append(parts, r.Notes...), "\n\n")
}

func (r *raw) method() string {
	times := "once"
	if r.Cycles > 1 {
		times = fmt.Sprintf("%d times, in turn", r.Cycles)
	}
	text := fmt.Sprintf("`make compare` (`%s`, %s): %s loopback connections, messages of %d bytes; each server %s, each time a fresh process and the "+
		"only one. All of them do the same: what comes in goes to all. How each is set up: [bench/peers](../bench/peers).",
		harness.CommandLine("bin/compare", r.Args), harness.Minutes(r.Seconds), harness.Count(r.Connections), r.Size, times)
	if line := r.generatorLine(); line != "" {
		text += " The client is `" + line + "`."
	}
	return text
}

// generatorLine is the generator's command line for the first server.
func (r *raw) generatorLine() string {
	for _, t := range r.counted(r.reference().Name) {
		if t.Result == nil || len(t.Result.Setup.Args) == 0 {
			continue
		}
		var args []string
		skip := false
		for _, a := range t.Result.Setup.Args {
			switch {
			case skip:
				skip = false
			case a == "--pid" || a == "--json":
				skip = true
			case strings.HasPrefix(a, "ws://"):
				args = append(args, "URL")
			default:
				args = append(args, a)
			}
		}
		return harness.CommandLine("bin/bench", args)
	}
	return ""
}

// reference is the server that ratios are to: the first build of Crier, or the first of all.
func (r *raw) reference() *server {
	for i := range r.Servers {
		if r.Servers[i].Crier {
			return &r.Servers[i]
		}
	}
	return &r.Servers[0]
}

// table has a row for each server and a column for each figure.
func (r *raw) table(figures ...*figure) string {
	columns := []string{"server"}
	for _, f := range figures {
		columns = append(columns, f.name)
	}
	var rows [][]string
	for _, s := range r.Servers {
		row := []string{r.name(&s)}
		some := false
		for _, f := range figures {
			cell := r.cell(&s, f)
			some = some || cell != none
			row = append(row, cell)
		}
		if some || s.Name != kernel {
			rows = append(rows, row)
		}
	}
	return harness.Table(columns, rows)
}

// none stands for a figure that there is not.
const none = "–"

func (r *raw) cell(s *server, f *figure) string {
	sum := r.sum(s.Name, f)
	if sum.N == 0 {
		return none
	}
	text := sum.Write(f.unit(sum.Median))
	// How large the generator's part is says whether it was the generator that was measured; it is nobody's merit.
	ref := r.reference()
	if to := r.sum(ref.Name, f); s.Name != ref.Name && to.Median > 0 && f != &generator && f != &burstGenerator {
		text += " ×" + harness.Digits(sum.Median/to.Median)
	}
	return text
}

// name is the first cell of a server's row.
func (r *raw) name(s *server) string {
	text := s.title()
	if s.Crier {
		text = "**" + text + "**"
		if len(builds(nil)) < r.crierBuilds() {
			text += " (" + s.Version + ")"
		}
	}
	if len(r.problems(s.Name)) > 0 {
		text += " †"
	}
	return text
}

func (r *raw) crierBuilds() int {
	n := 0
	for _, s := range r.Servers {
		if s.Crier {
			n++
		}
	}
	return n
}

// headline is the short table of the README.
func (r *raw) headline() string {
	figures := []*figure{&memory, &handshake, &last, &delivery, &throughput}
	columns := []string{"", "RSS per idle connection", "CPU per handshake", "one message to all: last receiver after", "CPU per delivery",
		fmt.Sprintf("%d back to back: deliveries", r.Batch)}
	var rows [][]string
	for _, s := range r.Servers {
		row := []string{r.name(&s)}
		for _, f := range figures {
			cell := none
			if sum := r.sum(s.Name, f); sum.N > 0 {
				u := f.unit(sum.Median)
				if cell = u.In(sum.Median) + u.Name; s.Crier {
					cell = "**" + cell + "**"
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	times := "each measured once"
	if r.Cycles > 1 {
		times = fmt.Sprintf("medians of %d", r.Cycles)
	}
	m := r.machine()
	text := fmt.Sprintf("%s loopback connections, messages of %d bytes, server and clients on the same %d cores (%s, %s, %s, %s, commit %s), %s. "+
		"`make compare` measures them again; all figures are in [docs/benchmarks.md](docs/benchmarks.md).",
		harness.Count(r.Connections), r.Size, m.Cores, m.CPU, harness.Kernel(m), harness.Go(m), r.Started.UTC().Format("2006-01-02"), r.Commit, times)
	parts := []string{text, harness.Table(columns, rows)}
	if r.troubles() != "" {
		parts = append(parts, "† Not all went well: see there.")
	}
	return strings.Join(parts, "\n\n")
}

// problems are those of one server, each with the cycles in which it was there.
func (r *raw) problems(name string) []string {
	var order []string
	cycles := make(map[string][]string)
	for _, t := range r.counted(name) {
		for _, p := range t.problems() {
			if cycles[p] == nil {
				order = append(order, p)
			}
			cycles[p] = append(cycles[p], fmt.Sprint(t.Cycle))
		}
	}
	for i, p := range order {
		order[i] = fmt.Sprintf("%s (cycle %s)", strings.TrimRight(p, "."), strings.Join(cycles[p], ", "))
	}
	return order
}

// troubles is a list of what went wrong, "" if nothing did.
func (r *raw) troubles() string {
	var lines []string
	for _, s := range r.Servers {
		for _, p := range r.problems(s.Name) {
			lines = append(lines, "- "+s.title()+": "+harness.OneLine(p))
		}
	}
	return strings.Join(lines, "\n")
}

// base is the chart's path as seen from the document, which is in the same folder.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
