package conformance

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"crier/internal/node"
)

// TestLimit: what is too large is refused from the header alone, before a byte of it is there.
func TestLimit(t *testing.T) {
	const most = 1000
	full, half := strings.Repeat("*", most), strings.Repeat("*", most/2)
	var table []exchange
	for _, of := range []func(string) frame{text, blob} {
		m := of(full)
		name := func(rule string) string { return fmt.Sprintf("opcode %x: %s", m.head&0xf, rule) }
		table = append(table,
			exchange{name("the largest message"), "10.4", talk{send(m), want(m)}, stays},
			exchange{name("the largest message, byte by byte"), "10.4", talk{sendIn(1, m), want(m)}, stays},
			exchange{name("one byte more, from the header"), "10.4", talk{send(unfinished{of(""), most + 1})}, fails(1009)},
			exchange{name("64 KiB, from the header"), "10.4", talk{send(unfinished{of(""), 1 << 16})}, fails(1009)},
			exchange{name("the largest in two fragments"), "10.4", talk{send(first(of(half)), last(half)), want(m)}, stays},
			exchange{name("the largest in fragments of 1"), "10.4", talk{send(fragments(m, 1)...), want(m)}, stays},
			exchange{name("the largest and nothing"), "10.4", talk{send(first(m), more(""), last("")), want(m)}, stays},
			exchange{name("one byte more in the last fragment, from its header"), "10.4",
				talk{send(first(of(half)), ping("")), want(pong("")), send(unfinished{last(""), most/2 + 1})}, fails(1009)},
			exchange{name("one byte more behind the largest, from its header"), "10.4",
				talk{send(first(m), ping("")), want(pong("")), send(unfinished{more(""), 1})}, fails(1009)},
			exchange{name("the largest, twice: the bound is for one message"), "10.4",
				talk{send(m), want(m), send(first(of(half)), last(half)), want(m)}, stays},
		)
	}
	table = append(table, exchange{"control frames among the fragments do not count", "10.4",
		talk{
			send(first(text(half)), ping(half[:125]), pong(half[:125]), last(half)), want(pong(half[:125]), text(full)),
		}, stays})
	converse(t, start(t, node.Config{MaxMessage: most}), table)
}

// TestLongLengths: lengths no memory has room for, and lengths there are not.
func TestLongLengths(t *testing.T) {
	in64 := func(head byte, n uint64) raw {
		return raw(binary.BigEndian.AppendUint64([]byte{head, 0x80 | 127}, n)) + "\x01\x02\x03\x04"
	}
	in16 := func(head byte, n uint16) raw {
		return raw(binary.BigEndian.AppendUint16([]byte{head, 0x80 | 126}, n)) + "\x01\x02\x03\x04"
	}
	var table []exchange
	for _, n := range []uint64{16<<20 + 1, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 62, 1<<63 - 1} {
		table = append(table,
			exchange{fmt.Sprintf("a text of %d bytes", n), "10.4", talk{send(in64(fin|opText, n))}, fails(1009)},
			exchange{fmt.Sprintf("a first fragment of %d bytes", n), "10.4", talk{send(in64(opBinary, n))}, fails(1009)},
			exchange{fmt.Sprintf("a last fragment of %d bytes", n), "10.4",
				talk{send(first(blob("a")), in64(fin|opContinuation, n))}, fails(1009)},
		)
	}
	for _, n := range []uint64{1 << 63, 1<<63 | 1, 1<<64 - 1} {
		table = append(table,
			exchange{fmt.Sprintf("%x: the top bit is 0", n), "5.2", talk{send(in64(fin|opText, n))}, fails(1002)},
			exchange{fmt.Sprintf("%x: … in a continuation too", n), "5.2",
				talk{send(first(blob("a")), in64(fin|opContinuation, n))}, fails(1002)},
		)
	}
	for _, head := range []byte{fin | opText, fin | opBinary, opText, fin | opPing, fin | opPong, fin | opClose} {
		for _, n := range []uint16{0, 1, 124, 125} {
			table = append(table, exchange{
				fmt.Sprintf("opcode %x: %d has room in 7 bits", head&0xf, n), "5.2", talk{send(in16(head, n))}, fails(1002),
			})
		}
		for _, n := range []uint64{0, 125, 126, 65535} {
			table = append(table, exchange{
				fmt.Sprintf("opcode %x: %d needs no 64 bits", head&0xf, n), "5.2", talk{send(in64(head, n))}, fails(1002),
			})
		}
	}
	for _, head := range []byte{opContinuation, fin | opContinuation} {
		table = append(table,
			exchange{fmt.Sprintf("a continuation, FIN %v: 125 has room in 7 bits", head&fin != 0), "5.2",
				talk{send(first(text("a"))), send(in16(head, 125))}, fails(1002)},
			exchange{fmt.Sprintf("a continuation, FIN %v: 65535 needs no 64 bits", head&fin != 0), "5.2",
				talk{send(first(text("a"))), send(in64(head, 65535))}, fails(1002)},
		)
	}
	converse(t, start(t, node.Config{MaxMessage: 16 << 20}), table)
}
