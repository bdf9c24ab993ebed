package hub

import "sync"

// A stripe is one part of the hub's members. A member stays in its stripe, in all its rooms.
type stripe struct {
	// Immutable.
	hub *Hub

	mu sync.Mutex

	// Guarded by mu, which also guards the member lists of the stripe's shelves.
	lagging map[*membership]struct{}
}

// A membership is a member's place in a room: its cursor on the room's log.
type membership struct {
	// Immutable while joined.
	member *Member
	shelf  *shelf
	next   *membership // the member's further rooms

	// Guarded by Member.mu.
	pos uint64   // everything below has been taken by the transport
	seg *segment // holds pos; nil at rest, when the shelf's cursor is not ahead of pos

	// Guarded by stripe.mu.
	index uint32 // in shelf.members
}

// enter puts ms on its shelf at the head of the log: the next publish is the first it gets.
func (sh *shelf) enter(ms *membership) {
	sh.stripe.mu.Lock()
	defer sh.stripe.mu.Unlock()
	ms.pos = sh.room.log.head.Load()
	ms.index = uint32(len(sh.members))
	sh.members = append(sh.members, ms)
}

// exit takes ms off its shelf. The last of the list takes its place: a round goes through the list
// from the end, so that it has already been at the one that moves, or comes to it still.
func (sh *shelf) exit(ms *membership) {
	sh.stripe.mu.Lock()
	defer sh.stripe.mu.Unlock()
	last := len(sh.members) - 1
	moved := sh.members[last]
	sh.members[ms.index] = moved
	moved.index = ms.index
	sh.members[last] = nil
	sh.members = sh.members[:last]
	if c := cap(sh.members); c > 64 && last < c/4 {
		sh.members = append(make([]*membership, 0, c/2), sh.members...)
	}
}
