package node

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// addresses bounds what comes from one place: how many connections are open, and how fast they are opened. A
// place is an address, which is one of IPv4 or a /64 of IPv6 as one subscriber has it, or a network, a /48 of
// IPv6 as one site has it (RFC 6177).
type addresses struct {
	// Immutable.
	address, network bounds

	mu sync.Mutex

	// Guarded by mu.
	places map[netip.Prefix]*place
	quiet  []*place // those that nobody held lately, and whose rate is still to be remembered
}

// bounds are those of one kind of place; 0 is none.
type bounds struct {
	connections int // open at once
	rate        int // opened a second, with a burst of two seconds' worth
}

func (b bounds) any() bool { return b.connections > 0 || b.rate > 0 }

// A place is known while somebody is connected from it, and until its rate is back to what a new one may do.
type place struct {
	// Immutable.
	prefix netip.Prefix
	bounds bounds
	opened *rate.Limiter
	within *place // of an address of IPv6: its network

	// Guarded by addresses.mu.
	held  int  // by connections, and by the addresses within it
	open  int  // connections
	quiet bool // is listed in addresses.quiet
}

func newAddresses(cfg *Config) *addresses {
	return &addresses{
		address: bounds{cfg.PerAddress, cfg.AddressRate}, network: bounds{cfg.PerNetwork, cfg.NetworkRate},
		places: make(map[netip.Prefix]*place),
	}
}

// bounded tells whether there is anything to admit.
func (a *addresses) bounded() bool { return a.address.any() || a.network.any() }

// admit counts one more connection from addr, at its place, or tells why it must be refused. A refusal takes
// nothing off the rate.
func (a *addresses) admit(addr netip.Addr, now time.Time) (p *place, why Denial, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p = a.placeLocked(addr)
	for q := p; q != nil; q = q.within {
		switch {
		case q.bounds.connections > 0 && q.open >= q.bounds.connections:
			a.dropLocked(p)
			return nil, AddressConnections, false
		case q.bounds.rate > 0 && q.opened.TokensAt(now) < 1:
			a.dropLocked(p)
			return nil, AddressRate, false
		}
	}
	for q := p; q != nil; q = q.within {
		q.opened.AllowN(now, 1)
		q.open++
	}
	return p, 0, true
}

// release is the end of a connection that was admitted.
func (a *addresses) release(p *place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for q := p; q != nil; q = q.within {
		q.open--
	}
	a.dropLocked(p)
}

// expire forgets the places that nobody holds and whose rate is whole again. Call it about once a second.
func (a *addresses) expire(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	quiet := a.quiet
	a.quiet = nil // what holds a place that goes may be listed anew
	for _, p := range quiet {
		switch {
		case p.held > 0:
			p.quiet = false
		case p.opened.TokensAt(now) < float64(p.opened.Burst()):
			a.quiet = append(a.quiet, p)
		default:
			a.forgetLocked(p)
		}
	}
}

// placeLocked finds or makes the place of an address and holds it.
func (a *addresses) placeLocked(addr netip.Addr) *place {
	addr = addr.Unmap().WithZone("")
	bits, network := 32, netip.Prefix{}
	if addr.Is6() {
		bits = 64
		network, _ = addr.Prefix(48)
	}
	prefix, _ := addr.Prefix(bits)
	p := a.places[prefix]
	if p == nil {
		p = a.addLocked(prefix, a.address)
		if network.IsValid() {
			if p.within = a.places[network]; p.within == nil {
				p.within = a.addLocked(network, a.network)
			}
			p.within.held++
		}
	}
	p.held++
	return p
}

func (a *addresses) addLocked(prefix netip.Prefix, b bounds) *place {
	p := &place{prefix: prefix, bounds: b, opened: limiter(b.rate, 1)}
	a.places[prefix] = p
	return p
}

// dropLocked lets go of a place.
func (a *addresses) dropLocked(p *place) {
	p.held--
	switch {
	case p.held > 0 || p.quiet:
	case p.bounds.rate > 0:
		p.quiet = true
		a.quiet = append(a.quiet, p)
	default:
		a.forgetLocked(p)
	}
}

func (a *addresses) forgetLocked(p *place) {
	delete(a.places, p.prefix)
	if p.within != nil {
		a.dropLocked(p.within)
	}
}
