package node

import (
	"syscall"

	"crier/hub"
)

// An acceptError is why accepting a connection failed.
type acceptError uint8

const (
	descriptors acceptError = iota // EMFILE, ENFILE
	noMemory                       // ENOBUFS, ENOMEM
	aborted                        // ECONNABORTED: the peer was gone before it was accepted
	otherError

	acceptErrors
)

var acceptErrorNames = [acceptErrors]string{"descriptors", "memory", "aborted", "other"}

func (n *Node) acceptFailed(err error) {
	why := otherError
	switch err {
	case syscall.EMFILE, syscall.ENFILE:
		why = descriptors
	case syscall.ENOBUFS, syscall.ENOMEM:
		why = noMemory
	case syscall.ECONNABORTED:
		why = aborted
	default:
		n.cfg.Log.Warn("accept a connection", "err", err)
	}
	n.acceptErrors[why].Add(1)
}

// Stats are the node's counts. Reading them costs the same whatever the number of connections.
type Stats struct {
	Hub hub.Stats

	Connections             int64 // open now
	Accepted, Opened        int64 // sockets accepted; handshakes that succeeded
	Received, ReceivedBytes int64 // messages from clients, and their payload
	Pings, DroppedPongs     int64 // sent to the silent; not sent since too many waited already
	WorkerQueue             int   // connections that wait for a worker

	Leaves       map[string]int64 // by Reason
	Denials      map[string]int64 // by Denial
	AcceptErrors map[string]int64
}

// Stats returns the counts as of now.
func (n *Node) Stats() Stats {
	s := Stats{
		Hub:         n.hub.Stats(),
		Connections: n.open.Load(), Accepted: n.accepted.Load(), Opened: n.opened.Load(),
		Received: n.received.Load(), ReceivedBytes: n.receivedBytes.Load(),
		Pings: n.pings.Load(), DroppedPongs: n.droppedPongs.Load(), WorkerQueue: n.pool.Len(),
		Leaves: make(map[string]int64), Denials: make(map[string]int64), AcceptErrors: make(map[string]int64),
	}
	for r := range reasons {
		s.Leaves[r.String()] = n.leaves[r].Load()
	}
	for d := range denials {
		s.Denials[d.String()] = n.denials[d].Load()
	}
	for e := range acceptErrors {
		s.AcceptErrors[acceptErrorNames[e]] = n.acceptErrors[e].Load()
	}
	return s
}
