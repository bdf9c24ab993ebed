package rogue

import (
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// TestCorrect: without a fault everybody gets everything, in one order.
func TestCorrect(t *testing.T) {
	const members, each = 10, 50
	s := Start(t, Behaviour{})
	all := crowd(t, s, members)
	var wg sync.WaitGroup
	for _, g := range all {
		wg.Go(func() { g.say(1, each) })
	}
	wg.Wait()
	s.came(t, members*each)
	want := all[0].heard()
	if n := len(strings.Fields(want)); n != members*each {
		t.Errorf("%d messages came, want %d", n, members*each)
	}
	for i, g := range all[1:] {
		if got := g.heard(); got != want {
			t.Errorf("member %d heard something else than the first:\n%s\n%s", i+2, got, want)
		}
	}
	if c, want := s.Counts(), (Counts{Accepted: members, Joined: members, Messages: members * each, Due: members * members * each}); c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
}

// TestBinary: an opcode comes back as it went.
func TestBinary(t *testing.T) {
	s := Start(t, Behaviour{})
	g := join(t, s)
	s.Await(t, "it has joined", func(c Counts) bool { return c.Joined == 1 })
	g.write(ws.OpBinary, "\x00\xff")
	f, err := readFrame(g.in)
	if err != nil || f.Header.OpCode != ws.OpBinary || string(f.Payload) != "\x00\xff" {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestFaults: of three members the second sends 1 to 6.
func TestFaults(t *testing.T) {
	const good = "1 2 3 4 5 6"
	for _, tt := range []struct {
		name                 string
		fault                Fault
		first, sender, third string
		counts               Counts // but for Accepted, Joined, Messages and Due, which are the same for all
	}{
		{"nothing", Fault{}, good, good, good, Counts{}},
		{"lose every 4th delivery", Fault{Do: Lose, Every: 4}, "1 3 4 5", "1 2 4 5 6", "1 2 3 5 6", Counts{Hits: 4}},
		{"lose every 4th delivery later", Fault{Do: Lose, Every: 4, At: 4}, "1 2 3 4 6", "1 2 3 4 5", good, Counts{Hits: 2}},
		{"lose every 3rd message", Fault{Do: Lose, EveryMessage: 3}, "1 2 4 5", "1 2 4 5", "1 2 4 5", Counts{Hits: 6}},
		{"lose every 3rd message of one", Fault{Do: Lose, EveryMessage: 3, Member: 2}, good, good, "1 2 4 5", Counts{Hits: 2}},
		{"lose one", Fault{Do: Lose, At: 2, Member: 1}, "1 3 4 5 6", good, good, Counts{Hits: 1}},
		{"lose the sender's", Fault{Do: Lose, At: 2, Member: Sender}, good, "1 3 4 5 6", good, Counts{Hits: 1}},
		{"swap", Fault{Do: Swap, At: 2, Member: 2}, good, good, "1 3 2 4 5 6", Counts{Hits: 1}},
		{"twice", Fault{Do: Twice, At: 2, Member: 2}, good, good, "1 2 2 3 4 5 6", Counts{Hits: 1}},
		{"damage", Fault{Do: Damage, At: 2, Member: 2}, good, good, "1 3 3 4 5 6", Counts{Hits: 1}},
		{"damage from the end", Fault{Do: Damage, At: 2, Member: 2, Offset: -1}, good, good, "1 3 3 4 5 6", Counts{Hits: 1}},
		{"foreign", Fault{Do: Foreign, At: 2, Member: 2}, good, good, "1 x 3 4 5 6", Counts{Hits: 1}},
		{"foreign text", Fault{Do: Foreign, At: 2, Text: "hello"}, "1 hello 3 4 5 6", "1 hello 3 4 5 6", "1 hello 3 4 5 6", Counts{Hits: 3}},
		{"stall one", Fault{Do: Stall, At: 4, Member: 2}, good, good, "1 2 3", Counts{Hits: 1, Withheld: 3}},
		{"stall all", Fault{Do: Stall, At: 4}, "1 2 3", "1 2 3", "1 2 3", Counts{Hits: 3, Withheld: 9}},
		{"close", Fault{Do: Close, At: 4, Member: 2, Text: "too slow"}, good, good, "1 2 3 4 close 1013 too slow EOF", Counts{Hits: 1, Gone: 1}},
		{"close with a code", Fault{Do: Close, At: 4, Member: 2, Code: 4000}, good, good, "1 2 3 4 close 4000  EOF", Counts{Hits: 1, Gone: 1}},
		{"end", Fault{Do: FIN, At: 4, Member: 2}, good, good, "1 2 3 4 EOF", Counts{Hits: 1, Gone: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Start(t, Behaviour{Fault: tt.fault})
			all := crowd(t, s, 3)
			all[1].say(1, 6)
			s.came(t, 6)
			all[0].wants("the first", tt.first)
			all[1].wants("the sender", tt.sender)
			all[2].wants("the third", tt.third)
			want := tt.counts
			want.Accepted, want.Joined, want.Messages, want.Due = 3, 3, 6, 18-2*want.Gone
			if c := s.Counts(); c != want {
				t.Errorf("%+v, want %+v", c, want)
			}
		})
	}
}

// TestReset: what was on its way may be lost with the connection.
func TestReset(t *testing.T) {
	for name, fault := range map[string]Fault{"one": {Do: RST, At: 2, Member: 1}, "all": {Do: RST, At: 2}} {
		t.Run(name, func(t *testing.T) {
			s := Start(t, Behaviour{Fault: fault})
			all := crowd(t, s, 2)
			all[1].say(1, 2)
			if got := all[0].rest(); !strings.HasSuffix(got, "reset") {
				t.Errorf("the first heard %q, want a reset", got)
			}
			if fault.Member != 0 {
				s.came(t, 2)
				all[1].wants("the sender", "1 2")
			} else if got := all[1].rest(); !strings.HasSuffix(got, "reset") {
				t.Errorf("the sender heard %q, want a reset", got)
			}
		})
	}
}

func TestDie(t *testing.T) {
	s := Start(t, Behaviour{Fault: Fault{Do: Die, At: 3, Member: 1}})
	all := crowd(t, s, 3)
	all[1].say(1, 3)
	for i, g := range all {
		if got := g.rest(); !strings.HasSuffix(got, "EOF") && !strings.HasSuffix(got, "reset") {
			t.Errorf("member %d heard %q, want the end", i+1, got)
		}
	}
	if _, err := s.listener.Accept(); err == nil {
		t.Error("it still listens")
	}
}

// TestIllegal looks at the bytes of frames that no server may send.
func TestIllegal(t *testing.T) {
	for do, want := range map[Act]string{
		Masked:   "\x81\x81\x01\x02\x03\x041",
		Reserved: "\xc1\x011",
		BadText:  "\x81\x021\xff",
		Enormous: "\x81\x7f\x00\x00\x00\x00\x40\x00\x00\x001",
	} {
		s := Start(t, Behaviour{Fault: Fault{Do: do, At: 1}})
		g := crowd(t, s, 1)[0]
		g.say(1, 1)
		got := make([]byte, len(want))
		n := 0
		for n < len(got) {
			k, err := g.in.Read(got[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += k
		}
		if do == Masked {
			got[6] ^= 1
		}
		if string(got) != want {
			t.Errorf("act %d: %q, want %q", do, got, want)
		}
	}
}
