package rogue

import (
	"fmt"
	"io"
	"strings"
)

// A Door answers a request whose correct Sec-WebSocket-Accept is accept. It writes the answer, if any, and tells how to go on.
type Door func(w io.Writer, accept string) Then

// Then is how a connection goes on after the answer.
type Then uint8

const (
	Enter Then = iota // into the room
	Leave             // it is closed
	Hold              // it stays open, and nothing more is said
	Drip              // one byte more of a header line every 5 ms, without end
)

func answer(then Then, text string) Door {
	return func(w io.Writer, accept string) Then {
		_, _ = io.WriteString(w, strings.ReplaceAll(text, "{accept}", accept)) // the peer may have gone
		return then
	}
}

func upgrade(accept string, more ...string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept +
		"\r\n" + strings.Join(more, "") + "\r\n"
}

// Status refuses with that status ("503 Service Unavailable"), a body and headers.
func Status(status, body string, headers ...string) Door {
	var head strings.Builder
	for _, h := range headers {
		head.WriteString(h + "\r\n")
	}
	return answer(Leave, fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n%s", status, len(body), &head, body))
}

// The answers of servers that will not, or cannot.
var (
	Unavailable = Status("503 Service Unavailable", "the house is full\nsecond line\n", "Retry-After: 5")
	TooMany     = Status("429 Too Many Requests", "not so fast\n", "Retry-After: 1")
	NotFound    = Status("404 Not Found", "there is no such page\n")
	Page        = Status("200 OK", "<html>welcome</html>\n")
	Moved       = Status("301 Moved Permanently", "", "Location: ws://127.0.0.1:1/elsewhere")
	NotHTTP     = answer(Leave, "SSH-2.0-OpenSSH_9.9\r\n\x00\x01\x02\xff\xfe rubbish \x1b[31m\r\n\r\n")
	Binary      = answer(Hold, strings.Repeat("\x00\xff\x16\x03", 64)) // as one that wants TLS; nothing follows
	Silence     = answer(Hold, "")
	HangUp      = answer(Leave, "")
	HalfHead    = answer(Leave, "HTTP/1.1 101 Switching Protocols\r\nUpgr")
	Dripping    = answer(Drip, "HTTP/1.1 101 Switching Protocols\r\nX-Slow: ")
	WrongAccept = answer(Enter, upgrade("d3JvbmcgYWNjZXB0IHZhbHVlIQAA="[:28]))
	NoAccept    = answer(Enter, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	NoUpgrade   = answer(Enter, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
	LongHead    = answer(Enter, upgrade("{accept}", "X-Long: ", strings.Repeat("x", 70<<10), "\r\n")) // more than 64 KiB
	OddHead     = answer(Enter, "HTTP/1.1 101 \r\nserver:none\r\nCONNECTION: keep-alive, upgrade\r\nupgrade:WebSocket\r\n"+
		"sec-websocket-accept:   {accept}  \r\nX-Empty:\r\n\r\n") // legal
)

// Subprotocol answers with a subprotocol, asked for or not.
func Subprotocol(name string) Door {
	return answer(Enter, upgrade("{accept}", "Sec-WebSocket-Protocol: ", name, "\r\n"))
}

// Extension answers with an extension, which nobody asked for.
func Extension(name string) Door {
	return answer(Enter, upgrade("{accept}", "Sec-WebSocket-Extensions: ", name, "\r\n"))
}

var welcome = answer(Enter, upgrade("{accept}"))
