// Package hostile holds a node to its promises while it is under attack. It has nothing but tests.
//
// The node is the real program in a process of its own, so that its memory is nobody else's. Each test is
// one attack. While it runs, two bystanders that know nothing of it go on talking, and get every word in order. Each
// attack has a bound on the node's memory that follows from what the node may keep for a peer, not from what
// was measured; when the attack is over, nothing of it may be left. What was measured is logged.
//
// The attackers are raw sockets, each with a source address of its own in 127.0.0.0/8, unless the attack is about
// addresses.
package hostile
