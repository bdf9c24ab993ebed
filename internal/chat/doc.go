// Package chat is the terminal client of a node: it sends the lines it reads
// and prints the messages that arrive. [Run] is all there is to call.
//
// # Two modes
//
// With a terminal on both sides (Config.In and Config.Out) it prompts, edits
// lines and prints arriving messages above the line being typed. Otherwise
// it is a pipe: every line of In becomes one text message, every message one
// line of Out.
//
// # Promises
//
// Order. Lines are sent in the order read, messages printed in the order
// arrived.
//
// Loss. No line is lost silently. A pipe ends with nil only after every line
// it sent has come back, and otherwise says how many of how many have not
// ([EchoError], [LostError]). A terminal says above the prompt which typed
// line was not sent, and how many had not come back when a connection was
// lost. No line is ever sent twice: a line is sent again only if the first
// write of it failed, in which case the node cannot have had all of it.
//
// Whose echo. The protocol does not say who sent a message. A message counts
// as the echo of the oldest own line still out if its text is the same; a
// stranger who says the same thing at the same moment can be taken for it.
//
// Bounds. A pipe keeps the hashes of at most 65,536 lines that are out and
// then reads no further until some come back. A terminal keeps at most
// Config.Queue lines typed while there is no connection. A line or message is
// at most Config.MaxMessage bytes. A typed line is at most 4,096 characters.
//
// Leaving. The connection is closed with 1000 and the close handshake,
// bounded by Config.CloseTimeout, whenever it is Run that ends it: at the end
// of input, on Ctrl-C and Ctrl-D, at the end of the context and on errors of
// this side. The terminal is put back as it was however Run ends, panics in
// any of its goroutines included; while it has the terminal, Run takes
// SIGINT, SIGTERM and SIGHUP for the end of the context.
//
// What a terminal is shown. Nothing that came from the network reaches a
// terminal unescaped: control characters (C0, DEL, C1), bidirectional
// overrides and invalid UTF-8 are printed as \x1b, \u202e and the like, tabs
// are kept, further lines of a message are indented. Out of a pipe that is
// not a terminal, text is written raw, byte for byte; a message with newlines
// inside is then several lines. Binary messages are always described, as in
// "[binary, 3 bytes] 01 02 03".
//
// Text. Messages sent are text and must be UTF-8: a line of a pipe that is
// not ends the input there with a [LineError]; the lines before it are sent
// and waited for. Empty lines are sent by a pipe, not by a terminal. A
// carriage return before the newline is part of the line.
//
// Blocking. Run returns once its goroutines have ended. The one exception is
// a goroutine inside a Read or Write of a stranger's: a Config.In that is no
// *os.File, or a Config.Out that nobody reads, cannot be interrupted, and is
// left behind after Config.CloseTimeout.
//
// # What runs where
//
// One goroutine reads input, one decides when to connect, to leave and to try
// again, and each connection has two more: one that sends, and one that
// receives and prints.
package chat
