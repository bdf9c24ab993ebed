// Package bench drives a node from outside, as its clients do, and measures it.
//
// A [Fleet] is many WebSocket clients in one process. They live on the project's own netpoll, so that they cost less than
// the server they load. Every message that a fleet sends carries its number; every client checks that it gets
// them all, once, in order.
package bench
