// Package netpoll serves many sockets with few goroutines: epoll tells which of them are ready, and a
// bounded pool of workers serves those.
//
// # Promises
//
// Nothing per idle connection but its [Conn], an epoll registration and a callback: no goroutine, no
// timer, no buffer.
//
// One worker at a time. [Handler.Serve] never runs twice at once for one connection, and what a
// Serve wrote the next one sees. An event that comes while Serve runs makes it run again.
//
// Readiness is a hint. An event may come late, twice, or for the former owner of a descriptor number. Only
// read(2) and write(2) tell the truth, so Serve must take EAGAIN as an answer. An event is never lost:
// registration is edge-triggered and for good, and an edge stays with its connection until it is served.
//
// No descriptor is used after its end. Only Serve closes its connection, so that no read is under way;
// who writes from elsewhere must be kept off by its owner before.
//
// Nobody is forgotten by accept. It takes all there are; without descriptors it refuses who can be
// refused, and goes on when asked to ([Listener.Retry]), without spinning.
//
// # What runs where
//
// A [Poller] has one goroutine, that of its epoll loop. It only marks connections as ready and queues
// them; it runs none of the owner's code. Workers run Serve, which must not block. [Kick] may be
// called from anywhere.
//
// The package knows descriptors, bytes and readiness. It does not know what the bytes mean. It works on
// Linux; elsewhere it compiles, and everything that makes something returns [ErrUnsupported].
package netpoll
