package fleet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestMessageComesBackAsItWas(t *testing.T) {
	for _, size := range []int{MinSize, MinSize + 1, 128, 70_000} {
		f := newFormat(0xfeed_beef, size)
		want := stamp{0xfeed_beef, 7, 1<<48 - 2, 1<<62 + 12345}
		p := f.append(nil, want)
		if len(p) != size {
			t.Errorf("a message of %d bytes has %d", size, len(p))
		}
		for _, around := range [][2]string{{"", ""}, {"alice: ", "\n"}, {`{"id":1,"data":"`, `"}`}, {"Cr1", "Cr1"}, {"Cr1:", ""}} {
			got, found, rest := f.next([]byte(around[0] + string(p) + around[1]))
			if around[0] == "Cr1:" { // what only looks like one is told, and does not hide what follows
				if found != garbled {
					t.Errorf("behind %q: found %v, want something garbled", around[0], found)
				}
				got, found, rest = f.next(rest)
			}
			if found != intact || got != want || string(rest) != around[1] {
				t.Errorf("size %d between %q: got %+v, %v, rest %q", size, around, got, found, rest)
			}
		}
		for i, r := range string(p) {
			if r < '!' || r > '~' || strings.ContainsRune("\"\\<>&'", r) {
				t.Fatalf("byte %d is %q: not for JSON, HTML and text frames", i, r)
			}
		}
	}
}

func TestSeveralMessagesInOneFrame(t *testing.T) {
	f := newFormat(1, 50)
	var p []byte
	for seq := range uint64(5) {
		p = append(f.append(p, stamp{1, 0, seq + 1, 0}), '\n')
	}
	for seq := range uint64(5) {
		var s stamp
		var found find
		if s, found, p = f.next(p); found != intact || s.seq != seq+1 {
			t.Errorf("message %d: got %+v, %v", seq+1, s, found)
		}
	}
	if _, found, _ := f.next(p); found != nothing {
		t.Errorf("behind the last: %v", found)
	}
}

// Whatever byte of a message is changed, it is not intact, and its stamp is right or unknown.
func TestDamageIsSeen(t *testing.T) {
	f := newFormat(3, 60)
	want := stamp{3, 2, 99, 1234}
	for i := range 60 {
		for range 20 {
			p := f.append(nil, want)
			p[i] ^= byte(1 + rand.IntN(255))
			if s, found, _ := f.next(p); found == intact || found == damaged && s != want {
				t.Errorf("byte %d changed: got %+v, %v", i, s, found)
			}
		}
	}
	p := f.append(nil, want)
	for n := range p {
		if _, found, _ := f.next(p[:n]); found == intact {
			t.Errorf("cut to %d bytes it is intact", n)
		}
	}
}

func TestMessagesOfAnotherRunAreNobodys(t *testing.T) {
	ours, theirs := newFormat(1, 64), newFormat(2, 64)
	p := theirs.append(nil, stamp{2, 0, 1, 0})
	if _, found, _ := ours.next(p); found != nothing {
		t.Errorf("another run's message: %v", found)
	}
	if s, found, _ := ours.next(ours.append(p, stamp{1, 0, 5, 0})); found != intact || s.seq != 5 {
		t.Errorf("behind another run's message: %+v, %v", s, found)
	}
}

func TestCheckedTellsBytesApart(t *testing.T) {
	var c checked
	f := newFormat(1, 64)
	s := stamp{1, 0, 5, 0}
	p := f.append(nil, s)
	if _, ok := c.find(0, 5, p); ok {
		t.Error("found before it was kept")
	}
	c.keep(s, p)
	p[40]++ // the copy is its own
	if _, ok := c.find(0, 5, p); ok {
		t.Error("other bytes are taken for what was kept")
	}
	p[40]--
	if got, ok := c.find(0, 5, p); !ok || got != s {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, ok := c.find(0, 5+64, p); ok {
		t.Error("found under another number")
	}
}

func FuzzNext(f *testing.F) {
	form := newFormat(1, 64)
	f.Add(form.append([]byte("x"), stamp{1, 1, 1, 1}))
	f.Fuzz(func(t *testing.T, p []byte) {
		for rest := p; ; {
			s, found, behind := form.next(rest)
			if found == nothing {
				return
			}
			if len(behind) >= len(rest) {
				t.Fatal("it does not get on")
			}
			if found == intact && !bytes.Contains(rest, form.append(nil, s)) {
				t.Fatal("found what is not there")
			}
			rest = behind
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, known := range []bool{false, true} {
		b.Run(fmt.Sprintf("known=%v", known), func(b *testing.B) {
			f := newFormat(1, 128)
			p := f.append(nil, stamp{1, 0, 5, 0})
			var c checked
			if known {
				c.keep(stamp{1, 0, 5, 0}, p)
			}
			for b.Loop() {
				if _, ok := c.find(0, 5, p); !ok {
					if _, found, _ := f.next(p); found != intact {
						b.Fatal(found)
					}
				}
			}
		})
	}
}
