package handshake

import (
	"net/netip"
	"strings"
)

// parseTarget finds the path in the target, and the host, if it is there: it then
// replaces the Host header (RFC 9112, section 3.2).
func (r *Request) parseTarget() *Error {
	target := r.Target
	switch {
	case r.Method == "CONNECT":
		// The port must not be missing or empty (RFC 9110, section 9.3.6).
		if !validAuthority(target) || !is(target[len(target)-1], digitByte) || !hasPort(target) {
			return errAuthority
		}
		r.Host, r.Path = target, target
		return nil
	case target == "*":
		r.Path = target
		return nil
	case strings.HasPrefix(target, "/"):
		return r.parsePath(target)
	}
	scheme, rest, ok := strings.Cut(target, "://")
	if !ok || !sameFold(scheme, "ws") && !sameFold(scheme, "wss") && !sameFold(scheme, "http") && !sameFold(scheme, "https") {
		return errScheme
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	r.Host = rest[:end]
	if !validAuthority(r.Host) {
		return errAuthority
	}
	return r.parsePath(rest[end:])
}

func (r *Request) parsePath(s string) *Error {
	// A query is the application's, and browsers send it with brackets and single % in it.
	r.Path, _ = cut(s, '?')
	if strings.IndexByte(r.Path, '[') >= 0 || strings.IndexByte(r.Path, ']') >= 0 || !validEscapes(r.Path) {
		return errTarget
	}
	if r.Path == "" { // the same as "/" (RFC 9110, section 4.2.3)
		r.Path = "/"
	}
	return nil
}

// validAuthority reports whether s is host [ ":" port ] (RFC 9110, section 7.2),
// of which the host must not be empty (section 4.2.1), but the port may. There is
// no user in it: that one is for deceiving people (section 4.2.4).
func validAuthority(s string) bool {
	host, port := s, ""
	if hasPort(s) {
		i := strings.LastIndexByte(s, ':')
		host, port = s[:i], s[i+1:]
	}
	if host == "" || !all(port, digitByte) {
		return false
	}
	if host[0] != '[' {
		return all(host, hostByte) && validEscapes(host)
	}
	// An address of another version than 6 may be known by its letter v, but
	// there is none. Zones are a matter of the peer's own machine (RFC 9844).
	if host[len(host)-1] != ']' {
		return false
	}
	addr, err := netip.ParseAddr(host[1 : len(host)-1])
	return err == nil && addr.Is6() && addr.Zone() == ""
}

// hasPort reports whether there is a colon behind the host.
func hasPort(s string) bool {
	return strings.LastIndexByte(s, ':') > strings.LastIndexByte(s, ']')
}

// validEscapes reports whether every % is followed by two digits.
func validEscapes(s string) bool {
	for {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return true
		}
		if s = s[i+1:]; len(s) < 2 || !is(s[0], hexByte) || !is(s[1], hexByte) {
			return false
		}
		s = s[2:]
	}
}
