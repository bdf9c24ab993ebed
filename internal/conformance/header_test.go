package conformance

import (
	"fmt"
	"testing"

	"crier/internal/node"
)

// TestReservedBits is category 3: without an extension there is no such bit in any frame.
func TestReservedBits(t *testing.T) {
	hi := text("Hello!")
	table := []exchange{
		{"3.1 RSV3 on a text", "5.2", talk{send(with(rsv3, hi))}, fails(1002)},
		{"3.2 RSV2 behind a good text, which is still echoed", "5.2",
			talk{send(hi, with(rsv2, hi), ping("")), want(hi)}, fails(1002)},
		{"3.2 … in segments of their own", "5.2",
			talk{send(hi), send(with(rsv2, hi)), send(ping("")), want(hi)}, fails(1002)},
		{"3.3 RSV2 and RSV3 behind a good text, in segments of their own", "5.2",
			talk{send(hi), want(hi), send(with(rsv2|rsv3, hi)), send(ping(""))}, fails(1002)},
		{"3.4 RSV1 behind a good text, byte by byte", "5.2",
			talk{sendIn(1, hi, with(rsv1, hi), ping("")), want(hi)}, fails(1002)},
		{"3.5 RSV1 and RSV3 on a binary", "5.2", talk{send(with(rsv1|rsv3, blob("\x00\xff\xfe")))}, fails(1002)},
		{"3.6 RSV1 and RSV2 on a ping", "5.2", talk{send(with(rsv1|rsv2, ping("hi")))}, fails(1002)},
		{"3.7 all three on a close", "5.2", talk{send(with(rsv1|rsv2|rsv3, frame{fin | opClose, ""}))}, fails(1002)},
	}
	for bits := byte(rsv3); bits <= rsv1|rsv2|rsv3; bits += rsv3 {
		for _, f := range []frame{text("x"), blob("x"), ping("x"), pong("x"), closing(1000, "")} {
			table = append(table, exchange{
				fmt.Sprintf("3 bits %03b on opcode %x, from the header", bits>>4, f.head&0xf), "5.2",
				talk{send(unfinished{with(bits, frame{f.head, ""}), 2})}, fails(1002),
			})
		}
		table = append(table, exchange{
			fmt.Sprintf("3 bits %03b on a continuation", bits>>4), "5.2",
			talk{send(first(hi)), send(with(bits, last("")))}, fails(1002),
		})
	}
	converse(t, start(t, node.Config{}), table)
}

// TestReservedOpcodes is category 4.
func TestReservedOpcodes(t *testing.T) {
	hi := text("Hello!")
	op := func(op byte, payload string) frame { return frame{fin | op, payload} }
	table := []exchange{
		{"4.1.1 opcode 3", "5.2", talk{send(op(0x3, ""))}, fails(1002)},
		{"4.1.2 opcode 4 with a payload", "5.2", talk{send(op(0x4, "payload"))}, fails(1002)},
		{"4.1.3 opcode 5 behind a good text, which is still echoed", "5.2",
			talk{send(hi, op(0x5, ""), ping("")), want(hi)}, fails(1002)},
		{"4.1.4 opcode 6 with a payload behind a good text", "5.2",
			talk{send(hi, op(0x6, "payload"), ping("")), want(hi)}, fails(1002)},
		{"4.1.5 opcode 7 with a payload behind a good text, byte by byte", "5.2",
			talk{sendIn(1, hi, op(0x7, "payload"), ping("")), want(hi)}, fails(1002)},
		{"4.2.1 opcode b", "5.2", talk{send(op(0xb, ""))}, fails(1002)},
		{"4.2.2 opcode c with a payload", "5.2", talk{send(op(0xc, "payload"))}, fails(1002)},
		{"4.2.3 opcode d behind a good text, which is still echoed", "5.2",
			talk{send(hi, op(0xd, ""), ping("")), want(hi)}, fails(1002)},
		{"4.2.4 opcode e with a payload behind a good text", "5.2",
			talk{send(hi, op(0xe, "payload"), ping("")), want(hi)}, fails(1002)},
		{"4.2.5 opcode f with a payload behind a good text, byte by byte", "5.2",
			talk{sendIn(1, hi, op(0xf, "payload"), ping("")), want(hi)}, fails(1002)},
	}
	for _, x := range []byte{0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		table = append(table,
			exchange{fmt.Sprintf("4 opcode %x, from the header", x), "5.2",
				talk{send(unfinished{op(x, ""), 100})}, fails(1002)},
			exchange{fmt.Sprintf("4 opcode %x behind a good text that has come back", x), "5.2",
				talk{send(hi), want(hi), send(op(x, "payload")), send(ping(""))}, fails(1002)},
			exchange{fmt.Sprintf("4 opcode %x inside a fragmented message", x), "5.2",
				talk{send(first(hi)), send(op(x, ""), last(""))}, fails(1002)},
		)
	}
	converse(t, start(t, node.Config{}), table)
}

