package handshake

import (
	"crypto/sha1"
	"encoding/base64"
)

// guid is what RFC 6455, section 1.3, has the key end with.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// Accept appends the answer that opens the WebSocket to dst, and returns that. It
// is for requests that Check has passed. A protocol that is not empty must be one
// of Protocols.
func (r *Request) Accept(dst []byte, protocol string) []byte {
	var room [keyEncoded + len(guid)]byte
	sum := sha1.Sum(append(append(room[:0], r.key...), guid...))
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	dst = append(dst, crlf...)
	if protocol != "" {
		dst = append(dst, "Sec-WebSocket-Protocol: "...)
		dst = append(dst, protocol...)
		dst = append(dst, crlf...)
	}
	return append(dst, crlf...)
}
