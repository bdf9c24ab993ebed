// Package conformance holds a node to RFC 6455, rule by rule, from the outside: its tests start one, speak bytes
// to it over TCP, and compare what comes back to the last byte and to the end of the connection. It has no code
// of its own.
//
// # What it covers
//
// Every case of the Autobahn|Testsuite's fuzzing client in its categories 1 to 7, 9 and 10, under the same
// numbers, so that a finding of one can be looked up in the other; what these leave out (masks, lengths that are
// not minimal, the bound on a message) and how the stream is cut into segments. Compression, categories 12 and
// 13, is not offered by the node.
//
// # What strict means
//
// There is one right outcome for a case, where Autobahn knows a second one that is "non-strict". What was good
// before a fault is still echoed. A fault is answered where it can first be known: at the header, or at the byte
// of a text that no further byte could mend; nothing is sent behind it until the close frame is there. Behind the
// node's close frame comes the end of the stream. Every frame of the node's is checked: no mask, no reserved bit,
// the shortest length, control frames whole and small.
//
// Bytes are built and taken apart by a codec that shares nothing with the node's, so that one mistake cannot
// hide on both sides.
package conformance
