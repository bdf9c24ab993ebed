package handshake

import (
	"slices"
	"strings"
	"testing"
)

// The request of RFC 6455, section 1.3, with its extension of section 9.1.
const sample = "GET /chat HTTP/1.1\r\n" +
	"Host: server.example.com\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Origin: http://example.com\r\n" +
	"Sec-WebSocket-Protocol: chat, superchat\r\n" +
	"Sec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Extensions: deflate-stream\r\n" +
	"\r\n"

// line returns the sample with another request line.
func line(s string) string { return s + sample[strings.Index(sample, "\r\n"):] }

// target returns the sample with another request target.
func target(s string) string { return line("GET " + s + " HTTP/1.1") }

// with returns the sample with lines added at its end.
func with(lines ...string) string {
	return sample[:len(sample)-2] + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// without returns the sample without a field, and with lines added at its end.
func without(name string, lines ...string) string {
	i := strings.Index(sample, "\r\n"+name+":") + 2
	if i < 2 {
		panic(name)
	}
	n := strings.Index(sample[i:], "\r\n") + 2
	head := sample[:i] + sample[i+n:len(sample)-2]
	for _, l := range lines {
		head += l + "\r\n"
	}
	return head + "\r\n"
}

// instead returns the sample with the line in place of the field of that name.
func instead(line string) string {
	name, _, _ := strings.Cut(line, ":")
	return without(strings.TrimRight(name, " \t"), line)
}

func fields(n int) string {
	return strings.Repeat("A: b\r\n", n-strings.Count(sample, "\r\n")+2)
}

// judge goes all the steps, as a server does.
func judge(b string) (r Request, size int, err error) {
	if size, err = Scan([]byte(b)); err != nil || size == 0 {
		return r, size, err
	}
	if r, err = Parse([]byte(b[:size])); err != nil {
		return r, size, err
	}
	return r, size, r.Check()
}

// rules are the RFCs as a table: a head, and what becomes of it. No error means
// that it opens a WebSocket.
var rules = []struct {
	name string
	head string
	want *Error
}{
	{"6455 1.3: the sample", sample, nil},

	// The request line.
	{"9112 2.1: TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", errMethod},
	{"9112 2.2: empty line ahead", "\r\n" + sample, errMethod},
	{"9112 2.2: whitespace ahead", " " + sample, errMethod},
	{"9112 2.2: line ended by LF", "GET /chat HTTP/1.1\nHost: a\n\n", errBareLF},
	{"9112 2.2: line ended by CR", "GET /chat HTTP/1.1\rHost: a\r\n\r\n", errBareCR},
	{"9112 2.2: whitespace behind the request line", line("GET /chat HTTP/1.1\r\n "), errFolded},
	{"9112 3: whitespace at the end of the request line", line("GET /chat HTTP/1.1 "), errVersion},
	{"9112 3: two spaces before the target", line("GET  /chat HTTP/1.1"), errTarget},
	{"9112 3: two spaces before the version", line("GET /chat  HTTP/1.1"), errVersion},
	{"9112 3: tab for a space", line("GET\t/chat HTTP/1.1"), errMethod},
	{"9112 3: tab for the second space", line("GET /chat\tHTTP/1.1"), errTarget},
	{"9112 3: space in the target", target("/chat room"), errVersion},
	{"9112 3: no target", line("GET HTTP/1.1"), errVersion},
	{"9112 3: method alone", line("GET"), errMethod},
	{"9112 3: HTTP/0.9", line("GET /chat"), errVersion},
	{"9112 3: HTTP/0.9 with LF", "GET /chat\n", errVersion},
	{"9112 3.1: small letters", line("get /chat HTTP/1.1"), errMethod},
	{"9112 3.1: no letter", line("G3T /chat HTTP/1.1"), errMethod},
	{"9112 3.1: no token", line("GET, /chat HTTP/1.1"), errMethod},
	{"9112 3.1: 16 letters", line("ABCDEFGHIJKLMNOP /chat HTTP/1.1"), nil},
	{"9112 3.1: one letter", line("A /chat HTTP/1.1"), nil},
	{"9112 3.1: last letter", line("Z /chat HTTP/1.1"), nil},
	{"9112 3.1: no letter at all", line(" /chat HTTP/1.1"), errMethod},
	{"9112 3: 17 letters", line("ABCDEFGHIJKLMNOPQ /chat HTTP/1.1"), errMethodTooLong},
	{"9112 2.3: small http", line("GET /chat http/1.1"), errVersion},
	{"9112 2.3: other protocol", line("GET /chat HTTPS/1.1"), errVersion},
	{"9112 2.3: two digits", line("GET /chat HTTP/1.10"), errVersion},
	{"9112 2.3: two digits first", line("GET /chat HTTP/11.1"), errVersion},
	{"9112 2.3: no minor version", line("GET /chat HTTP/1"), errVersion},
	{"9112 2.3: no dot", line("GET /chat HTTP/1,1"), errVersion},
	{"9112 2.3: no digit", line("GET /chat HTTP/1.x"), errVersion},
	{"9112 2.3: digit of another script", line("GET /chat HTTP/1.١"), errVersion},
	{"9110 2.5: HTTP/1.0", line("GET /chat HTTP/1.0"), errOtherVersion},
	{"9110 2.5: HTTP/1.2", line("GET /chat HTTP/1.2"), errOtherVersion},
	{"9110 2.5: HTTP/2.0", line("PRI * HTTP/2.0"), errOtherVersion},
	{"9110 2.5: HTTP/0.9, named", line("GET /chat HTTP/0.9"), errOtherVersion},

	// The target.
	{"9112 3.2.1: query", target("/chat?room=a/b?c&token=x%20y:z@"), nil},
	{"9112 3.2.1: every byte of a path", target("/AZaz09-._~!$&'()*+,;=:@%00%fF//"), nil},
	{"9112 3.2.1: no slash", target("chat"), errScheme},
	{"9112 3.2.1: query alone", target("?a"), errScheme},
	{"9110 4.1: fragment", target("/chat#top"), errFragment},
	{"3986 2: quote", target("/chat?\"a\""), errTarget},
	{"3986 2: backslash", target("/chat\\a"), errTarget},
	{"3986 2: braces in a path", target("/chat{a}"), errTarget},
	{"URL 1.3: backslash in a query", target("/chat?\\a"), nil},
	{"URL 1.3: braces in a query", target("/chat?{a}"), nil},
	{"URL 1.3: bar in a query", target("/chat?a|b"), nil},
	{"3986 2: angle bracket", target("/chat?<a"), errTarget},
	{"URL 1.3: caret in a query", target("/chat?a^b"), nil},
	{"URL 1.3: backtick in a query", target("/chat?a`b"), nil},
	{"3986 2: NUL", target("/chat\x00"), errTarget},
	{"3986 2: DEL", target("/chat\x7f"), errTarget},
	{"3986 2: no ASCII", target("/chät"), errTarget},
	{"3986 3.2.2: brackets in a path", target("/chat[0]"), errTarget},
	{"3986 3.2.2: opening bracket", target("/chat["), errTarget},
	{"3986 3.2.2: closing bracket", target("/chat]"), errTarget},
	{"URL 1.3: bracket first", target("ws://a?[b"), nil},
	{"URL 1.3: brackets in a query", target("/chat?a[0]=b"), nil},
	{"3986 2.1: half an escape", target("/chat%2"), errTarget},
	{"URL 1.3: half an escape in a query", target("/chat?a=%"), nil},
	{"3986 2.1: no digits", target("/chat%GG"), errTarget},
	{"9110 15.5.15: target as long as may be", target("/" + strings.Repeat("a", MaxTarget-1)), nil},
	{"9110 15.5.15: one byte longer", target("/" + strings.Repeat("a", MaxTarget)), errTargetTooLong},
	{"9112 3.2.2: absolute-form", target("http://server.example.com/chat"), nil},
	{"9112 3.2.2: absolute-form, ws", target("ws://server.example.com:80/chat?a"), nil},
	{"9112 3.2.2: absolute-form, wss, big letters", target("WSS://server.example.com"), nil},
	{"9112 3.2.2: absolute-form, https, query alone", target("https://[::1]:?a"), nil},
	{"9112 3.2.2: absolute-form, host encoded", target("http://%73erver/chat"), nil},
	{"9112 3.2.2: absolute-form, brackets in the path", target("http://a/[::1]"), errTarget},
	{"9112 3.2.2: other scheme", target("ftp://server.example.com/chat"), errScheme},
	{"9112 3.2.2: long s in the scheme", target("w%C5%BF://server.example.com/chat"), errScheme},
	{"9112 3.2.2: one slash", target("http:/server.example.com/chat"), errScheme},
	{"9112 3.2.2: Host nevertheless", strings.Replace(target("http://a/"), "Host: server.example.com\r\n", "", 1), errHostMissing},
	{"9112 3.2.2: Host nevertheless valid", strings.Replace(target("http://a/"), "Host: s", "Host: @", 1), errHost},
	{"9110 4.2.1: no host", target("http:///chat"), errAuthority},
	{"9110 4.2.1: port alone", target("http://:80/chat"), errAuthority},
	{"9110 4.2.4: user", target("http://user@server.example.com/chat"), errAuthority},
	{"9110 4.2.4: user and password", target("ws://user:word@server.example.com/chat"), errAuthority},
	{"9112 3.2.3: authority-form", line("CONNECT server.example.com:80 HTTP/1.1"), nil},
	{"9112 3.2.3: authority-form without CONNECT", target("server.example.com:80"), errScheme},
	{"9112 3.2.3: CONNECT with a path", line("CONNECT /chat HTTP/1.1"), errAuthority},
	{"9112 3.2.3: CONNECT with an asterisk", line("CONNECT * HTTP/1.1"), errAuthority},
	{"9110 9.3.6: no port", line("CONNECT server.example.com HTTP/1.1"), errAuthority},
	{"9110 9.3.6: no port of an address", line("CONNECT [::1] HTTP/1.1"), errAuthority},
	{"9110 9.3.6: empty port", line("CONNECT server.example.com: HTTP/1.1"), errAuthority},
	{"9112 3.2.4: asterisk-form", line("OPTIONS * HTTP/1.1"), nil},
	{"9112 3.2.4: two asterisks", line("OPTIONS ** HTTP/1.1"), errScheme},

	// Fields.
	{"9112 5: no colon", with("Cookie"), errName},
	{"9112 5: no name", with(": a"), errName},
	{"9112 5: space in a name", with("Set Cookie: a"), errSpaceInName},
	{"9112 5: other byte in a name", with("Coo(kie: a"), errName},
	{"9112 5: no ASCII in a name", with("Cöökie: a"), errName},
	{"9112 5: NUL in a name", with("Coo\x00kie: a"), errName},
	{"9112 5: LF in a name", with("Coo\nkie: a"), errBareLF},
	{"9110 5.6.2: every byte of a token", with("!#$%&'*+-.^_`|~09azAZ: a"), nil},
	{"9112 5.1: space before the colon", instead("Host : server.example.com"), errSpaceInName},
	{"9112 5.1: tab before the colon", instead("Host\t: server.example.com"), errSpaceInName},
	{"9112 5.1: no whitespace at all", instead("Host:server.example.com"), nil},
	{"9112 5.1: whitespace around the value", instead("Host: \t server.example.com\t \t"), nil},
	{"9112 5.2: folded by a space", with("Cookie: a,", " b"), errFolded},
	{"9112 5.2: folded by a tab", with("Cookie: a,", "\tb"), errFolded},
	{"9112 5.2: folded, nothing in it", with("Cookie: a", " "), errFolded},
	{"9110 5.5: tab in a value", with("Cookie: a\tb"), nil},
	{"9110 5.5: no ASCII in a value", with("Cookie: \x80é\xff"), nil},
	{"9110 5.5: empty value", with("Cookie:"), nil},
	{"9110 5.5: NUL", with("Cookie: a\x00b"), errValue},
	{"9110 5.5: vertical tab", with("Cookie: a\x0bb"), errValue},
	{"9110 5.5: DEL", with("Cookie: a\x7fb"), errValue},
	{"9112 2.2: LF in a value", with("Cookie: a\nb"), errBareLF},
	{"9112 2.2: CR in a value", with("Cookie: a\rb"), errBareCR},
	{"9112 2.2: two CRs", with("Cookie: a\r"), errBareCR},
	{"9112 2.2: head ended by LF", sample[:len(sample)-2] + "\n", errBareLF},
	{"9112 2.2: head ended by CR", sample[:len(sample)-1] + "a", errBareCR},
	{"6585 5: 100 fields", with(fields(MaxFields-1) + "Cookie: a"), nil},
	{"6585 5: 101 fields", with(fields(MaxFields) + "Cookie: a"), errFields},
	{"6585 5: head as long as may be", with("Cookie: " + strings.Repeat("a", MaxHead-len(with("Cookie: ")))), nil},
	{"6585 5: one byte longer", with("Cookie: " + strings.Repeat("a", MaxHead-len(with("Cookie: "))+1)), errHeadTooLong},
	{"6585 5: no end", "GET / HTTP/1.1\r\nCookie: " + strings.Repeat("a", 2*MaxHead), errHeadTooLong},

	// Host.
	{"9112 3.2: no Host", without("Host"), errHostMissing},
	{"9112 3.2: two", with("Host: server.example.com"), errHostRepeated},
	{"9112 3.2: two, the first empty", instead("Host:\r\nHost: a"), errHostRepeated},
	{"9112 3.2: empty", instead("Host:"), errHost},
	{"9110 7.2: name in any case", instead("Host: a")[:len("GET /chat HTTP/1.1\r\n")] + strings.Replace(sample[len("GET /chat HTTP/1.1\r\n"):], "Host", "hOST", 1), nil},
	{"9110 7.2: port", instead("Host: a:8080"), nil},
	{"9110 7.2: empty port", instead("Host: a:"), nil},
	{"9110 7.2: port alone", instead("Host: :80"), errHost},
	{"9110 7.2: port of letters", instead("Host: a:b"), errHost},
	{"9110 7.2: two ports", instead("Host: a:80:80"), errHost},
	{"9110 7.2: user", instead("Host: me@a"), errHost},
	{"9110 7.2: path", instead("Host: a/b"), errHost},
	{"9110 7.2: space", instead("Host: a b"), errHost},
	{"9110 7.2: list", instead("Host: a, b"), errHost},
	{"9110 7.2: no ASCII", instead("Host: ä"), errHost},
	{"3986 3.2.2: IPv4", instead("Host: 127.0.0.1:80"), nil},
	{"3986 3.2.2: every byte of a name", instead("Host: AZaz09-._~!$&'()*+,;=%C3%A4"), nil},
	{"3986 3.2.2: half an escape", instead("Host: a%2"), errHost},
	{"3986 3.2.2: half an escape first", instead("Host: %2"), errHost},
	{"3986 3.2.2: escape first", instead("Host: %C3%A4"), nil},
	{"3986 3.2.2: IPv6", instead("Host: [2001:db8::7]"), nil},
	{"3986 3.2.2: IPv6, port", instead("Host: [::ffff:192.0.2.1]:80"), nil},
	{"3986 3.2.2: IPv6 without brackets", instead("Host: 2001:db8::7"), errHost},
	{"3986 3.2.2: IPv6, not closed", instead("Host: [::1"), errHost},
	{"3986 3.2.2: IPv6, not closed, port", instead("Host: [::1:80"), errHost},
	{"3986 3.2.2: IPv6, something behind", instead("Host: [::1]a"), errHost},
	{"3986 3.2.2: IPv6, something before", instead("Host: a[::1]"), errHost},
	{"3986 3.2.2: IPv6 of nine groups", instead("Host: [1:2:3:4:5:6:7:8:9]"), errHost},
	{"3986 3.2.2: IPv4 in brackets", instead("Host: [127.0.0.1]"), errHost},
	{"3986 3.2.2: nothing in brackets", instead("Host: []"), errHost},
	{"3986 3.2.2: bracket alone", instead("Host: ["), errHost},
	{"3986 3.2.2: other version", instead("Host: [v7.a]"), errHost},
	{"9844 4: zone", instead("Host: [fe80::1%25eth0]"), errHost},
	{"9844 4: zone, not encoded", instead("Host: [fe80::1%eth0]"), errHost},

	// A body.
	{"9112 6.3: Content-Length: 0", with("Content-Length: 0"), nil},
	{"9110 8.6: Content-Length: 000", with("Content-Length: 000"), nil},
	{"9112 6.3: Content-Length: 5", with("Content-Length: 5"), errBody},
	{"9110 8.6: Content-Length, empty", with("Content-Length:"), errBody},
	{"9110 8.6: Content-Length, signed", with("Content-Length: +0"), errBody},
	{"9110 8.6: Content-Length, list", with("Content-Length: 0, 0"), errBody},
	{"9110 8.6: Content-Length twice", with("Content-Length: 0", "content-length: 0"), errLengthRepeated},
	{"9112 6.1: Transfer-Encoding", with("Transfer-Encoding: chunked"), errTransferEncoding},
	{"9112 6.1: Transfer-Encoding, empty", with("transfer-encoding:"), errTransferEncoding},
	{"9112 6.3: both", with("Content-Length: 0", "Transfer-Encoding: identity"), errTransferEncoding},

	// Origin.
	{"6455 4.2.1 item 7: no Origin", without("Origin"), nil},
	{"6454 7.1: null", instead("Origin: null"), nil},
	{"6454 7.1: empty", instead("Origin:"), errOrigin},
	{"6454 7.3: two", with("Origin: http://example.com"), errOriginRepeated},

	// Upgrade, Connection, version.
	{"6455 4.2.1 item 3: no Upgrade", without("Upgrade"), errUpgradeRequired},
	{"6455 4.2.1 item 3: any case", instead("Upgrade: WebSocket"), nil},
	{"6455 4.2.1 item 3: other protocol", instead("Upgrade: h2c"), errUpgradeRequired},
	{"6455 4.2.1 item 3: part of a word", instead("Upgrade: websockets"), errUpgradeRequired},
	{"6455 4.2.1 item 3: with a version", instead("Upgrade: websocket/13"), errUpgradeRequired},
	{"6455 4.2.1 item 3: long s", instead("Upgrade: webſocket"), errUpgradeRequired},
	{"6455 4.2.1 item 3: empty", instead("Upgrade:"), errUpgradeRequired},
	{"9110 7.8: one of a list", instead("Upgrade: h2c ,\tWebsocket"), nil},
	{"9110 5.3: one of several lines", with("Upgrade: h2c"), nil},
	{"9110 5.6.1.2: empty elements", instead("Upgrade: ,, websocket ,"), nil},
	{"6455 4.2.1 item 4: no Connection", without("Connection"), errUpgradeRequired},
	{"6455 4.2.1 item 4: any case", instead("Connection: uPGRADE"), nil},
	{"6455 4.2.1 item 4: one of a list", instead("Connection: keep-alive, Upgrade"), nil},
	{"6455 4.2.1 item 4: one of several lines", with("Connection: keep-alive"), nil},
	{"6455 4.2.1 item 4: other option", instead("Connection: keep-alive"), errUpgradeRequired},
	{"6455 4.2.1 item 4: other separator", instead("Connection: keep-alive Upgrade"), errUpgradeRequired},
	{"6455 4.2.1 item 6: no version", without("Sec-WebSocket-Version"), errUpgradeRequired},
	{"6455 4.4: version 8", instead("Sec-WebSocket-Version: 8"), errUpgradeRequired},
	{"6455 4.4: list of versions", instead("Sec-WebSocket-Version: 13, 8"), errUpgradeRequired},
	{"6455 4.3: leading zero", instead("Sec-WebSocket-Version: 013"), errUpgradeRequired},
	{"6455 4.3: empty version", instead("Sec-WebSocket-Version:"), errUpgradeRequired},
	{"6455 11.3.5: two versions", with("sec-websocket-version: 13"), errVersionRepeated},

	// The key.
	{"6455 4.2.1 item 5: no key", without("Sec-WebSocket-Key"), errKeyMissing},
	{"6455 4.2.1 item 5: empty", instead("Sec-WebSocket-Key:"), errKey},
	{"6455 4.2.1 item 5: 15 bytes", instead("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"), errKey},
	{"6455 4.2.1 item 5: 17 bytes", instead("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="), errKey},
	{"6455 4.2.1 item 5: 18 bytes", instead("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAAA"), errKey},
	{"4648 3.2: no padding", instead("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), errKey},
	{"4648 3.3: other byte", instead("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j*Q=="), errKey},
	{"4648 3.5: bits behind the last byte", instead("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), errKey},
	{"4648 5: letters of the URL alphabet", instead("Sec-WebSocket-Key: ____________________--=="), errKey},
	{"4648 4: last letters", instead("Sec-WebSocket-Key: /////////////////////w=="), nil},
	{"6455 11.3.1: two keys", with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), errKeyRepeated},

	// Protocols.
	{"6455 4.2.1 item 8: no protocol", without("Sec-WebSocket-Protocol"), nil},
	{"6455 4.1 item 10: every byte of a token", instead("Sec-WebSocket-Protocol: !#$%&'*+-.^_`|~09azAZ"), nil},
	{"6455 4.1 item 10: differ by case", instead("Sec-WebSocket-Protocol: chat,Chat"), nil},
	{"6455 4.1 item 10: empty", instead("Sec-WebSocket-Protocol:"), errProtocols},
	{"6455 4.1 item 10: empty element", instead("Sec-WebSocket-Protocol: a,,b"), errProtocols},
	{"6455 4.1 item 10: empty element at the end", instead("Sec-WebSocket-Protocol: a,"), errProtocols},
	{"6455 4.1 item 10: separator", instead("Sec-WebSocket-Protocol: a/b"), errProtocols},
	{"6455 4.1 item 10: space", instead("Sec-WebSocket-Protocol: a b"), errProtocols},
	{"6455 4.1 item 10: quoted", instead("Sec-WebSocket-Protocol: \"a\""), errProtocols},
	{"6455 4.1 item 10: no ASCII", instead("Sec-WebSocket-Protocol: ä"), errProtocols},
	{"6455 4.1 item 10: twice", instead("Sec-WebSocket-Protocol: a, b, a"), errProtocolRepeated},
	{"6455 11.3.4: two lines", with("Sec-WebSocket-Protocol: hyperchat"), nil},
	{"6455 11.3.4: twice on two lines", with("Sec-WebSocket-Protocol: chat"), errProtocolRepeated},

	// Extensions.
	{"6455 9.1: no extension", without("Sec-WebSocket-Extensions"), nil},
	{"6455 9.1: the examples", instead("Sec-WebSocket-Extensions: mux; max-channels=4; flow-control, deflate-stream"), nil},
	{"6455 9.1: same name twice", instead("Sec-WebSocket-Extensions: a; b, a; c"), nil},
	{"7692 7.1: quoted", instead("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"10\""), nil},
	{"6455 9.1: quoted pair", instead(`Sec-WebSocket-Extensions: a; b="\1\0"`), nil},
	{"6455 11.3.2: several lines", with("Sec-WebSocket-Extensions: a; b"), nil},
	{"2616 2.1: implied whitespace", instead("Sec-WebSocket-Extensions: \ta\t; b = c ; d =\t\"e\" , f"), nil},
	{"9110 5.6.1.2: empty elements in the list", instead("Sec-WebSocket-Extensions: ,, a ,\t,"), nil},
	{"9110 5.6.1.2: empty line among others", with("Sec-WebSocket-Extensions:"), nil},
	{"6455 9.1: empty", instead("Sec-WebSocket-Extensions:"), errExtensions},
	{"6455 9.1: commas alone", instead("Sec-WebSocket-Extensions: , ,"), errExtensions},
	{"6455 9.1: no name", instead("Sec-WebSocket-Extensions: ; a"), errExtensions},
	{"6455 9.1: name no token", instead("Sec-WebSocket-Extensions: a/b"), errExtensions},
	{"6455 9.1: name with a value", instead("Sec-WebSocket-Extensions: a=b"), errExtensions},
	{"6455 9.1: name quoted", instead("Sec-WebSocket-Extensions: \"a\""), errExtensions},
	{"6455 9.1: two names", instead("Sec-WebSocket-Extensions: a b"), errExtensions},
	{"6455 9.1: empty parameter", instead("Sec-WebSocket-Extensions: a;"), errExtensions},
	{"6455 9.1: empty parameter between", instead("Sec-WebSocket-Extensions: a;;b"), errExtensions},
	{"6455 9.1: value without a name", instead("Sec-WebSocket-Extensions: a; =b"), errExtensions},
	{"6455 9.1: no value", instead("Sec-WebSocket-Extensions: a; b="), errExtensions},
	{"6455 9.1: two values", instead("Sec-WebSocket-Extensions: a; b=c=d"), errExtensions},
	{"6455 9.1: value no token", instead("Sec-WebSocket-Extensions: a; b=c/d"), errExtensions},
	{"6455 9.1: quoted, empty", instead("Sec-WebSocket-Extensions: a; b=\"\""), errExtensions},
	{"6455 9.1: quoted, no token", instead("Sec-WebSocket-Extensions: a; b=\"c d\""), errExtensions},
	{"6455 9.1: quoted, comma", instead("Sec-WebSocket-Extensions: a; b=\"c,d\""), errExtensions},
	{"6455 9.1: quoted, semicolon", instead("Sec-WebSocket-Extensions: a; b=\"c;d\""), errExtensions},
	{"6455 9.1: quoted quote", instead(`Sec-WebSocket-Extensions: a; b="c\"d"`), errExtensions},
	{"6455 9.1: quoted backslash", instead(`Sec-WebSocket-Extensions: a; b="c\\"`), errExtensions},
	{"6455 9.1: not closed", instead("Sec-WebSocket-Extensions: a; b=\"c"), errExtensions},
	{"6455 9.1: quote alone", instead("Sec-WebSocket-Extensions: a; b=\""), errExtensions},
	{"6455 9.1: closing quote quoted", instead(`Sec-WebSocket-Extensions: a; b="c\"`), errExtensions},
	{"6455 9.1: something behind the quote", instead("Sec-WebSocket-Extensions: a; b=\"c\"d"), errExtensions},
	{"6455 9.1: quoted over two lines", with("Sec-WebSocket-Extensions: a; b=\"c", "Sec-WebSocket-Extensions: d\""), errExtensions},
	{"6455 9.1: second line malformed", with("Sec-WebSocket-Extensions: a;"), errExtensions},
}

func TestRules(t *testing.T) {
	for _, tt := range rules {
		t.Run(tt.name, func(t *testing.T) {
			_, size, err := judge(tt.head)
			if tt.want == nil {
				if err != nil || size != len(tt.head) {
					t.Fatalf("%q\nsize %d of %d, %v", tt.head, size, len(tt.head), err)
				}
			} else if err != tt.want {
				t.Fatalf("%q\n%v, want %v", tt.head, err, tt.want)
			}
			drive(t, []byte(tt.head))
		})
	}
}

// Every error is of use to the peer and to the writer of the answer.
func TestErrorsAreComplete(t *testing.T) {
	seen := map[*Error]bool{}
	for _, tt := range rules {
		if no := tt.want; no != nil && !seen[no] {
			seen[no] = true
			if no.Status < 400 || no.Text == "" || strings.ContainsAny(no.Text, "\r\n") || no.Header != "" && !strings.HasSuffix(no.Header, "\r\n") {
				t.Errorf("%+v", no)
			}
		}
	}
	for _, no := range []*Error{
		errMethod, errMethodTooLong, errTarget, errFragment, errTargetTooLong, errVersion, errOtherVersion, errName,
		errSpaceInName, errFolded, errValue, errBareLF, errBareCR, errFields, errHeadTooLong,
		errScheme, errAuthority, errHostMissing, errHost, errHostRepeated, errOrigin, errOriginRepeated, errKeyRepeated,
		errVersionRepeated, errLengthRepeated, errBody, errTransferEncoding,
		errUpgradeRequired, errKeyMissing, errKey, errProtocols, errProtocolRepeated, errExtensions,
	} {
		if !seen[no] {
			t.Errorf("no rule has: %v", no)
		}
	}
}

// RFC 6455, section 4.2.2, item 5, and RFC 9110, sections 7.8 and 15.5.22.
func TestUpgradeRequiredSaysToWhat(t *testing.T) {
	for _, l := range []string{"Upgrade: websocket\r\n", "Connection: Upgrade\r\n", "Sec-WebSocket-Version: 13\r\n"} {
		if !strings.Contains(errUpgradeRequired.Header, l) {
			t.Errorf("%q is missing", l)
		}
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		head               string
		target, path, host string
	}{
		{sample, "/chat", "/chat", "server.example.com"},
		{target("/chat?a=/b?c"), "/chat?a=/b?c", "/chat", "server.example.com"},
		{target("//chat/../%63hat"), "//chat/../%63hat", "//chat/../%63hat", "server.example.com"},
		{target("http://Other:81/chat?a"), "http://Other:81/chat?a", "/chat", "Other:81"},
		{target("wss://other"), "wss://other", "/", "other"},
		{target("wss://other?http://"), "wss://other?http://", "/", "other"},
		{line("OPTIONS * HTTP/1.1"), "*", "*", "server.example.com"},
		{line("CONNECT [::1]:80 HTTP/1.1"), "[::1]:80", "[::1]:80", "[::1]:80"},
	} {
		r, _, err := judge(tt.head)
		if err != nil || r.Target != tt.target || r.Path != tt.path || r.Host != tt.host || r.Origin != "http://example.com" {
			t.Errorf("%q: %+v, %v", tt.head, r, err)
		}
	}
}

func TestParseWantsAWholeHead(t *testing.T) {
	for n := range len(sample) {
		if _, err := Parse([]byte(sample[:n])); err != errHead {
			t.Errorf("%q: %v", sample[:n], err)
		}
	}
}

func TestFields(t *testing.T) {
	r, _, err := judge("GET /chat HTTP/1.1\r\nhost: \ta\t \r\nCookie:\r\nCOOKIE: a: b\r\n" + sample[strings.Index(sample, "Upgrade"):])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for name, value := range r.Fields() {
		if got = append(got, name+"="+value); name == "Upgrade" {
			break
		}
	}
	if want := []string{"host=a", "Cookie=", "COOKIE=a: b", "Upgrade=websocket"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestProtocols(t *testing.T) {
	for _, tt := range []struct {
		head string
		want []string
	}{
		{without("Sec-WebSocket-Protocol"), nil},
		{sample, []string{"chat", "superchat"}},
		{with("sec-websocket-protocol:b\t,\ta"), []string{"chat", "superchat", "b", "a"}},
	} {
		if r, _, err := judge(tt.head); err != nil || !slices.Equal(r.Protocols(), tt.want) {
			t.Errorf("%q, %v, want %q", r.Protocols(), err, tt.want)
		}
	}
}

func TestExtensions(t *testing.T) {
	r, _, err := judge(with(`sec-websocket-extensions: permessage-deflate; client_max_window_bits ; server_max_window_bits="1\0",`, "Sec-WebSocket-Extensions: permessage-deflate;a=b"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Extension{
		{Name: "deflate-stream"},
		{"permessage-deflate", []Param{{"client_max_window_bits", ""}, {"server_max_window_bits", "10"}}},
		{"permessage-deflate", []Param{{"a", "b"}}},
	}
	if got := r.Extensions(); !slices.EqualFunc(got, want, func(a, b Extension) bool {
		return a.Name == b.Name && slices.Equal(a.Params, b.Params)
	}) {
		t.Errorf("%v, want %v", got, want)
	}
	if r, _, _ = judge(without("Sec-WebSocket-Extensions")); r.Extensions() != nil {
		t.Errorf("%v", r.Extensions())
	}
}

// RFC 6455, section 1.3.
func TestAccept(t *testing.T) {
	r, _, err := judge(sample)
	if err != nil {
		t.Fatal(err)
	}
	const want = "before" +
		"HTTP/1.1 101 Switching Protocols\r\n" +
		"Upgrade: websocket\r\n" +
		"Connection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
	if got := string(r.Accept([]byte("before"), "")); got != want+"\r\n" {
		t.Errorf("%q", got)
	}
	if got := string(r.Accept([]byte("before"), "chat")); got != want+"Sec-WebSocket-Protocol: chat\r\n\r\n" {
		t.Errorf("%q", got)
	}
}
