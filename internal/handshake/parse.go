package handshake

import (
	"iter"
	"strings"
)

// Request is a request head that is good HTTP/1.1.
type Request struct {
	Method string
	Target string // as it came
	Path   string // of the target, without the query; not decoded. "*" and a host:port are left as they are
	Host   string // with the port, if it came with one
	Origin string // empty if there is none

	fields     string // lines of the header, without the blank one
	key        string
	version    string
	protocols  string // list; what stands on several lines is combined
	extensions string // list, likewise
	seen       seen
	body       *Error // of a request that has one, or may have
	upgrade    bool   // the Upgrade list holds websocket
	connection bool   // the Connection list holds upgrade
}

// seen are the fields that have been there, among those for which it matters.
type seen uint8

const (
	seenHost seen = 1 << iota
	seenOrigin
	seenKey
	seenVersion
	seenLength
	seenProtocol
	seenExtensions
)

// add reports whether f has not been there before.
func (s *seen) add(f seen) bool {
	before := *s
	*s |= f
	return before&f == 0
}

// Parse reads a head that Scan has found, all of it and nothing behind. What Scan
// has judged is not judged again.
func Parse(head []byte) (Request, error) {
	var r Request
	if no := r.parse(string(head)); no != nil {
		return Request{}, no
	}
	return r, nil
}

func (r *Request) parse(head string) *Error {
	if !strings.HasSuffix(head, crlf+crlf) {
		return errHead
	}
	line, fields, _ := strings.Cut(head[:len(head)-len(crlf)], crlf)
	r.Method, line = cut(line, ' ')
	r.Target, _ = cut(line, ' ')
	r.fields = fields
	for rest := fields; rest != ""; {
		var name, value string
		name, value, rest = cutField(rest)
		if no := r.field(name, value); no != nil {
			return no
		}
	}
	// One that is not valid matters even where the target has the word.
	switch {
	case r.seen&seenHost == 0:
		return errHostMissing
	case !validAuthority(r.Host):
		return errHost
	}
	return r.parseTarget()
}

// field takes note of a field that matters.
func (r *Request) field(name, value string) *Error {
	switch {
	case sameFold(name, "Host"):
		if !r.seen.add(seenHost) {
			return errHostRepeated
		}
		r.Host = value
	case sameFold(name, "Origin"):
		if !r.seen.add(seenOrigin) {
			return errOriginRepeated
		}
		if value == "" {
			return errOrigin
		}
		r.Origin = value
	case sameFold(name, "Content-Length"):
		switch {
		case !r.seen.add(seenLength):
			r.body = errLengthRepeated
		case value == "" || strings.Trim(value, "0") != "":
			r.body = errBody
		}
	case sameFold(name, "Transfer-Encoding"):
		r.body = errTransferEncoding
	case sameFold(name, "Upgrade"):
		r.upgrade = r.upgrade || holds(value, "websocket")
	case sameFold(name, "Connection"):
		r.connection = r.connection || holds(value, "upgrade")
	case sameFold(name, "Sec-WebSocket-Key"):
		if !r.seen.add(seenKey) {
			return errKeyRepeated
		}
		r.key = value
	case sameFold(name, "Sec-WebSocket-Version"):
		if !r.seen.add(seenVersion) {
			return errVersionRepeated
		}
		r.version = value
	case sameFold(name, "Sec-WebSocket-Protocol"):
		combine(&r.protocols, value, !r.seen.add(seenProtocol))
	case sameFold(name, "Sec-WebSocket-Extensions"):
		combine(&r.extensions, value, !r.seen.add(seenExtensions))
	}
	return nil
}

// combine puts the value behind those of earlier lines (RFC 9110, section 5.3).
func combine(list *string, value string, again bool) {
	if again {
		value = *list + "," + value
	}
	*list = value
}

const crlf = "\r\n"

// cutField takes the first line off fields.
func cutField(fields string) (name, value, rest string) {
	line, rest := cut(fields, '\r')
	name, value = cut(line, ':')
	return name, trim(value), strings.TrimPrefix(rest, "\n")
}

// Fields yields all the fields in the order and the spelling in which they came.
// Of values the whitespace around them is taken off.
func (r *Request) Fields() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for rest := r.fields; rest != ""; {
			var name, value string
			if name, value, rest = cutField(rest); !yield(name, value) {
				return
			}
		}
	}
}
