package netpoll

import (
	"bytes"
	"io"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRead(t *testing.T) {
	keepsDescriptors(t)
	fd, peer := pair(t)
	buf := make([]byte, 8)
	if n, err := Read(fd, buf); n != 0 || err != ErrAgain {
		t.Errorf("nothing there: %d, %v", n, err)
	}
	send(t, peer, "hello")
	if n, err := Read(fd, nil); n != 0 || err != nil {
		t.Errorf("into nothing: %d, %v", n, err)
	}
	if n, err := Read(fd, buf[:2]); string(buf[:n]) != "he" || err != nil {
		t.Errorf("some: %q, %v", buf[:n], err)
	}
	if err := CloseWrite(peer); err != nil {
		t.Error(err)
	}
	if n, err := Read(fd, buf); string(buf[:n]) != "llo" || err != nil {
		t.Errorf("the rest: %q, %v", buf[:n], err)
	}
	if n, err := Read(fd, buf); n != 0 || err != io.EOF {
		t.Errorf("the end: %d, %v", n, err)
	}
	send(t, fd, "back") // the other half still works
	if n, err := Read(peer, buf); string(buf[:n]) != "back" || err != nil {
		t.Errorf("the other way: %q, %v", buf[:n], err)
	}
	if err := CloseFD(fd); err != nil {
		t.Error(err)
	}
	if n, err := Read(fd, buf); n != 0 || err != unix.EBADF {
		t.Errorf("closed: %d, %v", n, err)
	}
	closeFDs(t, peer)
}

func TestWriteShortIsFull(t *testing.T) {
	keepsDescriptors(t)
	fd, peer := tcpPair(t)
	defer closeFDs(t, fd, peer)
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	sent, short := 0, false
	for !short {
		n, err := Write(fd, block)
		if err != nil {
			t.Fatal(err)
		}
		sent, short = sent+n, n < len(block)
	}
	if n, err := Write(fd, block); n != 0 || err != nil {
		t.Errorf("full: %d, %v", n, err)
	}
	got := 0
	buf := make([]byte, 1<<20)
	for got < sent {
		n, err := unix.Read(peer, buf)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range buf[:n] {
			if c != block[(got+i)%16] {
				t.Fatalf("byte %d is another one", got+i)
			}
		}
		got += n
	}
}

// TestWriteToGone lives only because SIGPIPE does not end the process.
func TestWriteToGone(t *testing.T) {
	keepsDescriptors(t)
	fd, peer := pair(t)
	closeFDs(t, peer)
	if n, err := Write(fd, []byte("x")); n != 0 || err != unix.EPIPE {
		t.Errorf("closed: %d, %v", n, err)
	}
	closeFDs(t, fd)

	fd, peer = tcpPair(t)
	send(t, fd, "unread")
	closeFDs(t, peer) // with unread bytes: a reset
	for _, want := range []error{unix.ECONNRESET, unix.EPIPE} {
		if n, err := Write(fd, []byte("x")); n != 0 || err != want {
			t.Errorf("reset: %d, %v, want %v", n, err, want)
		}
	}
	closeFDs(t, fd)

	fd, peer = tcpPair(t)
	if err := CloseWrite(fd); err != nil {
		t.Error(err)
	}
	if n, err := Write(fd, []byte("x")); n != 0 || err != unix.EPIPE {
		t.Errorf("own half closed: %d, %v", n, err)
	}
	closeFDs(t, fd, peer)
}

func TestPeerAddrOfNobody(t *testing.T) {
	keepsDescriptors(t)
	fd, peer := pair(t)
	if got := PeerAddr(fd); got != "" {
		t.Errorf("a Unix socket's peer has the address %q", got)
	}
	closeFDs(t, fd, peer)
	if got := PeerAddr(fd); got != "" {
		t.Errorf("a closed descriptor's peer has the address %q", got)
	}
	l, err := Listen("[::1]:0", ListenConfig{})
	if err != nil {
		t.Skip("SKIPPED: no IPv6: ", err)
	}
	if got := PeerAddr(l.sock); got != "" {
		t.Errorf("a listener's peer has the address %q", got)
	}
	if err := l.Shut(); err != nil {
		t.Error(err)
	}
}

func TestDescriptors(t *testing.T) {
	keepsDescriptors(t)
	before, limit, err := Descriptors()
	if err != nil {
		t.Fatal(err)
	}
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil || uint64(limit) != r.Cur {
		t.Errorf("limit %d, want %d (%v)", limit, r.Cur, err)
	}
	if n := len(descriptors(t)); before != n {
		t.Errorf("%d in use, listed are %d", before, n)
	}
	fd, peer := pair(t)
	if after, _, err := Descriptors(); after != before+2 || err != nil {
		t.Errorf("%d in use after two more than %d (%v)", after, before, err)
	}
	closeFDs(t, fd, peer)
	if after, _, err := Descriptors(); after != before || err != nil {
		t.Errorf("%d in use at the end, %d at the beginning (%v)", after, before, err)
	}
}
