package frame

import (
	"fmt"
	"unicode/utf8"
)

// The decoder's counterpart: written from RFC 6455 alone, over the whole stream
// at once, sharing no code with the package. It is slow and simple on purpose.

// step is one thing a decoder has to say, and how many bytes of the stream it
// must have seen, and at most needs to see, in order to say it.
type step struct {
	at   int
	what string
}

// outcome is all that can be said about a stream.
type outcome struct {
	steps []step
	idle  map[int]bool // after how many bytes a decoder holds nothing
}

func say(what string, op, code int, payload []byte) string {
	return fmt.Sprintf("%s op=%d code=%d %q", what, op, code, payload)
}

func reference(s []byte, limit int, client bool) outcome {
	out := outcome{idle: map[int]bool{0: true}}
	add := func(at int, what string) { out.steps = append(out.steps, step{at, what}) }
	fail := func(at, code int) outcome {
		add(at, fmt.Sprintf("error %d", code))
		return out
	}

	var message []byte // of all fragments
	kind := 0          // opcode of the open message
	var tail string    // of a text: bytes since the last rune boundary

	for i := 0; ; {
		// 5.2, base framing
		if len(s)-i < 2 {
			return out
		}
		fin, rsv, op := s[i]>>7 == 1, s[i]>>4&7, int(s[i]&15)
		masked, n := s[i+1]>>7 == 1, uint64(s[i+1]&127)
		i += 2
		ext := 0
		if n == 126 {
			ext = 2
		} else if n == 127 {
			ext = 8
		}
		keyed := 0
		if masked {
			keyed = 4
		}
		if len(s)-i < ext+keyed {
			return out
		}
		if ext > 0 {
			n = 0
			for _, b := range s[i : i+ext] {
				n = n*256 + uint64(b)
			}
		}
		i += ext
		key := []byte{0, 0, 0, 0}
		if masked {
			key = s[i : i+4]
		}
		i += keyed

		control := op == 8 || op == 9 || op == 10
		switch {
		case rsv != 0,
			op > 2 && !control,
			masked == client,
			ext == 2 && n < 126,
			ext == 8 && n < 65536,
			n >= 1<<63,
			control && (n > 125 || !fin),
			!control && (op == 0) != (kind != 0):
			return fail(i, 1002)
		case !control && (n > uint64(limit) || uint64(len(message))+n > uint64(limit)):
			return fail(i, 1009)
		}

		if control {
			if uint64(len(s)-i) < n {
				return out
			}
			body := make([]byte, n)
			for j := range body {
				body[j] = s[i] ^ key[j%4]
				i++
			}
			switch op {
			case 9:
				add(i, say("ping", 0, 0, body))
			case 10:
				add(i, say("pong", 0, 0, body))
			case 8: // 5.5.1 and 7.4
				if n == 0 {
					add(i, say("close", 0, 1005, nil))
					return out
				}
				if n == 1 {
					return fail(i, 1002)
				}
				code := int(body[0])*256 + int(body[1])
				switch {
				case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014, code >= 3000 && code <= 4999:
				default:
					return fail(i, 1002)
				}
				if !utf8.Valid(body[2:]) {
					return fail(i, 1007)
				}
				add(i, say("close", 0, code, body))
				return out
			}
			if kind == 0 {
				out.idle[i] = true
			}
			continue
		}

		if op != 0 {
			kind, tail = op, ""
		}
		for j := uint64(0); j < n; j++ {
			if i == len(s) {
				return out
			}
			b := s[i] ^ key[j%4]
			i++
			message = append(message, b)
			if kind == 1 { // 8.1
				switch tail += string([]byte{b}); {
				case runes[tail]:
					tail = ""
				case !runePrefixes[tail]:
					return fail(i, 1007)
				}
			}
		}
		if !fin && n == 0 {
			add(i, say("empty", 0, 0, nil))
		}
		if fin {
			if tail != "" {
				return fail(i, 1007)
			}
			add(i, say("message", kind, 0, message))
			message, kind = nil, 0
			out.idle[i] = true
		}
	}
}

// All there is in UTF-8: the encoding of every rune, and every beginning of one.
var runes, runePrefixes = func() (whole, prefix map[string]bool) {
	whole, prefix = make(map[string]bool, 1<<21), make(map[string]bool, 1<<15)
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		s := string(r)
		whole[s] = true
		for i := 1; i < len(s); i++ {
			prefix[s[:i]] = true
		}
	}
	return whole, prefix
}()
