package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"crier/bench"
)

func pageOf(t *testing.T, r *bench.Result) string {
	t.Helper()
	var b, again bytes.Buffer
	if err := errors.Join(HTML(&b, r), HTML(&again, r)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("not the same twice")
	}
	return b.String()
}

var (
	elsewhere = regexp.MustCompile(`(?i)<(script|link|img|iframe|object|embed|image|use|base|form)[ >]|\b(src|href|action|on\w+)=|@import|url\(`)
	svgs      = regexp.MustCompile(`(?s)<svg.*?</svg>`)
	tags      = regexp.MustCompile(`(?s)<style>.*?</style>|<[^>]*>`)
)

func TestHTML(t *testing.T) {
	for name, r := range allRuns() {
		t.Run(name, func(t *testing.T) {
			all := pageOf(t, r)
			if found := elsewhere.FindString(all); found != "" {
				t.Errorf("%q in the page", found)
			}
			for _, no := range []string{"ZgotmplZ", "NaN", "Inf", "%!", "<no value>"} {
				if strings.Contains(all, no) {
					t.Errorf("%q in the page", no)
				}
			}
			for _, need := range []string{"<!DOCTYPE html>", "prefers-color-scheme:dark", "Content-Security-Policy", `lang="en"`} {
				if !strings.Contains(all, need) {
					t.Errorf("no %q in the page", need)
				}
			}
			text := html.UnescapeString(tags.ReplaceAllString(all, " "))
			needed := []string{clean(r.Target), setup(r), machine(&r.Machine)}
			for _, s := range append(findings(r), usage(r)...) {
				for _, f := range s.Facts {
					needed = append(needed, f.Name, f.Value)
				}
			}
			for _, s := range spreads(r) {
				needed = append(needed, s.Name, milliseconds(s.P50), milliseconds(s.P999), milliseconds(s.Max))
			}
			for _, p := range r.Problems {
				needed = append(needed, clean(p.String()))
			}
			for _, n := range append(needed, r.Notes...) {
				if !strings.Contains(text, n) {
					t.Errorf("no %q in\n%s", n, text)
				}
			}
			for _, svg := range svgs.FindAllString(all, -1) {
				texts(t, []byte(svg))
				if !strings.Contains(svg, `role="img" aria-label="`) || !strings.Contains(svg, "<title>") || !strings.Contains(svg, "<desc>") {
					t.Errorf("a plot without words:\n%.300s", svg)
				}
				apart(t, svg)
				inside(t, svg)
			}
			balanced(t, all)
		})
	}
}

// balanced checks that all elements are closed, and by their own names.
func balanced(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.Replace(page, "<!DOCTYPE html>", "", 1)))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Error(err)
			return
		}
	}
}

func TestHTMLEscapes(t *testing.T) {
	const nasty = "\"'></title></style></svg><script>alert(1)</script><img src=x onerror=alert(1)>&\x00\xff\x1b[2J"
	r := failed()
	// Every string that there is in a result.
	var spoil func(v reflect.Value)
	spoil = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString(nasty)
		case reflect.Pointer:
			if !v.IsNil() {
				spoil(v.Elem())
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					spoil(v.Field(i))
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				spoil(v.Index(i))
			}
		}
	}
	spoil(reflect.ValueOf(r))
	r.Slow = &bench.Slow{CloseLog: []bench.Reason{{Reason: nasty}}}
	r.Storm = &bench.Storm{Mode: nasty, Failures: []bench.Reason{{Reason: nasty}}}
	page := pageOf(t, r)
	for _, no := range []string{"<script", "<img", "\x00", "\xff", "\x1b"} {
		if strings.Contains(page, no) {
			t.Errorf("%q in the page", no)
		}
	}
	if n := strings.Count(page, "</title>"); n != 1+strings.Count(page, "<svg") {
		t.Errorf("%d titles", n)
	}
	if n := strings.Count(page, "</style>"); n != 1 {
		t.Errorf("%d styles", n)
	}
	balanced(t, page)
}

