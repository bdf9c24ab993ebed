package frame

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Codes of the IANA registry that gobwas has no names for.
const (
	StatusServiceRestart ws.StatusCode = 1012
	StatusTryAgainLater  ws.StatusCode = 1013
	StatusBadGateway     ws.StatusCode = 1014
)

// validCloseCode reports whether code may stand in a close frame (RFC 6455,
// section 7.4, and the registry it founded).
//
// ws.CheckCloseFrameData draws other lines: it refuses 1012 to 1014, which were
// registered after the RFC and which servers do send, and accepts 5000 and up,
// for which the RFC has no use.
func validCloseCode(code ws.StatusCode) bool {
	switch {
	case code < 1000: // not used
		return false
	case code <= ws.StatusUnsupportedData: // 1000 to 1003
		return true
	case code < ws.StatusInvalidFramePayloadData: // 1004 to 1006: never on the wire
		return false
	case code <= StatusBadGateway: // 1007 to 1014
		return true
	case code < 3000: // 1015 is never on the wire, the rest not yet assigned
		return false
	default: // libraries and frameworks from 3000, private use from 4000
		return code < 5000
	}
}

// parseClose judges the unmasked body of a close frame. The reason is a part of
// the body.
func parseClose(body []byte) (code ws.StatusCode, reason []byte, err error) {
	switch len(body) {
	case 0:
		return ws.StatusNoStatusRcvd, nil, nil
	case 1:
		return 0, nil, ErrCloseBody
	}
	code, reason = ws.StatusCode(binary.BigEndian.Uint16(body)), body[2:]
	if !validCloseCode(code) {
		return 0, nil, ErrCloseCode
	}
	if !utf8.Valid(reason) {
		return 0, nil, ErrInvalidUTF8
	}
	return code, reason, nil
}
