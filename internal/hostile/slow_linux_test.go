package hostile

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"
)

// What the node holds for all of a room, by default.
const (
	backlog = 1 << 20 // bytes that it may be behind before publishers wait (--backlog)
	maxLag  = 4 << 20 // bytes that a member may be behind (--max-lag)
)

// TestNeverReading: members that never read are put out, and cost what the log holds for the slowest of them, once
// for all. The kernel keeps for each no more than the send buffer.
func TestNeverReading(t *testing.T) {
	const count, lag, sendBuffer = 200, 256 << 10, 64 << 10
	for _, size := range []int{4 << 10, 0} {
		t.Run(fmt.Sprint("messages of ", size), func(t *testing.T) {
			s := serve(t, "--max-lag", fmt.Sprint(lag), "--send-buffer", fmt.Sprint(sendBuffer), "--close-timeout", "1s")
			b := joinBystanders(t, s)
			m := s.measure(t)
			stop := b.talk(t)
			attack := gather(t, count, func(i int) (peer, error) { return joinSmall(source(i), s.addr, 4<<10) })
			publisher, err := join(home, s.addr)
			if err != nil {
				t.Fatal(err)
			}
			drained := make(chan int64, 1)
			go func() { drained <- publisher.drain() }()

			chunk := masked(ws.OpBinary, text(size))
			for len(chunk) < 4<<10 {
				chunk = append(chunk, chunk...)
			}
			sent := 0
			for deadline := time.Now().Add(limit); ; {
				f := s.figures(t)
				if f[leaves("slow_bytes")] == count {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("not all are out after %d bytes:%v", sent, f)
				}
				for range 8 {
					if err := publisher.write(chunk); err != nil {
						t.Fatal(err)
					}
					sent += len(chunk)
				}
			}
			// They have not read a byte: what is queued now is the most there was.
			most, _ := kernelQueues(t, s)
			stop()
			publisher.shut()
			t.Logf("%d members out after %d KiB; at most %d KiB in a socket's send queue; the publisher has read %d KiB",
				count, sent>>10, most>>10, <-drained>>10)
			publisher.reset()
			// The kernel doubles what it is told and counts its own overhead, too (socket(7)); it looks at the bound
			// before it takes another buffer, of at most 64 KiB.
			if most > 2*sendBuffer+64<<10 {
				t.Errorf("%d bytes in a send queue, want at most %d", most, 2*sendBuffer+64<<10)
			}
			// The log holds each byte once, and 8 for each frame to tell its age; a frame has 2 bytes of header.
			frame := size + 2
			m.end(t, float64(count*unopened+2*(lag+backlog)*(frame+8)/frame))
			// Nor may the kernel go on with what nobody will read. The bystanders read all.
			if _, left := kernelQueues(t, s); left > 0 {
				t.Errorf("for sockets that the node has closed the kernel still holds %d bytes", left)
			}
			attack.reset()
		})
	}
}

// drain reads and forgets up to the end of the stream, and returns how many bytes.
func (p peer) drain() (n int64) {
	for {
		// With MSG_TRUNC TCP throws away what it would else copy (tcp(7)).
		k, _, err := unix.Recvfrom(int(p), scratch[:], unix.MSG_TRUNC)
		if err == unix.EINTR {
			continue
		}
		if err != nil || k <= 0 {
			return n
		}
		n += int64(k)
	}
}

var scratch [256 << 10]byte // nothing is ever written to it

// shut closes both halves, which ends a read that is under way elsewhere.
func (p peer) shut() { _ = unix.Shutdown(int(p), unix.SHUT_RDWR) }

// kernelQueues returns the bytes that the kernel holds to be sent, or acknowledged, for the node's sockets: the most
// of one, and those of all.
func kernelQueues(t *testing.T, s *server) (most, sum int) {
	t.Helper()
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprintf(":%04X", s.addr.Port())
	for line := range strings.Lines(string(b)) {
		// sl local_address rem_address st tx_queue:rx_queue …
		f := strings.Fields(line)
		if len(f) < 5 || !strings.HasSuffix(f[1], port) || f[3] == "0A" || f[3] == "06" { // LISTEN, TIME_WAIT
			continue
		}
		tx, _, _ := strings.Cut(f[4], ":")
		n, err := strconv.ParseInt(tx, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		most, sum = max(most, int(n)), sum+int(n)
	}
	return most, sum
}
