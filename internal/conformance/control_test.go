package conformance

import (
	"fmt"
	"strings"
	"testing"

	"crier/internal/node"
)

// TestPings is category 2.
func TestPings(t *testing.T) {
	const binary = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	full := strings.Repeat("\xfe", 125)
	ten := func(segment int) (ts talk) {
		for i := range 10 {
			ts = append(ts, sendIn(segment, ping(fmt.Sprint("ping ", i))))
		}
		for i := range 10 {
			ts = append(ts, want(pong(fmt.Sprint("ping ", i))))
		}
		return ts
	}
	converse(t, start(t, node.Config{}), []exchange{
		{"2.1 an empty ping gets an empty pong", "5.5.3", talk{send(ping("")), want(pong(""))}, stays},
		{"2.2 a pong has the ping's payload", "5.5.3", talk{send(ping("ping me")), want(pong("ping me"))}, stays},
		{"2.3 the payload need not be UTF-8", "5.5.2", talk{send(ping(binary)), want(pong(binary))}, stays},
		{"2.4 a control frame may have 125 bytes", "5.5", talk{send(ping(full)), want(pong(full))}, stays},
		{"2.5 a control frame may not have 126 bytes", "5.5", talk{send(ping(full + "\xfe"))}, fails(1002)},
		{"2.5 … which its header tells", "5.5", talk{send(unfinished{ping(""), 126})}, fails(1002)},
		{"2.6 125 bytes, byte by byte", "5.5", talk{sendIn(1, ping(full)), want(pong(full))}, stays},
		{"2.7 an empty pong that nobody asked for", "5.5.3", talk{send(pong(""))}, stays},
		{"2.8 a pong that nobody asked for", "5.5.3", talk{send(pong("unasked"))}, stays},
		{"2.9 such a pong, and a ping", "5.5.3",
			talk{send(pong("unasked")), send(ping("asked")), want(pong("asked"))}, stays},
		{"2.10 ten pings are ten pongs, in order", "5.5.3", ten(0), stays},
		{"2.11 ten pings byte by byte", "5.5.3", ten(1), stays},

		{"a pong may not have 126 bytes", "5.5", talk{send(unfinished{pong(""), 126})}, fails(1002)},
		{"a ping of 2^63-1 bytes is no matter of size", "5.5",
			talk{send(raw("\x89\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"))}, fails(1002)},
		{"pings and messages", "5.5.2",
			talk{
				send(ping("1")), want(pong("1")), send(text("2")), want(text("2")),
				send(ping("3")), want(pong("3")), send(blob("4")), want(blob("4")),
			}, stays},
	})
}
