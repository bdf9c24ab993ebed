// Package handshake judges the opening handshake of a WebSocket on the side of
// the server (RFC 6455, section 4.2, and for the HTTP/1.1 below it RFC 9112 and
// RFC 9110), with no socket in it: bytes go in, an answer or an error comes out.
//
// The steps are [Scan], which finds the end of the request head, [Parse], which
// is about HTTP, [Request.Check], which is about WebSocket, and [Request.Accept].
// Between them the caller decides what is its own: path, method, origin, room.
//
// What it promises:
//
//   - Failing fast. Scan refuses at the first byte that the grammar or a limit does
//     not allow, so that a TLS hello is not waited on for its end. The
//     error never depends on where the bytes were cut, nor on what follows.
//   - Bounds. No more than [MaxHead] bytes and [MaxFields] fields are looked at,
//     in time linear in them.
//   - Strictness. Nothing is repaired. What the RFCs let a recipient tolerate
//     for the sake of old senders (a bare LF, folded lines, empty lines ahead of
//     the request) is refused, although RFC 9112, section 2.2, would skip an empty
//     line: a client that opens a WebSocket is none of those, and whatever stands
//     in front of the server may read it differently.
//   - Few allocations: one for a good request, one more if it offers protocols,
//     none for what Scan refuses. Every *[Error] is a value made once.
//   - No locks, no goroutines, no clock. Nothing is written to but dst of Accept.
//
// A request that announces a body is refused: the bytes behind the head are
// frames. No extension is negotiated here; the offers are parsed for whoever does.
//
// # Who owns the bytes
//
// Scan and Parse keep nothing of the slice they are given. A Request is made of
// parts of one string, the copy that Parse made of the head: keeping any part of
// it keeps the whole. It may be used from several goroutines at a time.
package handshake
