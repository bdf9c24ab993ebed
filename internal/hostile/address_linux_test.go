package hostile

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"testing"
	"time"
)

// crowded tells how one address that opens connections without end fared.
type crowded struct {
	in      crowd
	refused int
}

func (c *crowded) tries() int { return len(c.in) + c.refused }

// storm has one address try to open n connections, and more as long as b is busy, one after the other. Each is let in
// or told 429.
func storm(t *testing.T, from netip.Addr, to netip.AddrPort, n int, b *bystanders) *crowded {
	t.Helper()
	c := &crowded{}
	t.Cleanup(func() { c.in.reset() })
	for i := 0; i < n || b.busy(); i++ {
		p, err := dial(from, to)
		if err != nil {
			t.Fatal(err)
		}
		_ = p.write([]byte(request)) // it may have been refused by now
		var head [4 << 10]byte
		k, err := p.read(head[:])
		switch answer := head[:k]; {
		case err != nil:
			t.Fatalf("connection %d from %v: %v", i, from, err)
		case bytes.HasPrefix(answer, []byte("HTTP/1.1 101 ")):
			c.in = append(c.in, p)
		case bytes.HasPrefix(answer, []byte("HTTP/1.1 429 Too Many Requests\r\n")) && bytes.Contains(answer, []byte("\r\nRetry-After: ")):
			c.refused++
			if _, err := p.rest(); err != nil {
				t.Error(err)
			}
			p.reset()
		default:
			t.Fatalf("connection %d from %v was answered %q", i, from, answer)
		}
	}
	return c
}

// at is the node's port at another of its addresses.
func (s *server) at(addr string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), s.addr.Port())
}

// serveOn is serve with an address to listen on.
func serveOn(t *testing.T, listen string, flags ...string) *server {
	t.Helper()
	flags = append([]string{"serve", "--listen", listen, "--admin", "127.0.0.1:0"}, flags...)
	return launch(t, exec.Command(program, flags...))
}

// TestConnectionsOfOneAddress: an address gets its number of connections, and others do not notice. Whoever leaves makes
// room.
func TestConnectionsOfOneAddress(t *testing.T) {
	const most, tries = 10, 1_000
	s := serve(t, "--max-per-address", fmt.Sprint(most))
	b := joinBystanders(t, s)
	m := s.measure(t)
	stop := b.talk(t)
	greedy := netip.MustParseAddr("127.0.0.66")
	c := storm(t, greedy, s.addr, tries, b)
	if len(c.in) != most {
		t.Errorf("%d were let in and %d refused, want %d", len(c.in), c.refused, most)
	}
	// Idle ones, half open ones: all count.
	half := make(crowd, 0, most)
	for range most {
		p, err := dial(netip.MustParseAddr("127.0.0.67"), s.addr)
		if err != nil {
			t.Fatal(err)
		}
		half = append(half, p)
	}
	t.Cleanup(half.reset)
	s.await(t, "all are there, and all refusals counted", func(f figures) bool {
		return f["crier_sockets_accepted_total"] == float64(2+c.tries()+most) && f[denials("address_connections")] == float64(c.refused)
	})
	if c := storm(t, netip.MustParseAddr("127.0.0.67"), s.addr, 5, nil); len(c.in) != 0 {
		t.Errorf("%d came in beside as many as may that have sent nothing", len(c.in))
	}
	if c := storm(t, netip.MustParseAddr("127.0.0.2"), s.addr, most+5, nil); len(c.in) != most {
		t.Errorf("another address got %d in, want %d", len(c.in), most)
	} else {
		c.in.reset()
	}
	before := s.figures(t)
	c.in[:1].reset()
	s.await(t, "one has left", func(f figures) bool { return f.sum("crier_leaves_total") > before.sum("crier_leaves_total") })
	again := storm(t, greedy, s.addr, 2, nil)
	if len(again.in) != 1 {
		t.Errorf("%d came in where one had left", len(again.in))
	}
	stop()
	again.in.reset()
	c.in.reset()
	half.reset()
	m.end(t, 3*most*unopened)
}

