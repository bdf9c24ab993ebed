// Package bench is a load generator for WebSocket servers that send what they get to everybody.
//
// [Run] does what a [Config] says: it opens connections, sends messages, and returns a [Result] with what it found, problems among it. It
// drives a server from outside, as its clients do, and knows nothing of Crier. Every client checks what it gets: order, loss, doubles, damage.
//
// The clients are in [crier/bench/internal/fleet], on the project's own netpoll, in this process or in several. A Result is shown by
// [crier/bench/report].
package bench