// TestMasks: a client masks, with any mask.
func TestMasks(t *testing.T) {
	var table []exchange
	for _, f := range []frame{text("x"), blob("x"), ping("x"), pong("x"), closing(1000, ""), text(""), ping(""), {fin | opClose, ""}} {
		table = append(table, exchange{
			fmt.Sprintf("no mask on opcode %x of %d bytes", f.head&0xf, len(f.payload)), "5.1",
			talk{send(unmasked{f})}, fails(1002),
		})
	}
	table = append(table,
		exchange{"no mask, which the header tells", "5.1", talk{send(raw("\x81\x05"))}, fails(1002)},
		exchange{"no mask on a continuation", "5.1", talk{send(first(text("a"))), send(unmasked{last("b")})}, fails(1002)},
		exchange{"no mask behind a good text that has come back", "5.1",
			talk{send(text("a")), want(text("a")), send(unmasked{text("b")})}, fails(1002)},
	)
	// Long enough for every way to unmask by words, with a rest.
	long := ""
	for i := range 1003 {
		long += string(rune('a' + i%26))
	}
	for _, mask := range [][4]byte{{}, {0xff, 0xff, 0xff, 0xff}, {0x01, 0, 0, 0}, {0, 0, 0, 0x80}, {0x37, 0xfa, 0x21, 0x3d}, {0x81, 0x85, 0x88, 0x89}} {
		name := fmt.Sprintf("mask %x", mask)
		table = append(table,
			exchange{name + ", whole", "5.3", talk{send(under{mask, text(long)}), want(text(long))}, stays},
			exchange{name + ", in segments of 7", "5.3", talk{sendIn(7, under{mask, text(long)}), want(text(long))}, stays},
			exchange{name + ", on a ping", "5.3", talk{send(under{mask, ping("ping me")}), want(pong("ping me"))}, stays},
			exchange{name + ", and another", "5.3",
				talk{
					send(under{mask, first(text("abc"))}, under{someMask, more("de")}, under{mask, last("f")}),
					want(text("abcdef")),
				}, stays},
		)
	}
	converse(t, start(t, node.Config{}), table)
}

// TestExamples are the bytes that the RFC itself shows.
func TestExamples(t *testing.T) {
	const masked = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
	converse(t, start(t, node.Config{}), []exchange{
		{"a masked text", "5.7", talk{send(raw(masked)), want(text("Hello"))}, stays},
		{"an unmasked text is a server's", "5.7", talk{send(raw("\x81\x05\x48\x65\x6c\x6c\x6f"))}, fails(1002)},
		{"unmasked fragments are a server's", "5.7",
			talk{send(raw("\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f"))}, fails(1002)},
		{"an unmasked ping is a server's", "5.7", talk{send(raw("\x89\x05\x48\x65\x6c\x6c\x6f"))}, fails(1002)},
		{"a masked pong", "5.7", talk{send(raw("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"))}, stays},
		{"a masked ping", "5.7", talk{send(raw("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")), want(pong("Hello"))}, stays},
	})
}