// TestRateOfOneAddress: an address opens its number of connections a second, twice as many at once.
func TestRateOfOneAddress(t *testing.T) {
	const rate, tries = 10, 200
	s := serve(t, "--max-address-rate", fmt.Sprint(rate))
	b := joinBystanders(t, s)
	m := s.measure(t)
	stop := b.talk(t)
	began := time.Now()
	c := storm(t, netip.MustParseAddr("127.0.0.66"), s.addr, tries, b)
	// Each tenth of a second has let in one more; none may be missing for want of time.
	most := 2*rate + int(time.Since(began).Seconds()*rate) + 1
	if len(c.in) < 2*rate || len(c.in) > most {
		t.Errorf("%d were let in, want %d to %d", len(c.in), 2*rate, most)
	}
	other := storm(t, netip.MustParseAddr("127.0.0.2"), s.addr, 2*rate, nil)
	if other.refused > 0 {
		t.Errorf("another address was refused %d times", other.refused)
	}
	other.in.reset()
	s.await(t, "all refusals are counted", func(f figures) bool { return f[denials("address_rate")] == float64(c.refused) })
	stop()
	c.in.reset()
	// The rate comes back by itself.
	s.await(t, "the address comes in again", func(figures) bool {
		c := storm(t, netip.MustParseAddr("127.0.0.66"), s.addr, 1, nil)
		defer c.in.reset()
		return len(c.in) == 1
	})
	m.end(t, 8*rate*unopened)
}

// TestManyAddresses: what is remembered of addresses that come once is forgotten.
func TestManyAddresses(t *testing.T) {
	const count = 20_000
	s := serve(t, "--max-per-address", "5", "--max-address-rate", "5")
	b := joinBystanders(t, s)
	m := s.measure(t)
	stop := b.talk(t)
	if err := spread(6, count, func(i int) error {
		p, err := dial(source(i), s.addr)
		if err == nil {
			p.reset()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	stop()
	s.await(t, "all have gone", func(f figures) bool { return f.sum("crier_handshakes_refused_total") == count })
	// A place (about 100 bytes), its bucket (80), a slot in a map and in a list, until the bucket is full again.
	m.end(t, count*512)
}

// TestAddressesOfIPv6: an address is a /64, a network a /48, and IPv4 over an IPv6 socket is IPv4.
func TestAddressesOfIPv6(t *testing.T) {
	loopback := netip.MustParseAddr("::1")
	for _, tc := range []struct {
		flag, value, reason string
		most                int
		v4                  bool // bounds IPv4, too
	}{
		{"--max-per-address", "3", "address_connections", 3, true},
		{"--max-per-network", "3", "address_connections", 3, false},
		{"--max-address-rate", "1", "address_rate", 2, true},
		{"--max-network-rate", "1", "address_rate", 2, false},
	} {
		t.Run(tc.flag, func(t *testing.T) {
			s := serveOn(t, "[::]:0", tc.flag, tc.value)
			const tries = 20
			began := time.Now()
			c := storm(t, loopback, s.at("::1"), tries, nil)
			more := 0
			if tc.reason == "address_rate" {
				more = int(time.Since(began).Seconds()) + 1
			}
			if len(c.in) < tc.most || len(c.in) > tc.most+more {
				t.Errorf("%d were let in, want %d", len(c.in), tc.most)
			}
			s.await(t, "all refusals are counted", func(f figures) bool { return f[denials(tc.reason)] == float64(c.refused) })
			for _, addr := range []string{"127.0.0.66", "127.0.0.67"} {
				c := storm(t, netip.MustParseAddr(addr), s.at("127.0.0.1"), tries, nil)
				switch {
				case !tc.v4 && c.refused > 0:
					t.Errorf("%s was refused %d times, want it to be no network of IPv6", addr, c.refused)
				case tc.v4 && len(c.in) < tc.most:
					t.Errorf("%d were let in from %s, want %d: they are not one address", len(c.in), addr, tc.most)
				case tc.v4 && c.refused == 0:
					t.Errorf("%s was never refused", addr)
				}
			}
		})
	}
}
