package conformance

import (
	"fmt"
	"strings"
	"testing"

	"crier/internal/node"
)

// TestFragments is category 5.
func TestFragments(t *testing.T) {
	hi := text("Hello!")
	one, two := first(text("Hel")), last("lo!")
	me := ping("ping me")
	lost, lostOpen := last("lost"), more("lost") // continue nothing
	mixed := talk{
		send(first(text("a")), more("b"), ping("1")), want(pong("1")),
		send(more("c"), more("d"), ping("2"), last("e")), want(pong("2"), text("abcde")),
	}
	apart := talk{
		send(first(text("a"))), send(more("b")), send(ping("1")), want(pong("1")),
		send(more("c")), send(more("d")), send(ping("2")), want(pong("2")), send(last("e")), want(text("abcde")),
	}
	converse(t, start(t, node.Config{}), []exchange{
		{"5.1 a ping is not fragmented", "5.5", talk{send(first(ping("a")), last("b"))}, fails(1002)},
		{"5.2 a pong is not fragmented", "5.5", talk{send(first(pong("a")), last("b"))}, fails(1002)},
		{"5.3 two fragments, one message", "5.4", talk{send(one, two), want(hi)}, stays},
		{"5.4 … in segments of their own", "5.4", talk{send(one), send(two), want(hi)}, stays},
		{"5.5 … byte by byte", "5.4", talk{sendIn(1, one, two), want(hi)}, stays},
		{"5.6 a ping between them is answered first", "5.4", talk{send(one, me, two), want(pong("ping me"), hi)}, stays},
		{"5.7 … in segments of their own", "5.4",
			talk{send(one), send(me), want(pong("ping me")), send(two), want(hi)}, stays},
		{"5.8 … byte by byte", "5.4", talk{sendIn(1, one, me, two), want(pong("ping me"), hi)}, stays},
		{"5.9 a last fragment of nothing", "5.4", talk{send(lost, hi)}, fails(1002)},
		{"5.10 … in segments of their own", "5.4", talk{send(lost), send(hi)}, fails(1002)},
		{"5.11 … byte by byte", "5.4", talk{sendIn(1, lost, hi)}, fails(1002)},
		{"5.12 a fragment of nothing", "5.4", talk{send(lostOpen, hi)}, fails(1002)},
		{"5.13 … in segments of their own", "5.4", talk{send(lostOpen), send(hi)}, fails(1002)},
		{"5.14 … byte by byte", "5.4", talk{sendIn(1, lostOpen, hi)}, fails(1002)},
		{"5.15 a fragment behind the last, and what was whole is still echoed", "5.4",
			talk{send(one, two, lostOpen, hi), want(hi)}, fails(1002)},
		{"5.15 … in segments of their own", "5.4",
			talk{send(one), send(two), want(hi), send(lostOpen), send(hi)}, fails(1002)},
		{"5.16 a fragment of nothing before a message in two, twice", "5.4",
			talk{send(lostOpen, one, two, lostOpen, one, two)}, fails(1002)},
		{"5.17 a last fragment of nothing before a message in two, twice", "5.4",
			talk{send(lost, one, two, lost, one, two)}, fails(1002)},
		{"5.18 the second fragment is a continuation, no text", "5.4", talk{send(one, text("lo!"))}, fails(1002)},
		{"5.19 two pings among five fragments", "5.4", mixed, stays},
		{"5.20 … in segments of their own", "5.4", apart, stays},

		{"5.1 … which the header tells", "5.5", talk{send(unfinished{first(ping("")), 9})}, fails(1002)},
		{"5.2 … which the header tells", "5.5", talk{send(unfinished{first(pong("")), 9})}, fails(1002)},
		{"a close is not fragmented", "5.5", talk{send(first(closing(1000, "")))}, fails(1002)},
		{"5.9 … which the header tells", "5.4", talk{send(unfinished{last(""), 9})}, fails(1002)},
		{"5.12 … which the header tells", "5.4", talk{send(unfinished{more(""), 9})}, fails(1002)},
		{"5.18 … which the header tells", "5.4", talk{send(one), send(unfinished{text(""), 3})}, fails(1002)},
		{"5.18 nor a binary, nor the beginning of one", "5.4", talk{send(one), send(first(blob("")))}, fails(1002)},
		{"a binary in fragments", "5.4", talk{send(first(blob("\xfe")), more("\xff"), last("")), want(blob("\xfe\xff"))}, stays},
		{"a text in a binary in fragments", "5.4", talk{send(first(blob("\xfe"))), send(hi)}, fails(1002)},
		{"a pong between fragments is no part of them", "5.4", talk{send(one, pong("x"), two), want(hi)}, stays},
		{"messages in turn, whole and in fragments", "5.4",
			talk{send(one, two), want(hi), send(hi), want(hi), send(first(blob("")), last("")), want(blob(""))}, stays},
	})
}

// TestFragmentSizes is category 10, and other sizes around the forms of a length.
func TestFragmentSizes(t *testing.T) {
	message := text(strings.Repeat("*", 65536))
	table := []exchange{{
		"10.1.1 65536 bytes in fragments of 1300", "5.4",
		talk{send(fragments(message, 1300)...), want(message)}, stays,
	}}
	for _, size := range []int{1, 2, 125, 126, 127, 1299, 32768, 65535, 65536} {
		for _, m := range []frame{message, blob(strings.Repeat("\xfe", 65536))} {
			table = append(table, exchange{
				fmt.Sprintf("10 opcode %x of 65536 bytes in fragments of %d", m.head&0xf, size), "5.4",
				talk{send(fragments(m, size)...), want(m)}, stays,
			})
		}
	}
	// It ends with an empty fragment, as when its sender learns late that there is no more.
	table = append(table, exchange{
		"10 … and nothing in the last", "5.4",
		talk{send(first(message), last("")), want(message)}, stays,
	})
	converse(t, start(t, node.Config{}), table)
}
