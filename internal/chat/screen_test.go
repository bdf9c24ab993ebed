package chat

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
)

// A model is as much of a terminal as the client uses: what it does not know
// it notes as strange.
type model struct {
	width   int
	rows    [][]rune
	x, y    int
	pending []byte
	strange []string
}

func (m *model) feed(p []byte) {
	m.pending = append(m.pending, p...)
	for len(m.pending) > 0 {
		n := m.step(m.pending)
		if n == 0 {
			return // half a sequence
		}
		m.pending = m.pending[n:]
	}
}

// step takes one character or sequence and returns its length.
func (m *model) step(p []byte) int {
	switch {
	case p[0] == '\r':
		m.x = 0
		return 1
	case p[0] == '\n':
		m.y++
		return 1
	case p[0] == 0x1b:
		end := bytes.IndexFunc(p[1:], func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' })
		if end < 0 {
			return 0
		}
		m.sequence(string(p[1 : end+2]))
		return end + 2
	case p[0] < ' ' || p[0] == 0x7f:
		m.strange = append(m.strange, string(p[:1]))
		return 1
	}
	r := []rune(string(p[:1]))
	n := 1
	if p[0] >= 0x80 {
		n = min(len(p), map[bool]int{true: 2, false: 3}[p[0] < 0xe0])
		if p[0] >= 0xf0 {
			n = min(len(p), 4)
		}
		r = []rune(string(p[:n]))
	}
	if m.x == m.width {
		m.x, m.y = 0, m.y+1
	}
	m.row(m.y)
	for len(m.rows[m.y]) <= m.x {
		m.rows[m.y] = append(m.rows[m.y], ' ')
	}
	m.rows[m.y][m.x] = r[0]
	m.x++
	return n
}

func (m *model) row(y int) {
	for len(m.rows) <= y {
		m.rows = append(m.rows, nil)
	}
}

func (m *model) sequence(s string) {
	n := 1
	_, _ = fmt.Sscanf(s, "[%d", &n)
	m.row(m.y)
	switch s[len(s)-1] {
	case 'A':
		m.y = max(m.y-n, 0)
	case 'B':
		m.y += n
	case 'C':
		m.x += n
	case 'D':
		m.x = max(m.x-n, 0)
	case 'K':
		m.rows[m.y] = m.rows[m.y][:min(m.x, len(m.rows[m.y]))]
	case 'J':
		m.rows[m.y] = m.rows[m.y][:min(m.x, len(m.rows[m.y]))]
		m.rows = m.rows[:m.y+1]
	case 'm':
		if s != "[2m" && s != "[0m" {
			m.strange = append(m.strange, s)
		}
	default:
		m.strange = append(m.strange, s)
	}
}

// text is what is on the screen, without blanks at the ends of rows.
func (m *model) text() string {
	var b strings.Builder
	for _, row := range m.rows {
		b.WriteString(strings.TrimRight(string(row), " "))
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

// A window is a terminal with somebody in front of it.
type userWindow struct {
	t           *testing.T
	master, tty *os.File
	drawn       chan struct{}

	mu sync.Mutex

	// Guarded by mu.
	screen model
	raw    []byte
}

func openWindow(t *testing.T, width uint16) *userWindow {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("SKIPPED: no pty here:", err)
	}
	w := &userWindow{t: t, master: master, tty: tty, drawn: make(chan struct{}, 1), screen: model{width: int(width)}}
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: width}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			w.mu.Lock()
			w.screen.feed(buf[:n])
			w.raw = append(w.raw, buf[:n]...)
			w.mu.Unlock()
			select {
			case w.drawn <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() {
		_ = tty.Close()
		_ = master.Close()
		<-done
	})
	return w
}

// keys presses keys.
func (w *userWindow) press(keys string) {
	w.t.Helper()
	if _, err := w.master.WriteString(keys); err != nil {
		w.t.Fatal(err)
	}
}

func (w *userWindow) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.screen.text()
}

// await waits until the screen is as wanted.
func (w *userWindow) await(what string, as func(text string) bool) {
	w.t.Helper()
	for !as(w.text()) {
		within(w.t, w.drawn, fmt.Sprintf("%s on the screen:\n%s\n", what, w.text()))
	}
}

func (w *userWindow) awaitText(part string) {
	w.t.Helper()
	w.await(fmt.Sprintf("%q", part), func(text string) bool { return strings.Contains(text, part) })
}

func (w *userWindow) awaitEnd(end string) {
	w.t.Helper()
	w.await(fmt.Sprintf("%q at the end", end), func(text string) bool { return strings.HasSuffix(text, end) })
}
