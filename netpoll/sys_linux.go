package netpoll

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"crier/internal/fault"
)

// ErrAgain means that a call on a non-blocking descriptor would have had to wait.
const ErrAgain = unix.EAGAIN

// Read reads what there is into p. At the peer's end of stream it returns io.EOF; with nothing to
// read now it returns ErrAgain.
func Read(fd int, p []byte) (int, error) {
	for {
		n, err := read(fd, p)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write writes as much of p as there is room for. Less than all, 0 too, and no error means that the
// socket is full: an event Writable follows when it has room.
func Write(fd int, p []byte) (int, error) {
	done := 0
	for {
		n, err := write(fd, p[done:])
		switch {
		case err == nil:
			done += n
			return done, nil
		case err == unix.EAGAIN:
			return done, nil
		case err != unix.EINTR:
			return done, err
		}
	}
}

func read(fd int, p []byte) (int, error) {
	if fault.Kernel != nil {
		n, err := fault.Kernel(fault.Read, fd, len(p))
		if err != nil {
			return 0, err
		}
		p = p[:n]
	}
	return unix.Read(fd, p)
}

func write(fd int, p []byte) (int, error) {
	if fault.Kernel != nil {
		n, err := fault.Kernel(fault.Write, fd, len(p))
		if err != nil {
			return 0, err
		}
		p = p[:n]
	}
	return unix.Write(fd, p)
}

// CloseWrite ends the sending half of a connection: the peer reads an end of stream after what was written.
func CloseWrite(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }

// DropUnsent makes the close of a connection throw away what the peer has not taken, if there is anything, and reset it.
// The kernel would otherwise go on with it for as long as UserTimeout, and keep the bytes.
func DropUnsent(fd int) error {
	if n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ); err == nil && n == 0 {
		return nil
	}
	return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// CloseFD closes a descriptor that was never added to a poller.
func CloseFD(fd int) error { return unix.Close(fd) }

// Peer asks the kernel for the address and port at the other end; the zero value if there is none (any more).
func Peer(fd int) netip.AddrPort {
	sa, err := unix.Getpeername(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// PeerAddr is Peer as text; "" if there is none.
func PeerAddr(fd int) string {
	if p := Peer(fd); p.IsValid() {
		return p.String()
	}
	return ""
}

// Descriptors returns how many descriptors the process uses and how many it may have.
func Descriptors() (used, limit int, err error) {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0, 0, fmt.Errorf("netpoll: read the descriptor limit: %w", err)
	}
	limit = int(min(r.Cur, 1<<31-1))
	const dir = "/proc/self/fd"
	// Since Linux 6.2 the size of the directory is the number of its entries, so that nothing is walked.
	fi, err := os.Stat(dir)
	if err != nil {
		return 0, limit, fmt.Errorf("netpoll: count descriptors: %w", err)
	}
	if used = int(fi.Size()); used > 0 {
		return used, limit, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, limit, fmt.Errorf("netpoll: count descriptors: %w", err)
	}
	return len(entries) - 1, limit, nil // without the one that reads the directory
}
