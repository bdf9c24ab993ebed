package chat

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// runPipe sends every line of cfg.In and ends when all have come back.
func runPipe(ctx context.Context, cfg Config, s *session, outIsTerminal bool) error {
	queue := make(chan []byte)
	s.lines = queue
	s.pipe = true
	s.show = pipePrinter(cfg.Out, outIsTerminal)
	s.notice = func(text string) { fmt.Fprintln(cfg.Err, text) }

	in, err := newInput(cfg.In)
	if err != nil {
		return fmt.Errorf("read the input: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	readers := s.group
	if !in.interruptible() {
		readers = &group{} // which nobody waits for
	}
	fed := readers.start(func() error {
		return feed(ctx, newLineReader(in, cfg.MaxMessage), queue)
	})

	done := s.group.start(func() error { return s.run(ctx, ctx) })
	select {
	case err = <-done:
	case <-ctx.Done():
		err = withinLimit(done, stuckAfter*cfg.CloseTimeout, context.Cause(ctx))
	}
	if err == nil {
		err = <-fed // it has closed the queue
	}
	cancel()
	in.stop()
	if s.group.wait(cfg.CloseTimeout) && in.interruptible() {
		in.release()
	}
	return err
}

// feed puts lines into queue and closes it at the end.
func feed(ctx context.Context, r *lineReader, queue chan<- []byte) error {
	defer close(queue)
	for {
		line, err := r.next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errStopped):
			return nil
		case err != nil:
			return err
		}
		select {
		case queue <- line:
		case <-ctx.Done():
			return nil
		}
	}
}

// A lineReader cuts its input into lines of at most limit bytes, all UTF-8.
type lineReader struct {
	r     *bufio.Reader
	limit int
	count int
}

func newLineReader(r io.Reader, limit int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), limit: limit}
}

// next returns a line without its newline, or io.EOF. The caller owns it.
func (l *lineReader) next() ([]byte, error) {
	line := []byte{}
	for {
		part, err := l.r.ReadSlice('\n')
		whole := err == nil
		if whole {
			part = part[:len(part)-1]
		}
		if len(line)+len(part) > l.limit {
			return nil, &LineError{Line: l.count + 1, Text: fmt.Sprintf("is longer than %d bytes", l.limit)}
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("read the input: %w", err)
		}
		l.count++
		if !utf8.Valid(line) {
			return nil, &LineError{Line: l.count, Text: "is not UTF-8"}
		}
		return line, nil
	}
}

// pipePrinter writes a message a line, each with a single Write.
func pipePrinter(out io.Writer, terminal bool) func(websocket.MessageType, []byte) error {
	var buf []byte
	return func(kind websocket.MessageType, data []byte) error {
		switch {
		case kind == websocket.MessageBinary:
			buf = append(buf[:0], describe(data)...)
		case terminal:
			buf = append(buf[:0], escapeMessage(data)...)
		default:
			buf = append(buf[:0], data...)
		}
		buf = append(buf, '\n')
		_, err := out.Write(buf)
		return err
	}
}
