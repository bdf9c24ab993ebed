package handshake

// Limits of a request head. RFC 9112, section 3, recommends to support request lines of
// 8000 bytes, for servers of all kinds; here a path is short, and a query a token or two.
const (
	MaxHead   = 8 << 10 // bytes, the blank line included
	MaxTarget = 4 << 10 // bytes of the request target
	MaxFields = 100

	maxMethod = 16
)

// Scan looks for the end of the request head in b, the bytes of a connection
// from its very first. It returns the size of the head, its blank line included,
// or 0 when more bytes are needed. It is called again with all the bytes so far
// each time more have come.
//
// An error is final: it was the same, and will be, for all b that begin alike.
func Scan(b []byte) (size int, err error) {
	b = b[:min(len(b), MaxHead)]
	size, no := scanHead(b)
	switch {
	case no != nil:
		return 0, no
	case size == 0 && len(b) == MaxHead:
		return 0, errHeadTooLong
	}
	return size, nil
}

// The functions below take what comes next, and return its size, 0 when more is
// needed, or why it is none. They judge byte after byte: what is behind a wrong
// one must not matter.

func scanHead(b []byte) (size int, no *Error) {
	for _, part := range [...]func([]byte) (int, *Error){scanMethod, scanTarget, scanVersion} {
		n, no := part(b[size:])
		if n == 0 || no != nil {
			return 0, no
		}
		size += n
	}
	for fields := 0; size < len(b); fields++ {
		if b[size] == '\r' {
			n, no := scanCRLF(b[size:])
			if n == 0 || no != nil {
				return 0, no
			}
			return size + n, nil
		}
		if fields == MaxFields {
			return 0, errFields
		}
		n, no := scanField(b[size:])
		if n == 0 || no != nil {
			return 0, no
		}
		size += n
	}
	return 0, nil
}

// scanMethod takes the space behind it, too.
func scanMethod(b []byte) (int, *Error) {
	for i, x := range b {
		switch {
		case x == ' ' && i > 0:
			return i + 1, nil
		case x < 'A' || x > 'Z':
			return 0, errMethod
		case i == maxMethod:
			return 0, errMethodTooLong
		}
	}
	return 0, nil
}

// scanTarget takes the space behind it, too. It wants the bytes of RFC 3986, although
// browsers leave some others in a query as they are (those of {|}^`\): an invalid target
// is to be answered 400, not to be corrected (RFC 9112, section 3.2).
func scanTarget(b []byte) (int, *Error) {
	want := uriByte
	for i, x := range b {
		switch {
		case x == ' ' && i > 0:
			return i + 1, nil
		case i == MaxTarget:
			return 0, errTargetTooLong
		case is(x, want):
			if x == '?' {
				want = queryByte
			}
		case x == '#':
			return 0, errFragment
		case x == '\r', x == '\n':
			return 0, errVersion
		default:
			return 0, errTarget
		}
	}
	return 0, nil
}

// scanVersion takes the end of the line, too.
func scanVersion(b []byte) (int, *Error) {
	const version = "HTTP/1.1"
	for i, x := range b[:min(len(b), len(version))] {
		if want := version[i]; is(want, digitByte) && !is(x, digitByte) || !is(want, digitByte) && x != want {
			return 0, errVersion
		}
	}
	if len(b) <= len(version) {
		return 0, nil
	}
	switch b[len(version)] {
	case '\r':
	case '\n':
		return 0, errBareLF
	default:
		return 0, errVersion
	}
	if string(b[:len(version)]) != version {
		return 0, errOtherVersion
	}
	n, no := scanCRLF(b[len(version):])
	if n == 0 || no != nil {
		return 0, no
	}
	return len(version) + n, nil
}

func scanField(b []byte) (int, *Error) {
	if isSpace(b[0]) {
		return 0, errFolded
	}
	i := 0
	for i < len(b) && is(b[i], tokenByte) {
		i++
	}
	if i == len(b) {
		return 0, nil
	}
	switch x := b[i]; {
	case x == ':' && i > 0:
	case x == '\n':
		return 0, errBareLF
	case isSpace(x):
		return 0, errSpaceInName
	default:
		return 0, errName
	}
	for i++; i < len(b) && is(b[i], valueByte); i++ {
	}
	if i == len(b) {
		return 0, nil
	}
	switch b[i] {
	case '\r':
	case '\n':
		return 0, errBareLF
	default:
		return 0, errValue
	}
	n, no := scanCRLF(b[i:])
	if n == 0 || no != nil {
		return 0, no
	}
	return i + n, nil
}

// scanCRLF wants b to begin with CR.
func scanCRLF(b []byte) (int, *Error) {
	if len(b) < 2 {
		return 0, nil
	}
	if b[1] != '\n' {
		return 0, errBareCR
	}
	return 2, nil
}
