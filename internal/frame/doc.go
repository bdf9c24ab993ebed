// Package frame turns bytes into WebSocket messages and back (RFC 6455), with
// no socket in it: chunks go in, events come out.
//
// What it promises:
//
//   - Order. Events come in the order of the bytes, and never depend on where
//     the chunks were cut: every cut of a stream gives the same events, then
//     the same error, each at the same byte.
//   - No allocation for a message that lies whole and in one frame inside a
//     chunk. It is unmasked where it stands, and the payload is a slice of the
//     chunk. Only what remains of an incomplete message is copied into the
//     Decoder's own buffer.
//   - Memory follows the bytes that came, never the length that was declared.
//     A message too big is refused from its header alone.
//   - Strictness. What the RFC forbids a peer is refused with the close code
//     that says why: 1002, 1007 or 1009. Text is checked as it comes, so that
//     a bad byte ends the connection before the frame does.
//   - No blocking, no locks, no goroutines, no clock. A Decoder belongs to one
//     goroutine at a time. It says when it holds nothing ([Decoder.Idle]), and
//     may then serve another connection.
//
// Extensions are not negotiated here, so that every reserved bit is an error.
//
// # Who owns the bytes
//
// Next writes to the chunk it is given, for unmasking. The Payload of an Event
// belongs to the chunk or to the Decoder: it is good until the next call of
// Next or Reset, until the chunk is used again, and no longer than the Decoder
// is the caller's own. Whoever keeps it copies it.
package frame
