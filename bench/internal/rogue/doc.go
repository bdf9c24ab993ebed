// Package rogue has servers that misbehave on purpose, for tests of the load generator.
//
// A [Server] is one room: what one member sends goes to all of them, the sender too, in one order. With the zero [Behaviour] it
// does that correctly: every message to everybody, once, in order, unchanged. A Behaviour says in what it differs from that,
// and how it is allowed to look strange: some of it is legal WebSocket, and a generator must not mind. What it did is counted
// exactly ([Server.Counts]), so that a test can ask for exactly that.
//
// What a server does wrong follows from the numbers of messages, deliveries and connections alone. Members are numbered as they
// join, from 1.
package rogue
