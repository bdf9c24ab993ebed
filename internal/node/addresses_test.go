package node

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestPlaces draws what counts as one place.
func TestPlaces(t *testing.T) {
	for _, tc := range []struct {
		name        string
		a, b        string
		cfg         Config
		bSharesWith bool
	}{
		{"the same IPv4 address", "192.0.2.1", "192.0.2.1", Config{PerAddress: 1}, true},
		{"another IPv4 address", "192.0.2.1", "192.0.2.2", Config{PerAddress: 1}, false},
		{"IPv4 has no network", "192.0.2.1", "192.0.2.2", Config{PerNetwork: 1}, false},
		{"IPv4 in IPv6", "192.0.2.1", "::ffff:192.0.2.1", Config{PerAddress: 1}, true},
		{"the same /64", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", Config{PerAddress: 1}, true},
		{"another /64", "2001:db8:1:2::1", "2001:db8:1:3::1", Config{PerAddress: 1}, false},
		{"the same /48", "2001:db8:1:2::1", "2001:db8:1:3::1", Config{PerNetwork: 1}, true},
		{"another /48", "2001:db8:1:2::1", "2001:db8:2:2::1", Config{PerNetwork: 1}, false},
		{"zones do not matter", "fe80::1%eth0", "fe80::2%eth1", Config{PerAddress: 1}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newAddresses(&tc.cfg)
			p, _, ok := a.admit(netip.MustParseAddr(tc.a), time.Unix(0, 0))
			if !ok {
				t.Fatal("the first is refused")
			}
			q, why, ok := a.admit(netip.MustParseAddr(tc.b), time.Unix(0, 0))
			if ok == tc.bSharesWith || !ok && why != AddressConnections {
				t.Errorf("the second: taken %v, %v", ok, why)
			}
			if ok {
				a.release(q)
			}
			a.release(p)
			if len(a.places) != 0 {
				t.Errorf("%d places are left", len(a.places))
			}
		})
	}
}

// TestAddressesAgainstAModel: random arrivals and departures are judged as by a model that keeps every arrival,
// and when all have gone, and their time has passed, nothing is left.
func TestAddressesAgainstAModel(t *testing.T) {
	type placeModel struct {
		open   int
		tokens float64
		at     time.Time
	}
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		cfg := Config{PerAddress: r.IntN(4), PerNetwork: r.IntN(8), AddressRate: r.IntN(3), NetworkRate: r.IntN(5)}
		a := newAddresses(&cfg)
		model := make(map[string]*placeModel)
		type arrival struct {
			p    *place
			keys []string
		}
		var inside []arrival
		now := time.Unix(1000, 0)
		for range 1500 {
			now = now.Add(time.Duration(r.IntN(400)) * time.Millisecond)
			if r.IntN(10) == 0 {
				a.expire(now)
			}
			if len(inside) > 0 && r.IntN(2) == 0 {
				i := r.IntN(len(inside))
				for _, k := range inside[i].keys {
					model[k].open--
				}
				a.release(inside[i].p)
				inside[i] = inside[len(inside)-1]
				inside = inside[:len(inside)-1]
				continue
			}
			network, subnet := r.IntN(3), r.IntN(3)
			addr := netip.MustParseAddr(fmt.Sprintf("2001:db8:%x:%x::%x", network, subnet, r.IntN(9)))
			keys := []string{fmt.Sprint(network, subnet), fmt.Sprint(network)}
			most, perSecond := []int{cfg.PerAddress, cfg.PerNetwork}, []int{cfg.AddressRate, cfg.NetworkRate}
			if r.IntN(3) == 0 {
				addr = netip.MustParseAddr(fmt.Sprintf("192.0.2.%d", subnet))
				keys = []string{addr.String()}
			}
			want, wantWhy := true, Denial(0)
			for i, k := range keys {
				m := model[k]
				if m == nil {
					m = &placeModel{tokens: float64(2 * perSecond[i]), at: now}
					model[k] = m
				}
				m.tokens = min(m.tokens+now.Sub(m.at).Seconds()*float64(perSecond[i]), float64(2*perSecond[i]))
				m.at = now
				switch {
				case !want:
				case most[i] > 0 && m.open >= most[i]:
					want, wantWhy = false, AddressConnections
				case perSecond[i] > 0 && m.tokens < 1-1e-6:
					want, wantWhy = false, AddressRate
				}
			}
			p, why, ok := a.admit(addr, now)
			if ok != want || !ok && why != wantWhy {
				t.Fatalf("seed %d, %+v: %v taken %v (%v), want %v (%v)", seed, cfg, addr, ok, why, want, wantWhy)
			}
			if ok {
				for _, k := range keys {
					model[k].open++
					model[k].tokens--
				}
				inside = append(inside, arrival{p, keys})
			}
		}
		for _, in := range inside {
			a.release(in.p)
		}
		for range 2 { // addresses first, then the networks they are in
			now = now.Add(time.Minute)
			a.expire(now)
		}
		if len(a.places) != 0 || len(a.quiet) != 0 {
			t.Fatalf("seed %d, %+v: %d places are left, %d of them listed", seed, cfg, len(a.places), len(a.quiet))
		}
	}
}

