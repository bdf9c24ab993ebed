package node

// A Reason is why a connection that was open has ended.
type Reason uint8

const (
	PeerClosed     Reason = iota // it sent a close frame
	PeerGone                     // its stream ended without one
	Reset                        // reading or writing failed
	ProtocolError                // it broke RFC 6455; closed with 1002
	BadUTF8                      // it sent text that is not; closed with 1007
	TooBig                       // it announced a message over Config.MaxMessage; closed with 1009
	PingTimeout                  // it was silent, and did not answer a ping; closed with 1001
	MessageTimeout               // it left a message unfinished; closed with 1008
	SlowBytes                    // it was too many bytes behind; closed with 1013
	SlowAge                      // it was too long behind; closed with 1013
	ControlRate                  // it sent more than Config.ControlRate; closed with 1008
	MessageRate                  // it sent more than Config.MessageRate; closed with 1008
	ByteRate                     // it sent more than Config.ByteRate; closed with 1008
	Shutdown                     // the node stopped; closed with 1001

	reasons
)

var reasonNames = [reasons]string{
	"peer_closed", "peer_gone", "reset", "protocol_error", "bad_utf8", "too_big",
	"ping_timeout", "message_timeout", "slow_bytes", "slow_age",
	"control_rate", "message_rate", "byte_rate", "shutdown",
}

// String returns the reason as logs and metrics have it.
func (r Reason) String() string { return reasonNames[r] }

// A Denial is why a connection never became a WebSocket.
type Denial uint8

const (
	BadRequest         Denial = iota // 400, 405, 414, 431, 501 or 505: no request that the node understands
	NotFound                         // 404
	UpgradeRequired                  // 426: a request, but not for a WebSocket of version 13
	Origin                           // 403: a page from elsewhere
	Checked                          // Config.Check said no
	Full                             // 503: Config.MaxConnections reached
	AddressConnections               // 429: Config.PerAddress or PerNetwork reached
	AddressRate                      // 429: over Config.AddressRate or NetworkRate
	NoDescriptors                    // 503: the process is out of descriptors
	Draining                         // 503: the node is about to stop
	HandshakeTimeout                 // the head was not whole in time
	HandshakeGone                    // the peer left before its head was whole

	denials
)

var denialNames = [denials]string{
	"bad_request", "not_found", "upgrade_required", "origin", "check",
	"full", "address_connections", "address_rate", "no_descriptors", "draining", "timeout", "peer_gone",
}

// String returns the denial as logs and metrics have it.
func (d Denial) String() string { return denialNames[d] }
