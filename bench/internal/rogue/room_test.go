package rogue

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestWire(t *testing.T) {
	for _, tt := range []struct {
		name string
		wire Wire
		want string
	}{
		{"around", Wire{Before: `{"data":"`, After: `"}`}, `{"data":"10"} {"data":"11"} {"data":"12"}`},
		{"several in a frame", Wire{Gather: 3}, "10\n11\n12"},
		{"fragments", Wire{Fragment: 1}, "1… …0 1… …1 1… …2"},
		{"pings", Wire{Ping: true}, "ping:ping 10 ping:ping 11 ping:ping 12"},
		{"pings in fragments", Wire{Ping: true, Fragment: 1}, "ping:ping 1… ping:ping …0 ping:ping 1… ping:ping …1 ping:ping 1… ping:ping …2"},
		{"crumbs", Wire{Crumbs: true, Before: strings.Repeat("b", 100)}, strings.Repeat("b", 100) + "10 " + strings.Repeat("b", 100) + "11 " + strings.Repeat("b", 100) + "12"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, Behaviour{Wire: tt.wire})
			g := crowd(t, s, 1)[0]
			if tt.wire.Gather > 0 { // all are in the queue before the first goes out
				s.mu.Lock()
				m := s.members[0]
				s.mu.Unlock()
				m.mu.Lock()
				for i := 10; i <= 12; i++ {
					m.queue = append(m.queue, item{message: message{op: ws.OpText, payload: fmt.Append(nil, i)}})
				}
				m.mu.Unlock()
				m.wake <- struct{}{}
				s.Await(t, "they go out together", func(c Counts) bool { return c.Gathered == 1 })
			} else {
				g.say(10, 12)
				s.came(t, 3)
			}
			g.wants("it", tt.want)
			pings := strings.Count(tt.want, "ping:ping")
			for range pings {
				g.write(ws.OpPong, "ping")
			}
			s.Await(t, "pongs", func(c Counts) bool { return c.Pings == pings && c.Pongs == pings })
		})
	}
}

// TestGatherGivesUp: a message that stays alone goes alone.
func TestGatherGivesUp(t *testing.T) {
	s := Start(t, Behaviour{Wire: Wire{Gather: 2}})
	g := crowd(t, s, 1)[0]
	g.say(1, 1)
	if got, _ := g.frame(); got != "1" {
		t.Errorf("got %q", got)
	}
}

func TestGreeting(t *testing.T) {
	for _, head := range []Shape{InOne, Bytewise, WithFrame} {
		s := Start(t, Behaviour{Greeting: "welcome", Head: head})
		g := crowd(t, s, 1)[0]
		g.say(1, 1)
		s.came(t, 1)
		g.wants("it", "welcome 1")
	}
}

// TestWhoHears: four members; the third sends 1 to 3.
func TestWhoHears(t *testing.T) {
	for _, tt := range []struct {
		name  string
		b     Behaviour
		wants [4]string
		miss  int
	}{
		{"all", Behaviour{}, [4]string{"1 2 3", "1 2 3", "1 2 3", "1 2 3"}, 0},
		{"miss 2", Behaviour{Miss: 2}, [4]string{"3", "3", "3", "3"}, 8},
		{"late", Behaviour{Late: 2}, [4]string{"1 2 3", "1 2 3", "", ""}, 6},
		{"islands", Behaviour{Islands: 2}, [4]string{"1 2 3", "", "1 2 3", ""}, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, tt.b)
			all := crowd(t, s, 4)
			all[2].say(1, 3)
			s.came(t, 3)
			for i, g := range all {
				g.wants(fmt.Sprint("member ", i+1), tt.wants[i])
			}
			if c := s.Counts(); c.Missed != tt.miss {
				t.Errorf("%d deliveries were kept away, want %d", c.Missed, tt.miss)
			}
		})
	}
}

// TestLater: a member joins later, a delivery comes later, one is paused. None may come too early.
func TestLater(t *testing.T) {
	const d = 50 * time.Millisecond
	for name, b := range map[string]Behaviour{
		"join": {JoinAfter: d}, "delay": {Delay: d}, "pause": {Fault: Fault{Do: Pause, At: 1, For: d}},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			s := Start(t, b)
			g := crowd(t, s, 1)[0]
			if name != "join" {
				began = time.Now()
			}
			g.say(1, 2)
			for _, want := range []string{"1", "2"} {
				if got, _ := g.frame(); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			if took := time.Since(began); took < d {
				t.Errorf("it came after %v, want %v or more", took, d)
			}
		})
	}
}

// TestFullQueue: a member that does not read is removed. With a close frame it finds whole frames and that when it reads again.
func TestFullQueue(t *testing.T) {
	for _, tt := range []struct {
		full Act
		want string
	}{{Close, "close 1008 too slow EOF"}, {FIN, "EOF"}, {RST, "reset"}} {
		s := Start(t, Behaviour{Queue: 100, Full: tt.full, Wire: Wire{Before: strings.Repeat("x", 8<<10)}})
		all := crowd(t, s, 2)
		if err := all[0].conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
			t.Fatal(err)
		}
		next := 1
		for ; s.Counts().Removed == 0; next++ {
			all[1].say(next, next)
			if got, ended := all[1].frame(); ended || !strings.HasSuffix(got, "x"+fmt.Sprint(next)) {
				t.Fatalf("message %d: %.100q", next, got)
			}
		}
		got := strings.Split(all[0].rest(), " ")
		for i, text := range got {
			if !strings.HasPrefix(text, "xx") {
				if i == 0 && tt.full != RST || i > next-100 {
					t.Errorf("%d of %d messages came", i, next)
				}
				if end := strings.Join(got[i:], " "); end != tt.want {
					t.Errorf("it ended with %.100q, want %q", end, tt.want)
				}
				break
			}
		}
		if c := s.Counts(); c.Removed != 1 || c.Gone != 1 {
			t.Errorf("%+v, want 1 removed", c)
		}
	}
}

// TestDeaf: a member that has sent so much is not heard, for a while or for good; others are.
func TestDeaf(t *testing.T) {
	const d = 50 * time.Millisecond
	for _, pause := range []time.Duration{0, d} {
		s := Start(t, Behaviour{DeafAt: 2, DeafFor: pause})
		all := crowd(t, s, 2)
		began := time.Now()
		all[0].say(1, 3)
		s.Await(t, "two come in", func(c Counts) bool { return c.Messages >= 2 })
		all[1].say(4, 4)
		if pause == 0 {
			s.came(t, 3)
			all[1].wants("the other", "1 2 4")
			continue
		}
		s.came(t, 4)
		if took := time.Since(began); took < d {
			t.Errorf("the last came in after %v, want %v or more", took, d)
		}
	}
}

func TestAsk(t *testing.T) {
	s := Start(t, Behaviour{Ask: 250 * time.Millisecond})
	all := crowd(t, s, 2)
	if got, _ := all[0].frame(); got != "ping" {
		t.Errorf("the first was told %q", got)
	}
	all[0].write(ws.OpText, "pong")
	if got := all[1].heard(); got != "ping" {
		t.Errorf("the second was told %q", got)
	}
	if got, _ := all[1].frame(); got != "EOF" {
		t.Errorf("who does not answer was told %q, want the end", got)
	}
	if c := s.Counts(); c.Messages != 0 || c.Removed == 0 || c.Answered != 1 {
		t.Errorf("%+v", c)
	}
}
