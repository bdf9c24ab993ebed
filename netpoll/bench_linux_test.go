package netpoll

import (
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkEcho is one byte there and back: epoll, queue, worker, read and write.
func BenchmarkEcho(b *testing.B) {
	r := newRig(b)
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	fd, peer := fds[0], fds[1]
	if err := unix.SetNonblock(fd, true); err != nil {
		b.Fatal(err)
	}
	r.later(func() error { return unix.Close(peer) })
	r.add(b, fd, func(w *Worker, _ Event) Event {
		for {
			n, err := Read(fd, w.Buf)
			if err != nil {
				return 0
			}
			_, _ = Write(fd, w.Buf[:n])
		}
	})
	buf := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unix.Write(peer, buf); err != nil {
			b.Fatal(err)
		}
		if n, err := unix.Read(peer, buf); n != 1 || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkAccept is the life of a connection that says nothing: connect, accept, register, and close, first here.
func BenchmarkAccept(b *testing.B) {
	r := newRig(b)
	l, port := r.listen(b, ListenConfig{OnAccept: func(fd int) {
		h := &probe{}
		h.serve = func(*Worker, Event) Event {
			if err := h.Close(); err != nil {
				b.Error(err)
			}
			return 0
		}
		if err := r.Add(h, fd); err != nil {
			b.Error(err)
		}
		Kick(h)
	}})
	if err := l.Start(r.Poller); err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		fd := dial(b, port)
		if n, err := Read(fd, buf); err != io.EOF {
			b.Fatal(n, err)
		}
		closeFDs(b, fd)
	}
}

// BenchmarkQueue is an event's way to a worker without system calls.
func BenchmarkQueue(b *testing.B) {
	pool := queueOnly()
	h := &probe{serve: func(*Worker, Event) Event { return 0 }}
	h.poller = &Poller{pool: pool}
	h.finish(0)
	b.ReportAllocs()
	for b.Loop() {
		ready(h, Readable)
		h := pool.take()
		c := h.conn()
		c.finish(h.Serve(nil, c.begin()))
	}
}
