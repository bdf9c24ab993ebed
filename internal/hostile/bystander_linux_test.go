package hostile

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// enough is how many messages bystanders exchange, at least, while an attack runs.
const enough = 50

// bystanders are two healthy members that know nothing of an attack: one sends, and both get it. What
// others say they read and pass over.
type bystanders struct {
	sender, receiver *reader
	count            int          // exchanged so far; owned by whoever runs exchange
	done             atomic.Int64 // the same, for the attack to look at
}

func joinBystanders(t *testing.T, s *server) *bystanders {
	t.Helper()
	b := &bystanders{}
	for _, who := range []**reader{&b.sender, &b.receiver} {
		p, err := join(home, s.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.reset)
		*who = newReader(p)
	}
	for range 5 { // warms up both sides
		if err := b.exchange(); err != nil {
			t.Fatal(err)
		}
	}
	b.count = 0
	return b
}

// exchange sends one message, which both must get next.
func (b *bystanders) exchange() error {
	want := said(b.count)
	b.count++
	if err := b.sender.write(masked(ws.OpText, want)); err != nil {
		return fmt.Errorf("bystander: message %d: %w", b.count-1, err)
	}
	for _, who := range []*reader{b.sender, b.receiver} {
		if got, err := who.next("bystander "); err != nil || got != want {
			return fmt.Errorf("bystander: got %q, %v, want %q", got, err, want)
		}
	}
	b.done.Store(int64(b.count))
	return nil
}

// said is message i of bystanders; all have one size.
func said(i int) string { return fmt.Sprintf("bystander %08d", i) }

// talk has the bystanders exchange messages until the function it returns is called, and at least enough. That
// one fails the test if one did not come, or not in order.
func (b *bystanders) talk(t *testing.T) (stop func()) {
	end, done := make(chan struct{}), make(chan error, 1)
	go func() {
		pace := time.NewTicker(10 * time.Millisecond)
		defer pace.Stop()
		for ended := false; ; <-pace.C {
			if err := b.exchange(); err != nil {
				done <- err
				return
			}
			select {
			case <-end:
				ended = true
			default:
			}
			if ended && b.count >= enough {
				done <- nil
				return
			}
		}
	}()
	return func() {
		t.Helper()
		during := b.done.Load()
		close(end)
		if err := <-done; err != nil {
			t.Error(err)
		}
		t.Logf("bystanders exchanged %d messages, %d of them while the attack ran", b.count, during)
	}
}

// busy reports whether they talk and have not yet exchanged enough, so that an attack should go on.
func (b *bystanders) busy() bool { return b != nil && b.done.Load() < enough }

// endure has waves of an attack follow each other, at least one, until the bystanders have exchanged enough. It
// returns how many waves there were.
func (b *bystanders) endure(t *testing.T, wave func()) (waves int) {
	t.Helper()
	stop := b.talk(t)
	defer stop()
	for waves == 0 || b.busy() && !t.Failed() {
		wave()
		waves++
	}
	return waves
}
