// Package node is where sockets meet rooms: it accepts connections with netpoll, makes members of the hub
// of those that are WebSockets, and gives to all of them what any of them sends.
//
// # Promises
//
// One room. Who connects to [Config.Path] is a member of one room. What a member sends, text or binary, goes
// to every member, the sender too, with its opcode, in one order for all.
//
// One leave. However a connection ends, it leaves once, with one [Reason] out of a closed list, which is
// counted and, at debug level, logged with the address.
//
// In means in. A client that has read the answer to its handshake gets everything published from then on.
//
// A stranger costs what it has sent. Nothing is allocated for what a peer only declares: a head is kept
// up to 8 KiB, a message up to [Config.MaxMessage], and each must be whole within its deadline.
//
// Nothing per idle connection but one struct, an epoll registration and list entries: no goroutine,
// channel, timer or buffer. Deadlines are looked at by one sweep, a slice of the connections at a time.
//
// # What runs where
//
// A connection is read, and its descriptor closed, only by the worker that serves it. Writers of the hub and
// workers write to it, under the member's lock. Anybody may make it leave; the rest of the way to the
// closed descriptor is then its worker's.
package node
