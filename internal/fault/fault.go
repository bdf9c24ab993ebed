// Package fault is the seam at which tests make the kernel fail. In production nothing is behind it:
// a call costs one load and one branch that is never taken.
package fault

// A Call is a system call that can be made to fail.
type Call uint8

const (
	Read Call = iota
	Write
	Accept
	Register // epoll_ctl, which adds a descriptor
	Spare    // the open of the descriptor that is kept for when there are no others
)

// Kernel, if not nil, is asked before each call on descriptor fd (-1 if it makes one). It returns an error for
// the call to fail with, or else how many of the n bytes the call may be about: 1 to n; without bytes n is 0.
//
// A kernel that has taken or given less than it could, or has said EAGAIN, announces what is left with an event.
// So must a test.
//
// Only tests set it, while nothing that asks it runs.
var Kernel func(call Call, fd, n int) (int, error)
