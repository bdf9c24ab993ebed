package chat

import (
	"errors"
	"io"
	"sync"

	"github.com/coder/websocket"
	"golang.org/x/term"
)

const prompt = "> "

// A screen shows messages above the line that is being typed. Its methods
// may be called from any goroutine.
type screen struct {
	// Immutable.
	term *term.Terminal // locks for itself
	out  *heldWriter

	printing sync.Mutex // one at a time holds out
}

func newScreen(in io.Reader, out io.Writer) *screen {
	held := &heldWriter{w: out}
	return &screen{
		term: term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{in, held}, prompt),
		out: held,
	}
}

// show prints a message.
func (s *screen) show(kind websocket.MessageType, data []byte) error {
	if kind == websocket.MessageBinary {
		return s.print(describe(data))
	}
	return s.print(escapeMessage(data))
}

// notice prints words of this client: faint and with a star, which no
// message can be, because its escape sequences are taken away.
func (s *screen) notice(text string) {
	_ = s.print("\x1b[2m* " + text + "\x1b[0m") // with the screen gone there is nobody to tell
}

// print takes the line being typed away, prints text and puts it back, all
// in one write. Terminal.Write counts a column a character and clears no row
// below the cursor; the return and erase in front of the text clean up what
// wide characters, or a cursor moved back over a wrapped line, leave behind.
func (s *screen) print(text string) error {
	s.printing.Lock()
	defer s.printing.Unlock()
	s.out.hold()
	_, err := s.term.Write([]byte("\r\x1b[J" + text + "\n"))
	return errors.Join(err, s.out.release())
}

// A heldWriter gathers writes while it is held.
type heldWriter struct {
	w io.Writer

	mu sync.Mutex

	// Guarded by mu.
	held bool
	buf  []byte
}

func (h *heldWriter) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held {
		h.buf = append(h.buf, p...)
		return len(p), nil
	}
	return h.w.Write(p)
}

func (h *heldWriter) hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = true
}

func (h *heldWriter) release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(h.buf)
	h.held, h.buf = false, h.buf[:0]
	return err
}
