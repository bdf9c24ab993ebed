//go:build !linux

package netpoll

import (
	"errors"
	"net/netip"
)

// ErrAgain means that a call on a non-blocking descriptor would have had to wait.
var ErrAgain = errors.New("netpoll: would have to wait")

// Read returns ErrUnsupported.
func Read(int, []byte) (int, error) { return 0, ErrUnsupported }

// Write returns ErrUnsupported.
func Write(int, []byte) (int, error) { return 0, ErrUnsupported }

// CloseWrite returns ErrUnsupported.
func CloseWrite(int) error { return ErrUnsupported }

// DropUnsent returns ErrUnsupported.
func DropUnsent(int) error { return ErrUnsupported }

// CloseFD returns ErrUnsupported.
func CloseFD(int) error { return ErrUnsupported }

// Peer returns the zero value: no address is known.
func Peer(int) netip.AddrPort { return netip.AddrPort{} }

// PeerAddr returns "": no address is known.
func PeerAddr(int) string { return "" }

// Descriptors returns ErrUnsupported.
func Descriptors() (used, limit int, err error) { return 0, 0, ErrUnsupported }
