package report

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"

	"crier/bench"
)

// A window is a terminal of one line that knows what the progress line needs, and tells of all else.
type window struct {
	line    []rune
	column  int
	widest  int      // columns that were ever written to
	shown   []string // what stood there each time the cursor came back
	strange string
}

func (w *window) write(output string) {
	for output != "" {
		switch {
		case strings.HasPrefix(output, "\x1b[0K"):
			w.line, output = w.line[:w.column], output[4:]
		case strings.HasPrefix(output, "\x1b[2K"):
			w.shown = append(w.shown, string(w.line))
			w.line, output = nil, output[4:]
		case output[0] == '\r':
			if len(w.line) > 0 {
				w.shown = append(w.shown, string(w.line))
			}
			w.column, output = 0, output[1:]
		default:
			r := []rune(output)[0]
			if r < ' ' {
				w.strange += string(r)
			}
			for len(w.line) <= w.column {
				w.line = append(w.line, ' ')
			}
			w.line[w.column] = r
			w.column++
			w.widest = max(w.widest, w.column)
			output = output[len(string(r)):]
		}
	}
}

// shownOn runs progress on a terminal and gives all that it wrote.
func shownOn(t *testing.T, columns uint16, progress func(tty *os.File)) string {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	if _, err := term.MakeRaw(int(tty.Fd())); err != nil { // or a newline would come with a return
		t.Fatal(err)
	}
	var all []byte
	var read sync.WaitGroup
	read.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			all = append(all, b[:n]...)
			if err != nil { // the other end is closed
				return
			}
		}
	})
	progress(tty)
	tty.Close()
	read.Wait()
	return string(all)
}

func TestProgressRewritesOneLine(t *testing.T) {
	for _, columns := range []uint16{0, 1, 3, 20, 40, 80, 200} {
		out := shownOn(t, columns, func(tty *os.File) {
			p := NewProgress(tty, 15000)
			p.Update(bench.Sample{At: 0.25, Phase: "connect", Connections: 9000})
			p.Update(bench.Sample{At: 0.5, Phase: "fanout", Connections: 15000, Deliveries: 1 << 20, P99: 123.4})
			p.Update(bench.Sample{At: 0.75, Phase: "idle", Connections: 3})
			p.Close()
			p.Update(bench.Sample{At: 1, Phase: "late"})
			p.Close()
		})
		var w window
		w.write(out)
		if len(w.line) > 0 || w.column != 0 {
			t.Errorf("%d columns: %q is left", columns, string(w.line))
		}
		if w.strange != "" {
			t.Errorf("%d columns: %q in %q", columns, w.strange, out)
		}
		if columns == 0 {
			columns = 80 // who does not know how wide it is
		}
		if w.widest > 0 && w.widest >= int(columns) {
			t.Errorf("%d columns: %d written", columns, w.widest)
		}
		if strings.Contains(out, "late") {
			t.Errorf("%d columns: shown after the end: %q", columns, out)
		}
		if columns < 80 {
			continue
		}
		for i, want := range []string{"connect  9,000 of 15,000 connections  0 deliveries/s  p99 –  0 s",
			"fanout   15,000 of 15,000 connections  4.19 M deliveries/s  p99 123 ms  0 s", "idle     3 of 15,000 connections  0 deliveries/s  p99 –  1 s"} {
			if len(w.shown) != 3 || !strings.Contains(w.shown[i], want) {
				t.Fatalf("%d columns: %q, want %q", columns, w.shown, want)
			}
		}
	}
}

func TestProgressNothingToClear(t *testing.T) {
	if out := shownOn(t, 80, func(tty *os.File) { NewProgress(tty, 10).Close() }); out != "" {
		t.Errorf("%q", out)
	}
	t.Setenv("TERM", "dumb")
	if out := shownOn(t, 80, func(tty *os.File) {
		p := NewProgress(tty, 10)
		p.Update(bench.Sample{At: 1, Connections: 1})
		p.Close()
	}); out != "" {
		t.Errorf("%q", out)
	}
}
