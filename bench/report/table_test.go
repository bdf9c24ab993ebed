package report

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crier/bench"
)

var update = flag.Bool("update", false, "write testdata anew")

func TestTable(t *testing.T) {
	for name, r := range allRuns() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Table(&b, r); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got := b.String(); got != strings.ReplaceAll(string(want), "\r\n", "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			for _, r := range b.String() {
				if r != '\n' && strange(r) {
					t.Errorf("%q could move a cursor", r)
				}
			}
			lines := strings.Split(strings.TrimSpace(b.String()), "\n")
			for i, p := range r.Problems {
				if line := lines[len(lines)-len(r.Problems)+i]; !strings.HasPrefix(line, "problem: ") || p.Do != "" && !strings.HasSuffix(line, p.Do) {
					t.Errorf("line %q", line)
				}
			}
		})
	}
}

func TestTableHint(t *testing.T) {
	for _, test := range []struct {
		scenario          string
		server, generator float64 // µs a delivery
		busy              float64 // cores that the generator used at most
		want              bool
	}{
		{bench.ScenarioFanout, 1.9, 2, 1, true},
		{bench.ScenarioFanout, 1.9, 2, 0.1, false},
		{bench.ScenarioFanout, 2, 2, 1, false},
		{bench.ScenarioFanout, 0, 2, 1, false}, // not known
		{bench.ScenarioLimit, 1.9, 2, 1, false},
	} {
		r := run(test.scenario)
		r.Burst, r.Stream = nil, nil
		r.Machine.Cores, r.Samples = 2, []bench.Sample{{ServerCPU: 0.9, GeneratorCPU: test.busy}}
		r.Fanout = &bench.Rounds{Deliveries: 1e6, ServerCPU: test.server, GeneratorCPU: test.generator}
		var b bytes.Buffer
		if err := Table(&b, r); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "\nhint: while messages flowed the generator used more CPU (2.00 s) than the server (1.90 s)"); got != test.want {
			t.Errorf("%+v:\n%s", test, b.String())
		}
	}
}

func TestTableWriterFails(t *testing.T) {
	if err := Table(brokenWriter{}, run(bench.ScenarioSurvey)); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
