package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Header is the size in bytes of what a message carries: a magic number and its own number.
const Header = 16

const magic = 0x4372696572_31_0a // "Crier1\n"

// appendMessage appends message number seq, filled up to size bytes.
func appendMessage(dst []byte, seq uint64, size int) []byte {
	dst = binary.BigEndian.AppendUint64(dst, magic)
	dst = binary.BigEndian.AppendUint64(dst, seq)
	return append(dst, make([]byte, max(size-Header, 0))...)
}

func parseMessage(p []byte) (seq uint64, err error) {
	if len(p) < Header || binary.BigEndian.Uint64(p) != magic {
		return 0, errors.New("a message that this fleet did not send")
	}
	return binary.BigEndian.Uint64(p[8:]), nil
}

// A sequence is what one client has seen. The first message tells where it came in.
type sequence struct {
	next    uint64
	started bool
}

// see checks the next message: anything but the successor of the last one is an error that names what went wrong.
func (s *sequence) see(seq uint64) error {
	defer func() { s.next, s.started = seq+1, true }()
	switch {
	case !s.started || seq == s.next:
		return nil
	case seq > s.next:
		return fmt.Errorf("lost %d messages: %d came after %d", seq-s.next, seq, s.next-1)
	default:
		return fmt.Errorf("out of order or twice: %d came after %d", seq, s.next-1)
	}
}
