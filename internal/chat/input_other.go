//go:build !unix

package chat

import (
	"io"
	"os"

	"golang.org/x/term"
)

// An input is a reader that can be interrupted, on other platforms.
type input struct{ r io.Reader }

func newInput(r io.Reader) (*input, error) { return &input{r}, nil }

func (in *input) interruptible() bool { return false }

func (in *input) Read(p []byte) (int, error) { return in.r.Read(p) }

func (in *input) stop() {}

func (in *input) release() {}

// followSize fits the size of t to the window, once.
func followSize(_ *group, f *os.File, t *term.Terminal) (stop func()) {
	fitSize(f, t)
	return func() {}
}
