package fleet

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"crier/internal/frame"
)

// elect makes a client that has heard nothing yet a publisher, the first one if it is among them. It reports whether there was one.
func (f *fleet) elect(id uint16) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.slots {
		if c != nil && c.in && !c.slow && !c.heard && !f.publishesLocked(c) {
			f.publishers[id] = c
			return true
		}
	}
	return false
}

func (f *fleet) publishesLocked(c *client) bool {
	for _, p := range f.publishers {
		if p == c {
			return true
		}
	}
	return false
}

// appendFrame appends message number seq as a frame.
func (f *fleet) appendFrame(dst []byte, publisher uint16, seq uint64, due int64) []byte {
	text := append(make([]byte, 0, len(f.cfg.Prefix)+f.cfg.Size+len(f.cfg.Suffix)), f.cfg.Prefix...)
	text = f.format.append(text, stamp{f.cfg.Run, publisher, seq, due})
	text = append(text, f.cfg.Suffix...)
	return frame.AppendMasked(dst, f.op, mask(), text)
}

// each runs do once for each publisher of this fleet, side by side.
func (f *fleet) each(do func(id uint16, c *client) error) error {
	f.mu.Lock()
	var todo []func() error
	for id, c := range f.publishers {
		todo = append(todo, func() error { return do(id, c) })
	}
	f.mu.Unlock()
	errs := make([]error, len(todo))
	var wg sync.WaitGroup
	for i, t := range todo {
		wg.Go(func() { errs[i] = t() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// round has every publisher send messages first to first+n-1 back to back. It returns when the first of them began, 0 if there is none.
func (f *fleet) round(first uint64, n int) (sent int64, err error) {
	var mu sync.Mutex
	err = f.each(func(id uint16, c *client) error {
		due := f.clock.Now()
		var b []byte
		for i := range uint64(n) {
			b = f.appendFrame(b, id, first+i, due)
		}
		mu.Lock()
		if sent == 0 || due < sent {
			sent = due
		}
		mu.Unlock()
		return f.deliver(c, b)
	})
	return sent, err
}

// deliver sends b and returns when the kernel has taken it all.
func (f *fleet) deliver(c *client, b []byte) error {
	o := c.outbox()
	select {
	case <-o.room: // of an earlier time
	default:
	}
	empty, err := o.send(c, b)
	if err != nil || empty {
		return publishError(err)
	}
	timeout := time.NewTimer(f.cfg.Patience)
	defer timeout.Stop()
	for {
		select {
		case <-o.room:
		case <-timeout.C:
			return fmt.Errorf("the server has not read what the publisher sends for %v", f.cfg.Patience)
		case <-f.closing:
			return errors.New("the run has ended")
		}
		if empty, err := o.send(c, nil); err != nil || empty {
			return publishError(err)
		}
	}
}

func publishError(err error) error {
	if err == nil {
		return nil
	}
	if err == errEnded {
		return errors.New("the publisher's connection has ended")
	}
	return fmt.Errorf("the publisher cannot send: %w", explain(err))
}

// halt has publishers send no more. A second call does nothing.
func (f *fleet) halt() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.halted() {
		close(f.halting)
	}
}

func (f *fleet) halted() bool {
	select {
	case <-f.halting:
		return true
	default:
		return false
	}
}

// maxSendAtOnce bounds in bytes what a publisher that is late sends with one write.
const maxSendAtOnce = 256 << 10

// stream has every publisher send the messages of w, count of them, each when it is due or as soon after that as the server takes it.
// It returns how late they were, and how many were sent by the one that sent least.
func (f *fleet) stream(w Flow, count uint64) (delays *hdrhistogram.Snapshot, sent uint64, err error) {
	lateness := newRecorder()
	var mu sync.Mutex
	least := count
	err = f.each(func(id uint16, c *client) error {
		n, err := f.streamOne(id, c, w, count, &lateness)
		mu.Lock()
		least = min(least, n)
		mu.Unlock()
		return err
	})
	return lateness.export(), least, err
}

func (f *fleet) streamOne(id uint16, c *client, w Flow, count uint64, lateness *recorder) (sent uint64, err error) {
	due := func(i uint64) int64 { return w.Start + int64(i)*int64(w.Interval) }
	var b []byte
	for sent < count {
		if d := f.clock.Until(due(sent)); d > 0 {
			f.pause(d)
		}
		if f.halted() {
			return sent, nil
		}
		b = b[:0]
		n := uint64(0)
		for now := f.clock.Now(); sent+n < count && due(sent+n) <= now && len(b) < maxSendAtOnce; n++ {
			b = f.appendFrame(b, id, w.First+sent+n, due(sent+n))
		}
		if err := f.deliver(c, b); err != nil {
			return sent, err
		}
		for now := f.clock.Now(); n > 0; n-- {
			lateness.record(time.Duration(now-due(sent)), 1)
			sent++
		}
	}
	return sent, nil
}
