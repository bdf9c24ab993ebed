package rogue

import (
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"

	"crier/internal/frame"
)

// hear gives a message to everybody, as the behaviour wants it.
func (s *Server) hear(from *member, msg message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return
	}
	if s.b.Ask > 0 && msg.op == ws.OpText && string(msg.payload) == "pong" {
		from.asked = false
		s.counts.Answered++
		s.tellLocked()
		return
	}
	s.counts.Messages++
	defer s.tellLocked()
	n, rank, die := s.counts.Messages, 0, false
	for _, m := range slices.Clone(s.members) { // some may leave
		place := Sender
		if m != from {
			rank++
			place = rank
		}
		s.counts.Due++
		if s.b.Islands > 0 && m.number%s.b.Islands != from.number%s.b.Islands || s.b.Late > 0 && m.number > s.b.Late || m.missing > 0 {
			s.counts.Missed++
			m.missing = max(m.missing-1, 0)
			continue
		}
		if n >= max(s.b.Fault.At, 1) {
			s.counted++
		}
		do := Nothing
		if s.b.Fault.hits(n, s.counted, place) {
			do = s.b.Fault.Do
			s.counts.Hits++
		}
		if do == Die {
			die = true
			continue
		}
		s.deliverLocked(m, msg, do)
	}
	if die {
		s.killLocked()
	}
}

// deliverLocked gives msg to m, or what do makes of it.
func (s *Server) deliverLocked(m *member, msg message, do Act) {
	f := &s.b.Fault
	switch do {
	case Stall:
		m.stalled = true
	case Pause:
		m.after = time.Now().Add(f.For)
	case Damage:
		if n := len(msg.payload); n > 0 {
			msg.payload = slices.Clone(msg.payload)
			msg.payload[(f.Offset+n)%n] ^= 1
		}
	case Foreign:
		text := f.Text
		if text == "" {
			text = strings.Repeat("x", len(msg.payload))
		}
		msg.payload = []byte(text)
	case Lose:
		return
	case Swap:
		m.held = &msg
		return
	}
	if m.stalled {
		s.counts.Withheld++
		return
	}
	s.pushLocked(m, item{message: msg, raw: illegal(do, msg)})
	if do == Twice {
		s.pushLocked(m, item{message: msg})
	}
	if m.held != nil {
		s.pushLocked(m, item{message: *m.held})
		m.held = nil
	}
	switch {
	case do == Close:
		code, reason := ws.StatusCode(f.Code), f.Text
		if code == 0 {
			code = frame.StatusTryAgainLater
		}
		s.endLocked(m, item{raw: frame.AppendClose(nil, code, reason), end: FIN})
	case do.ends():
		s.endLocked(m, item{end: do})
	}
}

func (s *Server) pushLocked(m *member, i item) {
	i.due = s.dueLocked(m)
	if m.left || m.push(i) {
		return
	}
	s.counts.Removed++
	if s.b.Full == RST {
		hangUp(m.conn, RST) // now: its writer may be waiting for room
	}
	s.outLocked(m)
}

// endLocked ends m's connection behind what is queued.
func (s *Server) endLocked(m *member, i item) {
	i.due = s.dueLocked(m)
	m.push(i)
	s.outLocked(m)
}

// dueLocked is when m may get what comes now.
func (s *Server) dueLocked(m *member) time.Time {
	var due time.Time
	if s.b.Delay > 0 {
		due = time.Now().Add(s.b.Delay)
	}
	if due.Before(m.after) {
		due = m.after
	}
	return due
}
