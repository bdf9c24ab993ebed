package fleet

import (
	"net/netip"
	"time"
)

// Config is what a fleet has to know. It is made to be sent to a child. Everything in it is this fleet's own part.
type Config struct {
	First, Clients int // number of the first client over all fleets, and how many there are to be
	Target         Target
	Sources        []netip.Addr
	Connecting     int
	ConnectRate    float64 // connections/s; 0 for no bound
	ConnectTimeout time.Duration
	Patience       time.Duration

	Run            uint32 // number of the run
	Size           int
	Text           bool
	Hello          []string
	Prefix, Suffix string // what a message stands between
	Answers        []Answer

	Slow   float64 // percent of the clients that do not read
	Buffer int     // bytes of their receive buffers; 0 for the system's own
	Stay   float64 // percent of the clients that are not mobile
	Mobile bool    // whether there are any that are
}

// An Answer is a text message of the server's that wants an answer.
type Answer struct{ To, With string }
