package handshake

import "encoding/base64"

const (
	keySize    = 16 // bytes
	keyEncoded = 24 // bytes
)

// base64Strict knows one spelling of a key.
var base64Strict = base64.StdEncoding.Strict()

// Check judges what RFC 6455, section 4.2.1, asks for beyond HTTP. It is for the
// caller to have checked the method, which must be GET, and the path.
//
// A request that asks for no WebSocket, or for one of another version, is told what
// to ask for (status 426); one that is malformed is told so (status 400).
func (r *Request) Check() error {
	switch {
	case r.body != nil:
		return r.body
	case !r.upgrade || !r.connection || r.version != "13":
		return errUpgradeRequired
	case r.seen&seenKey == 0:
		return errKeyMissing
	case !validKey(r.key):
		return errKey
	}
	if no := r.checkProtocols(); no != nil {
		return no
	}
	if _, ok := r.parseExtensions(false); !ok {
		return errExtensions
	}
	return nil
}

func validKey(key string) bool {
	if len(key) != keyEncoded {
		return false
	}
	var room [keyEncoded]byte
	b, err := base64Strict.AppendDecode(room[:0], []byte(key))
	return err == nil && len(b) == keySize
}