func TestHTMLPlots(t *testing.T) {
	// What is plotted: only what the run has.
	const (
		deliveries = "Latency of deliveries over percentiles"
		rounds     = "Time to the last receiver over percentiles"
		handshakes = "Latency of handshakes over percentiles"
		throughput = "Throughput over time"
		latency    = "Latency over time"
		growth     = "Server memory over connections"
		memory     = "Server memory over time"
		cpu        = "CPU over time"
	)
	noServer := run(bench.ScenarioRate)
	noServer.Server = nil
	for i := range noServer.Samples {
		noServer.Samples[i].ServerRSS, noServer.Samples[i].ServerCPU = 0, 0
	}
	one := run(bench.ScenarioSurvey)
	one.Samples = one.Samples[:1]
	for name, test := range map[string]struct {
		r    *bench.Result
		want []string
	}{
		"nothing":    {&bench.Result{}, nil},
		"idle":       {run(bench.ScenarioIdle), []string{handshakes, growth, memory, cpu}},
		"fanout":     {run(bench.ScenarioFanout), []string{deliveries, rounds, handshakes, throughput, latency, growth, memory, cpu}},
		"limit":      {run(bench.ScenarioLimit), []string{deliveries, rounds, throughput, latency, memory, cpu}},
		"no server":  {noServer, []string{deliveries, handshakes, throughput, latency, cpu}},
		"one sample": {one, []string{deliveries, rounds, handshakes}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range figures(test.r) {
				got = append(got, f.title)
			}
			if name == "one sample" { // its one point of time is as good as none, but drawn
				got = slices.DeleteFunc(got, func(s string) bool { return s == latency })
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			pageOf(t, test.r)
		})
	}
}

func TestHTMLLongRun(t *testing.T) {
	r := run(bench.ScenarioRate)
	r.Samples = nil
	for i := range 100_000 {
		r.Samples = append(r.Samples, bench.Sample{At: float64(i) / 4, Phase: "stream", Connections: 10, Deliveries: int64(i) * 1000, P50: 1, P99: 2, Max: 3, ServerRSS: 1 << 24})
	}
	r.Samples[77_777].Max = 1234
	page := pageOf(t, r)
	if len(page) > 200_000 {
		t.Errorf("a page of %d bytes", len(page))
	}
	if !strings.Contains(page, "at most 1,230") {
		t.Error("the highest of all is not in the plot")
	}
}

func TestCurve(t *testing.T) {
	got := curve(bench.Latency{Count: 2000, Min: 1, P50: 2, P90: 3, P99: 4, P999: 5, Max: 6})
	want := []XY{{1, 1}, {2, 2}, {10, 3}, {100, 4}, {1000, 5}, {2000, 6}}
	for i := range got {
		if len(got) != len(want) || got[i].Y != want[i].Y || got[i].X < want[i].X*0.999 || got[i].X > want[i].X*1.001 {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	for _, p := range curve(bench.Latency{Count: 10, Curve: []bench.Point{{Percentile: 50, MS: 1}, {Percentile: 99.9999, MS: 2}, {Percentile: 100, MS: 3}, {Percentile: 101, MS: 4}}}) {
		if p.X > 10 {
			t.Errorf("%v is farther than ten values go", p)
		}
	}
}

func TestHTMLWriterFails(t *testing.T) {
	if err := HTML(brokenWriter{}, run(bench.ScenarioSurvey)); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

func TestJSON(t *testing.T) {
	for name, r := range allRuns() {
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(b.String(), "{\n  \"scenario\": \"") || !strings.HasSuffix(b.String(), "}\n") {
			t.Errorf("%s: not indented:\n%.200s", name, b.String())
		}
		var again bench.Result
		if err := json.Unmarshal(b.Bytes(), &again); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*r, again) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", name, again, *r)
		}
	}
	if err := JSON(brokenWriter{}, run(bench.ScenarioIdle)); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
