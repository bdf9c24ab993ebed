package rogue

import "time"

// A Behaviour is in what a server differs from a correct one. Of the parts, each can be combined with every other.
type Behaviour struct {
	// How connections are answered.
	Welcome int   // so many are let in first, whatever the rest says
	Door    Door  // how the others are answered; nil lets them in
	Refused int   // after so many at the door everybody is let in again; 0 for never
	Slam    bool  // a reset at once, before a word is said; in place of Door
	Head    Shape // how the answer is written

	// Who is in the room.
	Greeting  string        // a text message to each member when it joins; none if empty
	JoinAfter time.Duration // a member is in the room so much later than its 101
	Miss      int           // a member gets none of the first messages after its 101, so many
	Late      int           // members behind this number never get anything; 0 for none
	Islands   int           // member i hears only members i+Islands, i+2·Islands …; 0 for one island
	Ask       time.Duration // each member is asked "ping" so often, and cut if it has not said "pong" by the next

	// What comes of messages.
	Fault Fault
	Delay time.Duration // of each delivery, and of an end
	Queue int           // messages that wait for one member; for one more than that it is removed; 0 for no bound
	Full  Act           // how: Close (with 1008), FIN or RST

	// A member that has sent so many messages is not read for a time. This is back-pressure, and legal.
	DeafAt  int           // 0 for never
	DeafFor time.Duration // 0 for good

	Wire Wire
}

// Shape is how an answer is written.
type Shape uint8

const (
	InOne     Shape = iota // one write
	Bytewise               // one write for each byte
	WithFrame              // in one write with the greeting behind it
)

// Wire is how a message becomes frames. All of it is legal.
type Wire struct {
	Before, After string // around each message
	Gather        int    // so many messages in one frame, one a line, if they come within 5 ms
	Fragment      int    // bytes in a fragment; 0 for one frame
	Ping          bool   // before every frame
	Crumbs        bool   // written in pieces of 1 to 32 bytes, cut at random
}

// A Fault is what comes of some messages.
type Fault struct {
	Do Act

	// To which deliveries. Messages are counted from 1, whoever sends them.
	At           int // the first message it may be about; 0 is 1
	Every        int // from At on, every so many deliveries, over all members
	EveryMessage int // from At on, every so many messages; At itself is the first that is counted
	Member       int // to the so many-th member that is not the message's sender; Sender to that; 0 to everybody

	Offset int           // of the byte to damage; negative from the end
	Text   string        // instead of the message (Foreign) or as the reason (Close); "" for something
	Code   int           // of the close frame; 0 for 1013
	For    time.Duration // of a Pause
}

// Sender is the member that sent the message.
const Sender = -1

// An Act is something wrong. One that ends a connection does so right behind the message, the others come in its place.
type Act uint8

const (
	Nothing  Act = iota
	Lose         // it does not come
	Swap         // it comes behind the next one
	Twice        // it comes two times
	Damage       // one bit of the byte at Offset is wrong
	Foreign      // something else comes
	Stall        // neither it nor any after it comes
	Pause        // it and what is behind it come later
	Masked       // it comes under a mask
	Reserved     // it comes with a reserved bit
	BadText      // a text comes that is not UTF-8
	Enormous     // a frame begins that will be 1 GiB

	Close // a close frame
	FIN   // the connection ends, without a word
	RST   // the connection is reset
	Die   // the whole server is gone, as if it had been killed
)

func (a Act) ends() bool { return a >= Close }

// hits reports whether the fault strikes a delivery of message n. counted is the number of that delivery over all members since
// At, rank that of the member among those that did not send it, or Sender.
func (f *Fault) hits(n, counted, rank int) bool {
	at := max(f.At, 1)
	switch {
	case f.Do == Nothing || n < at || f.Member != 0 && f.Member != rank:
		return false
	case f.Every > 0:
		return counted%f.Every == 0
	case f.EveryMessage > 0:
		return (n-at+1)%f.EveryMessage == 0
	default:
		return n == at
	}
}

// Counts are what a server has done so far.
type Counts struct {
	Accepted int // connections
	Refused  int // at the Door, or slammed
	Joined   int // members that were in the room
	Gone     int // members that are not any more
	Messages int // that came in
	Due      int // deliveries that there would have been if all were well
	Hits     int // deliveries that the fault struck: of a Swap or Pause the first
	Withheld int // deliveries to members that are stalled
	Missed   int // deliveries that Miss, Late or Islands have kept away
	Gathered int // frames with several messages
	Pings    int // WebSocket pings
	Pongs    int
	Asked    int // application pings
	Answered int
	Removed  int // members whose queue was full, or that did not answer
}
