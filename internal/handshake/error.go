package handshake

import "fmt"

// Error says why a request is refused, as the peer shall be told. All errors of
// the package are of this type. They are values made once: compare, never modify.
type Error struct {
	Status int    // of the HTTP answer
	Text   string // one line: what is wrong, or what to do
	Header string // fields of the answer that belong to the status, as whole lines ended by CRLF
}

func (e *Error) Error() string {
	return fmt.Sprintf("handshake: %s (status %d)", e.Text, e.Status)
}

func bad(text string) *Error { return &Error{Status: 400, Text: text} }

// Of Scan, in the order of the bytes.
var (
	errMethod        = bad("no HTTP request: want a method in capital letters")
	errMethodTooLong = &Error{Status: 501, Text: "no such method"}
	errTarget        = bad("malformed request target: want /path?query, percent-encoded")
	errFragment      = bad("the request target has a fragment: leave out # and what follows")
	errTargetTooLong = &Error{Status: 414, Text: "the request target is over 4 KiB"}
	errVersion       = bad("malformed request line: want GET /path HTTP/1.1")
	errOtherVersion  = &Error{Status: 505, Text: "want HTTP/1.1"}
	errName          = bad("malformed header line: want name: value")
	errSpaceInName   = bad("whitespace between a header's name and the colon")
	errFolded        = bad("folded header line: put it into one line")
	errValue         = bad("control character in a header")
	errBareLF        = bad("line feed without carriage return: end lines with CRLF")
	errBareCR        = bad("carriage return without line feed: end lines with CRLF")
	errFields        = &Error{Status: 431, Text: "the request head has more than 100 fields"}
	errHeadTooLong   = &Error{Status: 431, Text: "the request head is over 8 KiB"}
)

// Of Parse.
var (
	errHead             = bad("no whole request head")
	errScheme           = bad("the request target is neither a path nor of scheme ws, wss, http or https")
	errAuthority        = bad("malformed host in the request target")
	errHostMissing      = bad("the Host header is missing")
	errHost             = bad("malformed Host header")
	errHostRepeated     = bad("the Host header is repeated")
	errOrigin           = bad("the Origin header is empty: leave it out, or say null")
	errOriginRepeated   = bad("the Origin header is repeated")
	errKeyRepeated      = bad("the Sec-WebSocket-Key header is repeated")
	errVersionRepeated  = bad("the Sec-WebSocket-Version header is repeated")
	errLengthRepeated   = bad("the Content-Length header is repeated")
	errBody             = bad("the request has a body: a WebSocket is opened without one")
	errTransferEncoding = bad("the request has a Transfer-Encoding: a WebSocket is opened without a body")
)

// Of Check.
var (
	// RFC 9110 wants Upgrade in a 426 (section 15.5.22), and the connection option that
	// goes with it (section 7.8); RFC 6455 wants the version (section 4.2.2, item 4).
	errUpgradeRequired = &Error{
		Status: 426,
		Text:   "this is a WebSocket endpoint: connect with version 13",
		Header: "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
	}
	errKeyMissing       = bad("the Sec-WebSocket-Key header is missing")
	errKey              = bad("malformed Sec-WebSocket-Key: want 16 bytes in base64")
	errProtocols        = bad("malformed Sec-WebSocket-Protocol: want a list of tokens")
	errProtocolRepeated = bad("Sec-WebSocket-Protocol names a protocol twice")
	errExtensions       = bad("malformed Sec-WebSocket-Extensions")
)