// dialFrom opens a socket to the node from another loopback address.
func dialFrom(t *testing.T, n *Node, from string) *client {
	t.Helper()
	d := net.Dialer{Timeout: limit, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := d.DialContext(context.Background(), "tcp", n.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * limit))
	return &client{Conn: conn, buf: make([]byte, 4<<10)}
}

// TestOneAddressTooMany: those above the bound get a whole 429, however many they are; others come in as before,
// and so does the address itself once one of its own has left.
func TestOneAddressTooMany(t *testing.T) {
	const bound, surplus = 5, 3 * turnedAway
	n := start(t, Config{PerAddress: bound, HandshakeTimeout: limit})
	var inside []*client
	for range bound {
		inside = append(inside, mustJoin(t, n))
	}
	held := make([]*client, surplus)
	for i := range held {
		held[i] = mustConnect(t, n)
	}
	// The refused that are held to be told so properly are few. They wait for a request.
	eventually(t, "all are judged", func() bool { return n.Stats().Accepted == bound+surplus })
	if k := n.conns.len(); k != bound+turnedAway {
		t.Errorf("%d connections are held, want %d", k, bound+turnedAway)
	}
	other := dialFrom(t, n, "127.0.0.2")
	if err := other.write([]byte(upgradeRequest("h"))); err != nil {
		t.Fatal(err)
	}
	if err := other.opened(); err != nil {
		t.Errorf("from another address: %v", err)
	}
	for i, c := range held {
		_ = c.write([]byte("not even a request\r\n")) // who was turned away at once may have a closed socket
		resp, body, err := c.answer()
		if err != nil || resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || body == "" {
			t.Fatalf("refused number %d: %v %q %v, want 429 with Retry-After", i, resp, body, err)
		}
		if b, _ := io.ReadAll(c); len(b) > 0 {
			t.Errorf("behind the answer came %q", b)
		}
		c.Close()
	}
	if s := n.Stats(); s.Denials["address_connections"] != surplus {
		t.Errorf("refused: %v", s.Denials)
	}
	inside[0].Close()
	eventually(t, "one has left", func() bool { return n.Stats().Connections == bound })
	eventually(t, "its place is free", func() bool {
		c, err := join(n, 0)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	for _, c := range inside {
		c.Close()
	}
	other.Close()
	eventually(t, "all have gone", func() bool { return n.conns.len() == 0 })
	n.from.mu.Lock()
	defer n.from.mu.Unlock()
	if len(n.from.places) != 0 || n.refused.Load() != 0 {
		t.Errorf("%d places are left, %d refused", len(n.from.places), n.refused.Load())
	}
}

// TestOneAddressTooFast: the burst comes in, the next gets 429.
func TestOneAddressTooFast(t *testing.T) {
	n := start(t, Config{AddressRate: 1})
	for i := 0; ; i++ {
		c := mustConnect(t, n)
		if err := c.write([]byte(upgradeRequest("h"))); err != nil {
			t.Fatal(err)
		}
		resp, _, err := c.answer()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == 429 {
			if i < 2 {
				t.Errorf("refused after %d, want a burst of 2", i)
			}
			break
		}
	}
	if s := n.Stats(); s.Denials["address_rate"] != 1 {
		t.Errorf("refused: %v", s.Denials)
	}
	eventually(t, "its rate is whole again, and forgotten when it has left", func() bool {
		n.from.mu.Lock()
		defer n.from.mu.Unlock()
		for _, p := range n.from.places {
			return p.opened.TokensAt(time.Now()) >= 2
		}
		return false
	})
}
