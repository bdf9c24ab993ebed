package report

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"crier/bench"
)

// Progress is one line on a terminal that says what a run does just now. On anything else it writes nothing.
// Its methods may be called from several goroutines.
type Progress struct {
	total int

	mu     sync.Mutex
	bar    *progressbar.ProgressBar // nil: nothing is shown, or no longer
	tty    *os.File
	before bench.Sample
	widest int // letters that were shown
}

// The bar puts a spinner and two blanks around what it is told; a terminal's last column stays free, or some go on to
// the next line.
const aroundLine = len("| ") + len("  ") + 1

const ansi = runtime.GOOS != "windows" // its consoles may take an escape sequence for text

// NewProgress shows a run that wants that many connections, on w if that is a terminal that can rewrite a line.
func NewProgress(w *os.File, connections int) *Progress {
	p := &Progress{total: connections}
	if w == nil || !term.IsTerminal(int(w.Fd())) || os.Getenv("TERM") == "dumb" {
		return p
	}
	p.tty = w
	p.bar = progressbar.NewOptions(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSpinnerCustom([]string{"|", "/", "-", `\`}),
		progressbar.OptionSetSpinnerChangeInterval(0), // else it redraws by itself, from a goroutine
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(ansi),
	)
	return p
}

// Update rewrites the line.
func (p *Progress) Update(s bench.Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		return
	}
	text := progressLine(p.before, s, p.total)
	p.before = s
	width, _, err := term.GetSize(int(p.tty.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	if width <= aroundLine {
		return
	}
	text = cutLine(text, width-aroundLine)
	if !ansi {
		text += strings.Repeat(" ", max(0, min(p.widest, width-aroundLine)-utf8.RuneCountInString(text)))
	}
	p.widest = max(p.widest, utf8.RuneCountInString(text))
	p.bar.Describe(text)
}

// Close clears the line. Nothing is shown after it.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		return
	}
	if p.widest > 0 {
		if !ansi {
			p.bar.Describe(strings.Repeat(" ", p.widest))
		}
		_ = p.bar.Finish() // a terminal that is gone needs no clearing
	}
	p.bar = nil
}

// progressLine is what there is to say, the most important first.
func progressLine(before, s bench.Sample, total int) string {
	rate := none
	if s.At > before.At {
		rate = perSecond(max(0, float64(s.Deliveries-before.Deliveries)/(s.At-before.At)))
	}
	p99 := none
	if s.P99 > 0 {
		p99 = milliseconds(s.P99)
	}
	connections := count(s.Connections)
	if total > 0 {
		connections += " of " + count(total)
	}
	return fmt.Sprintf("%-7s  %s connections  %s deliveries/s  p99 %s  %.0f s", clean(s.Phase), connections, rate, p99, s.At)
}

// cutLine is the line in at most that many columns; each of its letters takes one.
func cutLine(line string, columns int) string {
	if runes := []rune(line); len(runes) > columns {
		return string(runes[:columns])
	}
	return line
}
