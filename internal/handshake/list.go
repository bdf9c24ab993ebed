package handshake

import (
	"slices"
	"strings"
)

// holds reports whether a comma separated list has the element, in any case.
func holds(list, element string) bool {
	for more := true; more; {
		var e string
		if e, list, more = strings.Cut(list, ","); sameFold(trim(e), element) {
			return true
		}
	}
	return false
}

// Protocols returns what Sec-WebSocket-Protocol offers, the most wanted first:
// distinct tokens, once Check has passed.
func (r *Request) Protocols() []string {
	if r.seen&seenProtocol == 0 {
		return nil
	}
	offers := strings.Split(r.protocols, ",")
	for i, p := range offers {
		offers[i] = trim(p)
	}
	return offers
}

// checkProtocols: the elements "MUST be non-empty strings" and "MUST all be unique
// strings" (RFC 6455, section 4.1, item 10), and are compared by case.
func (r *Request) checkProtocols() *Error {
	offers := r.Protocols()
	slices.Sort(offers)
	for i, p := range offers {
		if !IsToken(p) {
			return errProtocols
		}
		if i > 0 && p == offers[i-1] {
			return errProtocolRepeated
		}
	}
	return nil
}

// Extension is an offer of Sec-WebSocket-Extensions. The same name may be offered
// several times, with other parameters (RFC 6455, section 9.1).
type Extension struct {
	Name   string
	Params []Param
}

// Param is a parameter of an Extension.
type Param struct {
	Name  string
	Value string // without quotes; empty if there is none
}

// Extensions returns what Sec-WebSocket-Extensions offers, the most wanted first,
// once Check has passed.
func (r *Request) Extensions() []Extension {
	offers, _ := r.parseExtensions(true)
	return offers
}

// parseExtensions reports whether the offers are well-formed, and keeps them only
// if it is told to: they come with nearly every request, and are seldom wanted.
//
// Empty elements of the list do not count (RFC 9110, section 5.6.1.2), but there
// must be one that is not. Whitespace may be around every separator: RFC 6455
// takes its grammar from RFC 2616, where that is implied (section 2.1).
func (r *Request) parseExtensions(keep bool) (offers []Extension, ok bool) {
	if r.seen&seenExtensions == 0 {
		return nil, true
	}
	for offer := range strings.SplitSeq(r.extensions, ",") {
		if trim(offer) == "" {
			continue
		}
		e, good := parseExtension(offer, keep)
		if !good {
			return nil, false
		}
		if ok = true; keep {
			offers = append(offers, e)
		}
	}
	return offers, ok
}

// parseExtension takes one element of the list. The list may be cut at commas, and
// the element at semicolons, without a look at quotes: what is quoted must be a
// token, which has none of them.
func parseExtension(s string, keep bool) (e Extension, ok bool) {
	name, s, more := strings.Cut(s, ";")
	if e.Name = trim(name); !IsToken(e.Name) {
		return e, false
	}
	for more {
		var param string
		param, s, more = strings.Cut(s, ";")
		name, value, given := strings.Cut(param, "=")
		p := Param{Name: trim(name)}
		if given {
			p.Value, given = unquote(trim(value))
			if !given {
				return e, false
			}
		}
		if !IsToken(p.Name) {
			return e, false
		}
		if keep {
			e.Params = append(e.Params, p)
		}
	}
	return e, true
}

// unquote takes a token or a quoted-string (RFC 9110, section 5.6.4), and reports
// whether it stands for a token.
func unquote(s string) (token string, ok bool) {
	if len(s) < 2 || s[0] != '"' {
		return s, IsToken(s)
	}
	if s[len(s)-1] != '"' {
		return "", false
	}
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') >= 0 {
		plain := make([]byte, 0, len(s))
		for i := 0; i < len(s); i++ {
			if s[i] == '\\' {
				if i++; i == len(s) {
					return "", false // the closing quote was quoted
				}
			}
			plain = append(plain, s[i])
		}
		s = string(plain)
	}
	return s, IsToken(s)
}
