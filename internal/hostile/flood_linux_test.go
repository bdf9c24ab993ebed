package hostile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"crier/internal/frame"
)

// The flood: publishers that send as fast as they can, and readers that only read.
const (
	publishers   = 50
	readers      = 8
	perPublisher = 1_000   // messages of a publisher
	floodSize    = 1 << 10 // bytes of a message
	floodBatch   = 25      // messages in one write
)

// TestPublisherFlood: publishers that write as fast as they can are slowed, and the memory is not filled. All
// readers get all messages in one and the same order.
func TestPublisherFlood(t *testing.T) {
	// A third of what there is. With less, a reader that the machine has no time for could be put out, as it should be.
	const lag = 16 << 20
	s := serve(t, "--max-lag", fmt.Sprint(lag))
	b := joinBystanders(t, s)
	m := s.measure(t)
	all := members(t, s, publishers+readers)
	for _, p := range all[1:] {
		if err := unix.SetNonblock(int(p), true); err != nil {
			t.Fatal(err)
		}
	}
	stop := b.talk(t)

	checked := make(chan error, 1)
	var complete atomic.Bool
	first := newReader(all[0])
	go func() {
		checked <- first.checkFlood(&complete)
		complete.Store(true)
	}()
	f := &flood{}
	for i, p := range all[1:] {
		f.add(p, i >= readers-1)
	}
	if err := f.run(complete.Load); err != nil {
		t.Fatal(err)
	}
	stop()
	// Now nobody speaks but the last, who says where it ends.
	if err := b.sender.write(masked(ws.OpText, floodEnd)); err != nil {
		t.Fatal(err)
	}
	if err := <-checked; err != nil {
		t.Error(err)
	}
	if err := f.run(func() bool { return f.have(first.total) }); err != nil {
		t.Error(err)
	}
	for i, c := range f.clients {
		if c.read != first.total || !c.publishes() && c.hash != first.hash {
			t.Errorf("client %d got %d bytes with hash %x, client 0 got %d with %x", i+1, c.read, c.hash, first.total, first.hash)
		}
	}
	now := s.figures(t)
	if now["crier_publisher_pauses_total"] == 0 || now.sum("crier_leaves_total") != 0 {
		t.Errorf("want pauses, and nobody to leave:%v", now)
	}
	t.Logf("%d messages of %d bytes to %d members; the room paused its publishers %v times",
		publishers*perPublisher, floodSize, publishers+readers+2, now["crier_publisher_pauses_total"])
	all.reset()
	// The log holds what the slowest reader has not got, and the collector lets a quarter more lie about (GOGC 25), as
	// it does with what publishers are ahead.
	m.end(t, (publishers+readers)*unopened+5*(lag+backlog)/4)
}

const floodEnd = "bystander: that was all"

// checkFlood reads up to the end. Each publisher's messages must come all and in order; it says when they have.
func (r *reader) checkFlood(complete *atomic.Bool) error {
	var next [publishers]int
	for got := 0; ; {
		m, err := r.next("")
		if err != nil {
			return fmt.Errorf("reader 0: %w", err)
		}
		if m == floodEnd {
			break
		}
		if len(m) != floodSize {
			continue // a bystander's
		}
		from, k := binary.BigEndian.Uint32([]byte(m[:4])), int(binary.BigEndian.Uint32([]byte(m[4:8])))
		if int(from) >= publishers || next[from] != k {
			return fmt.Errorf("reader 0: message %d of publisher %d, want %d", k, from, next[from])
		}
		next[from]++
		if got++; got == publishers*perPublisher {
			complete.Store(true)
		}
	}
	for from, k := range next {
		if k != perPublisher {
			return fmt.Errorf("reader 0: %d messages of publisher %d, want %d", k, from, perPublisher)
		}
	}
	return nil
}

// A flood serves its clients in one goroutine: a call that blocks would hold one of the few threads that run Go.
type flood struct {
	clients []*flooder
	polls   []unix.PollFd
	buf     []byte
}

// A flooder is one client. All clients get the same bytes, from the first message on.
type flooder struct {
	peer
	out  []byte // a batch of messages; nil for one that only reads
	rest []byte // of out, to be sent
	next int    // message

	read int64
	hash uint32
}

func (c *flooder) publishes() bool { return c.out != nil }

func (f *flood) add(p peer, publishes bool) {
	c := &flooder{peer: p}
	if publishes {
		for range floodBatch {
			c.out = frame.AppendMasked(c.out, ws.OpBinary, [4]byte{}, make([]byte, floodSize))
			binary.BigEndian.PutUint32(c.out[len(c.out)-floodSize:], uint32(len(f.clients)-(readers-1)))
		}
	}
	f.clients = append(f.clients, c)
	f.polls = append(f.polls, unix.PollFd{Fd: int32(p)})
	f.buf = make([]byte, 256<<10)
}

// have reports whether every client has read as much.
func (f *flood) have(total int64) bool {
	for _, c := range f.clients {
		if c.read < total {
			return false
		}
	}
	return true
}

// run reads and writes what it can until done.
func (f *flood) run(done func() bool) error {
	for last := time.Now(); !done(); {
		for i, c := range f.clients {
			f.polls[i].Events = unix.POLLIN
			if c.publishes() && c.next < perPublisher {
				f.polls[i].Events |= unix.POLLOUT
			}
		}
		switch n, err := unix.Poll(f.polls, 20); {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n > 0:
			last = time.Now()
		case time.Since(last) > limit:
			return errors.New("the node neither reads nor writes")
		}
		for i, c := range f.clients {
			if err := f.serve(c, f.polls[i].Revents); err != nil {
				return fmt.Errorf("client %d: %w", i+1, err)
			}
		}
	}
	return nil
}

func (f *flood) serve(c *flooder, ready int16) error {
	if ready&^unix.POLLOUT != 0 {
		flags := 0
		if c.publishes() {
			flags = unix.MSG_TRUNC // TCP throws away what it would else copy (tcp(7))
		}
		n, _, err := unix.Recvfrom(int(c.peer), f.buf, flags)
		if err != nil || n == 0 {
			return fmt.Errorf("the end of the stream after %d bytes, or %v", c.read, err)
		}
		c.read += int64(n)
		if !c.publishes() {
			c.hash = crc32.Update(c.hash, crc32.IEEETable, f.buf[:n])
		}
	}
	if ready&unix.POLLOUT != 0 {
		if len(c.rest) == 0 {
			c.rest = c.out
			for at := len(c.out) / floodBatch; at <= len(c.out); at += len(c.out) / floodBatch {
				binary.BigEndian.PutUint32(c.out[at-floodSize+4:], uint32(c.next))
				c.next++
			}
		}
		n, err := unix.SendmsgN(int(c.peer), c.rest, nil, nil, unix.MSG_NOSIGNAL)
		if err != nil && err != unix.EAGAIN {
			return fmt.Errorf("write: %w", err)
		}
		c.rest = c.rest[max(n, 0):]
	}
	return nil
}
