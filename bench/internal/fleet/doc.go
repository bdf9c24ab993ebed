// Package fleet holds many WebSocket clients in one process, on the project's own netpoll, so that they cost less than the server
// that they load. Each client checks what it gets: order, loss, doubles, damage.
//
// # Promises
//
// Nothing is lost silently: what was due at a client that had heard something, and had not come, is in [Sum].Lost, unless the
// connection had ended, which is in [Sum].Ended.
//
// A publisher never waits for a client, and a client never for another. A worker that serves clients takes no lock that is held across a
// system call, but for the outbox of the client it serves.
//
// # What runs where
//
// A [Worker] is the face of a fleet, called over net/rpc, in the same process or from another one, through a [Remote]. Moments are
// on CLOCK_MONOTONIC, which all processes of a machine share: one of them may time what another has sent.
package fleet
