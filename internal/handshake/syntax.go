package handshake

import "strings"

// class is a set of sets of bytes.
type class uint8

const (
	tokenByte class = 1 << iota // RFC 9110, section 5.6.2
	valueByte                   // of a field's value: visible, obs-text, space and tab (section 5.5)
	uriByte                     // RFC 3986, appendix A, but for the # of a fragment
	queryByte                   // of a query, with what browsers leave as it is (WHATWG URL, query percent-encode set)
	hostByte                    // of a reg-name or IPv4 address (section 3.2.2), with % for what is encoded
	hexByte                     // of what is encoded
	digitByte                   // of a port
)

var classes = func() (t [256]class) {
	const (
		alnum     = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		subDelims = "!$&'()*+,;="
	)
	for c, chars := range map[class]string{
		tokenByte: alnum + "!#$%&'*+-.^_`|~",
		uriByte:   alnum + "-._~" + subDelims + ":/?[]@" + "%",
		queryByte: alnum + "-._~" + subDelims + ":/?[]@" + "%" + "{}|^`\\",
		hostByte:  alnum + "-._~" + subDelims + "%",
		hexByte:   "0123456789ABCDEFabcdef",
		digitByte: "0123456789",
	} {
		for i := range len(chars) {
			t[chars[i]] |= c
		}
	}
	for i := range t {
		if i == '\t' || i >= ' ' && i != 0x7f {
			t[i] |= valueByte
		}
	}
	return t
}()

func is(b byte, c class) bool { return classes[b]&c != 0 }

func all(s string, c class) bool {
	for i := range len(s) {
		if !is(s[i], c) {
			return false
		}
	}
	return true
}

// IsToken reports whether s is a token (RFC 9110, section 5.6.2), as methods, names of fields and subprotocols are.
func IsToken(s string) bool { return s != "" && all(s, tokenByte) }

// sameFold compares as the RFCs do, by ASCII. strings.EqualFold would find the
// Kelvin sign in "keep-alive" and the long s in "websocket".
func sameFold(s, t string) bool { return len(s) == len(t) && (s == t || sameLower(s, t)) }

func sameLower(s, t string) bool {
	for i := range len(s) {
		if lower(s[i]) != lower(t[i]) {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

// trim takes off optional whitespace, OWS in the RFCs. There is seldom more than a
// byte of it, for which strings.Trim takes four times as long.
func trim(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' }

// cut returns what is before the first sep and what is behind it. With
// strings.Cut, for separators of any length, Parse takes a quarter longer.
func cut(s string, sep byte) (before, after string) {
	if i := strings.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}
