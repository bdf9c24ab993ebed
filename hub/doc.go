// Package hub gives every message published to a room to all members of that room.
//
// # Promises
//
// Order. A room is one append-only log of encoded frames. All its members get the log's bytes in
// the log's order, so all of them get the same messages in the same order.
//
// No silent hole. A member that joined before a publish and is still there gets the message exactly
// once. A member that falls further behind than [Config.MaxLag] bytes or [Config.MaxLagAge] is handed to
// [Sink.Evict] with the cause; nothing is skipped.
//
// Nobody waits for a reader. Publish appends once and returns, whatever the number of members.
// A member whose transport is full is a cursor that lags behind the head of the log; it holds up
// neither the publisher nor its neighbours.
//
// Publishers wait for the node. When the slowest part of a room's members has not been offered the last
// [Config.Backlog] bytes, [Member.MayPublish] answers Behind and wakes the publisher later.
// A publish is never dropped.
//
// Bounded memory. A member at rest is a number. A lagging member pins the part of the log it has not
// yet sent, which members share and [Config.MaxLag] bounds. A room at rest holds no log bytes.
//
// Whole frames. What one Publish appended is never mixed with anything else on a transport.
// Interjections (pings, pongs, a closing frame) go between frames; a frame begun is always finished
// unless the transport dies.
//
// One leave. [Member.Leave] takes a member out of all its rooms once, whoever calls it first.
//
// # What runs where
//
// [Config.Writers] goroutines write to the members. Every other method runs on its caller's goroutine,
// may be called from any, and never blocks on a transport. A [Sink]'s Write is called with that member's
// lock held and must not call back into the hub; Evict and [Waiter.Resume] are called with no lock held.
//
// Locks: a Member.mu is taken first and may be held while one of Hub.mu, stripe.mu or log.mu is taken;
// those, warmMu and queue.mu are never held while another lock is taken. Only Member.mu is held across
// Sink.Write, which does not block. No lock is held while a goroutine waits.
//
// The hub knows rooms, members and bytes; it knows nothing of sockets, HTTP or frame headers.
package hub
