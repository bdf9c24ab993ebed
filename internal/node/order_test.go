package node

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// payload is the i-th message of publisher p, with some filling.
func payload(p, i, fill int) string {
	return fmt.Sprintf("%d %d %s", p, i, strings.Repeat("x", fill))
}

func parse(s string) (p, i int, err error) {
	_, err = fmt.Sscanf(s, "%d %d", &p, &i)
	return p, i, err
}

// sequence checks that messages of each publisher come without a hole and without a double.
type sequence []int // next expected, by publisher; -1: whatever comes first

func fromAnywhere(publishers int) sequence { return slices.Repeat(sequence{-1}, publishers) }

func (s sequence) take(m message) error {
	p, i, err := parse(m.payload)
	if err != nil || p >= len(s) {
		return fmt.Errorf("%v is no message of ours: %v", m, err)
	}
	if s[p] >= 0 && i != s[p] {
		return fmt.Errorf("message %d of publisher %d came where %d was due", i, p, s[p])
	}
	s[p] = i + 1
	return nil
}

// all runs f for each of the numbers below n at once and returns the errors.
func all(n int, f func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// TestOneOrderForAll: 20 of 200 members publish at once, and all 200 see one and the same sequence.
func TestOneOrderForAll(t *testing.T) {
	const members, publishers, each = 200, 20, 40
	n := start(t, Config{})
	var clients [members]talker
	for i := range clients {
		k := kinds[2]
		if i < 30 {
			k = kinds[i%3]
		}
		c, err := k.join(n)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients[i] = c
	}
	var sums [members]uint64
	seed := maphash.MakeSeed()
	err := all(members+publishers, func(i int) error {
		if i < publishers {
			for j := range each {
				op := []ws.OpCode{ws.OpText, ws.OpBinary}[j%2]
				if err := clients[i].send(op, payload(i, j, j*i)); err != nil {
					return err
				}
			}
			return nil
		}
		i -= publishers
		var h maphash.Hash
		h.SetSeed(seed)
		seq := make(sequence, publishers)
		for range publishers * each {
			m, err := clients[i].next()
			if err == nil {
				err = seq.take(m)
			}
			if err != nil {
				return fmt.Errorf("member %d: %w", i, err)
			}
			fmt.Fprintf(&h, "%d%s\n", m.op, m.payload)
		}
		sums[i] = h.Sum64()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range sums {
		if s != sums[0] {
			t.Errorf("member %d saw another order than member 0", i)
		}
	}
	// Nothing else is on its way: the next message is the next that anybody gets.
	if err := clients[0].send(ws.OpText, "end"); err != nil {
		t.Fatal(err)
	}
	for i, c := range clients {
		if m, err := c.next(); err != nil || m != (message{ws.OpText, "end"}) {
			t.Errorf("member %d got %v, %v; want the end", i, m, err)
		}
	}
	want := int64(publishers*each + 1)
	if s := n.Stats(); s.Received != want || s.Hub.Published != want {
		t.Errorf("received %d, published %d, want %d", s.Received, s.Hub.Published, want)
	}
	eventually(t, "all deliveries are counted", func() bool { return n.Stats().Hub.Delivered == want*members })
}

// TestExactlyOnceWhileOthersComeAndGo: who stays misses nothing and gets nothing twice; who joins gets
// everything that was sent after the answer to its handshake.
func TestExactlyOnceWhileOthersComeAndGo(t *testing.T) {
	const publishers, stable, churners, joins = 2, 20, 6, 60
	n := start(t, Config{})
	var begun [publishers]atomic.Int64 // the messages that a publisher may have begun to send
	stop := make(chan struct{})
	total := make([]int, publishers)

	var running sync.WaitGroup
	var publishing, staying error
	var stayers [stable]*client
	for i := range stayers {
		stayers[i] = mustJoin(t, n)
	}
	var pubs [publishers]*client
	for i := range pubs {
		pubs[i] = mustJoin(t, n)
	}
	quiet := make(chan struct{})
	running.Go(func() {
		defer close(quiet)
		publishing = all(publishers, func(p int) error {
			var sent atomic.Int64
			echoed := make(chan struct{}, 8) // bounds what is under way, so that it goes on for long
			reader := make(chan error, 1)
			ended := make(chan struct{})
			go func() {
				seq := make(sequence, publishers)
				seq[1-p] = -1
				for {
					m, err := pubs[p].next()
					if err == nil {
						err = seq.take(m)
					}
					if err != nil {
						reader <- err
						return
					}
					if q, _, _ := parse(m.payload); q == p {
						<-echoed
					}
					select {
					case <-ended:
						if seq[p] == int(sent.Load()) {
							reader <- nil
							return
						}
					default:
					}
				}
			}()
			for i := 0; ; i++ {
				select {
				case err := <-reader:
					return err
				case echoed <- struct{}{}:
				}
				last := false
				select {
				case <-stop:
					last = true
					sent.Store(int64(i) + 1)
					close(ended)
				default:
				}
				begun[p].Store(int64(i) + 1)
				if err := pubs[p].send(ws.OpText, payload(p, i, i%300)); err != nil {
					return err
				}
				if last {
					total[p] = i + 1
					return <-reader
				}
			}
		})
	})
	done := make(chan struct{})
	var counts [stable]sequence
	running.Go(func() {
		staying = all(stable, func(i int) error {
			seq := make(sequence, publishers)
			for {
				m, err := stayers[i].next()
				if err == nil && m.payload == "end" {
					counts[i] = seq
					return nil
				}
				if err == nil {
					err = seq.take(m)
				}
				if err != nil {
					return fmt.Errorf("who stayed, %d: %w", i, err)
				}
			}
		})
		close(done)
	})

	err := all(churners, func(i int) error {
		for j := range joins {
			c, err := join(n, 0)
			if err != nil {
				return err
			}
			var after [publishers]int64
			for p := range after {
				after[p] = begun[p].Load()
			}
			seq := fromAnywhere(publishers)
			for k := range 5 + 10*(j%3) {
				m, err := c.next()
				if err == nil {
					if p, at, e := parse(m.payload); e == nil && seq[p] < 0 && int64(at) > after[p] {
						err = fmt.Errorf("the first of publisher %d is %d, but %d was sent after the answer", p, at, after[p])
					}
				}
				if err == nil {
					err = seq.take(m)
				}
				if err != nil {
					return fmt.Errorf("who came and went, message %d: %w", k, err)
				}
			}
			switch j % 4 {
			case 0:
				if err := c.send(ws.OpClose, "\x03\xe8"); err != nil {
					return err
				}
				var ce *closeError
				for err == nil {
					_, err = c.next()
				}
				if !errors.As(err, &ce) || ce.code != ws.StatusNormalClosure {
					return err
				}
				c.Close()
			case 1:
				c.reset()
			case 2:
				_ = c.write(masked(ws.OpText, "never finished")[:9])
				c.Close()
			default:
				c.Close()
			}
		}
		return nil
	})
	close(stop)
	if err != nil {
		t.Error(err)
	}
	// The publishers end when they have their last message back; then nothing is under way.
	within(t, quiet, "end of the publishers")
	end := mustJoin(t, n)
	if err := end.send(ws.OpText, "end"); err != nil {
		t.Fatal(err)
	}
	within(t, done, "end for all who stayed")
	running.Wait()
	if err := errors.Join(publishing, staying); err != nil {
		t.Fatal(err)
	}
	for i, c := range counts {
		if !slices.Equal(c, total) {
			t.Errorf("who stayed, %d, got %v, want %v", i, c, total)
		}
	}
	eventually(t, "who went has left", func() bool { return n.Stats().Connections == stable+publishers+1 })
	t.Logf("%v messages published while %d came and went", total, churners*joins)
}

// TestPublishersWaitForTheNode: with next to no backlog allowed publishers are paused again and again,
// and all that they send arrives all the same.
func TestPublishersWaitForTheNode(t *testing.T) {
	const publishers, members, each = 5, 40, 400
	var written atomic.Int64
	n := start(t, Config{Backlog: 2000, OnWritten: func(time.Duration) { written.Add(1) }})
	var clients [members]*client
	for i := range clients {
		clients[i] = mustJoin(t, n)
	}
	var first [members][]string
	err := all(publishers+members, func(i int) error {
		if i < publishers {
			// Many at a time, so that they gather on the node's side.
			var b []byte
			for j := range each {
				if b = append(b, masked(ws.OpText, payload(i, j, j%500))...); j%50 == 49 {
					if err := clients[i].write(b); err != nil {
						return err
					}
					b = b[:0]
				}
			}
			return nil
		}
		i -= publishers
		seq := make(sequence, publishers)
		for range publishers * each {
			m, err := clients[i].next()
			if err == nil {
				err = seq.take(m)
			}
			if err != nil {
				return fmt.Errorf("member %d: %w", i, err)
			}
			p, j, _ := parse(m.payload)
			first[i] = append(first[i], fmt.Sprint(p, " ", j))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if !slices.Equal(first[i], first[0]) {
			t.Errorf("member %d saw another order than member 0", i)
		}
	}
	eventually(t, "nobody waits any more", func() bool { return n.Stats().Hub.Waiting == 0 && !n.hub.Paused() })
	if s := n.Stats(); s.Hub.Pauses == 0 {
		t.Error("publishers were never paused")
	} else {
		t.Logf("paused %d times", s.Hub.Pauses)
	}
	eventually(t, "every publish was reported as written", func() bool { return written.Load() == publishers*each })
}

// TestPausedPublishersMayLeave: publishers that wait and go away, in any manner, leave nothing behind.
func TestPausedPublishersMayLeave(t *testing.T) {
	n := start(t, Config{Backlog: 1})
	witness := mustJoin(t, n)
	read := make(chan error, 1)
	go func() {
		for {
			m, err := witness.next()
			if err != nil || m.payload == "end" {
				read <- err
				return
			}
		}
	}()
	err := all(4, func(i int) error {
		var flood []byte
		for range 200 {
			flood = append(flood, masked(ws.OpText, strings.Repeat("x", 100))...)
		}
		for j := range 30 {
			c, err := join(n, 0)
			if err != nil {
				return err
			}
			if err := c.write(flood); err != nil {
				return err
			}
			if (i+j)%2 == 0 {
				c.reset()
			} else {
				c.Close()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the publishers have left", func() bool { return n.Stats().Connections == 1 })
	eventually(t, "nobody waits any more", func() bool { return n.Stats().Hub.Waiting == 0 && !n.hub.Paused() })
	if err := witness.send(ws.OpText, "end"); err != nil {
		t.Fatal(err)
	}
	if err := within(t, read, "last message"); err != nil {
		t.Fatal(err)
	}
}

// TestShutdownWhilePaused: publishers that wait do not hold up the end.
func TestShutdownWhilePaused(t *testing.T) {
	n := start(t, Config{Backlog: 1})
	var clients [8]*client
	for i := range clients {
		clients[i] = mustJoin(t, n)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- all(len(clients)*2, func(i int) error {
			c := clients[i/2]
			if i%2 == 0 {
				for c.send(ws.OpText, strings.Repeat("x", 1000)) == nil {
				}
				return nil
			}
			for {
				if _, err := c.next(); err != nil {
					var ce *closeError
					if !errors.As(err, &ce) || ce.code != ws.StatusGoingAway {
						return fmt.Errorf("member %d ended by %w, want a close frame with 1001", i/2, err)
					}
					return c.Close()
				}
			}
		})
	}()
	eventually(t, "publishers are paused", func() bool { return n.Stats().Hub.Pauses > 10 })
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := n.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := within(t, ended, "end of all"); err != nil {
		t.Error(err)
	}
}
