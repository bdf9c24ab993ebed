package bench

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"crier/internal/frame"
)

// serveBare is the process of the limit scenario. It ends when standard input does.
func serveBare(n, writers int) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	ln, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := unix.Bind(ln, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(ln, 4096); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	sa, err := unix.Getsockname(ln)
	if err != nil {
		return fmt.Errorf("getsockname: %w", err)
	}
	fmt.Printf("ws://127.0.0.1:%d/\n", sa.(*unix.SockaddrInet4).Port)
	fds := make([]int32, 0, n)
	for len(fds) < n {
		fd, _, err := unix.Accept4(ln, unix.SOCK_CLOEXEC)
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if err := greet(fd); err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
		fds = append(fds, int32(fd))
	}
	speaker, err := firstToSpeak(fds)
	if err != nil {
		return err
	}
	return writeToAll(speaker, fds, writers)
}

// greet does the server's part of a handshake with this generator, which needs no checks.
func greet(fd int) error {
	var b [4096]byte
	n := 0
	for !bytes.HasSuffix(b[:n], []byte("\r\n\r\n")) {
		k, err := unix.Read(fd, b[n:])
		if err != nil || k == 0 {
			return errors.Join(io.ErrUnexpectedEOF, err)
		}
		n += k
	}
	_, rest, _ := strings.Cut(string(b[:n]), "\r\nSec-WebSocket-Key: ")
	key, _, _ := strings.Cut(rest, "\r\n")
	sum := sha1.Sum([]byte(key + acceptGUID))
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\n\r\n"
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if _, err := unix.Write(fd, []byte(answer)); err != nil {
		return err
	}
	return unix.SetNonblock(fd, true)
}

func firstToSpeak(fds []int32) (int, error) {
	polls := make([]unix.PollFd, len(fds))
	for i, fd := range fds {
		polls[i] = unix.PollFd{Fd: fd, Events: unix.POLLIN}
	}
	for {
		if _, err := unix.Poll(polls, -1); err != nil && err != unix.EINTR {
			return 0, fmt.Errorf("poll: %w", err)
		}
		for _, p := range polls {
			if p.Revents != 0 {
				return int(p.Fd), nil
			}
		}
	}
}

// writeToAll writes what speaker says to all: with one write(2) to each for all that was read at once.
func writeToAll(speaker int, fds []int32, writers int) error {
	parts := make([]chan []byte, writers)
	var busy sync.WaitGroup
	for i := range parts {
		parts[i] = make(chan []byte)
		part := fds[i*len(fds)/writers : (i+1)*len(fds)/writers]
		go func() {
			runtime.LockOSThread()
			for b := range parts[i] {
				for _, fd := range part {
					writeAll(int(fd), b)
				}
				busy.Done()
			}
		}()
	}
	if err := unix.SetNonblock(speaker, false); err != nil {
		return err
	}
	var d frame.Decoder
	in, cfg := make([]byte, 1<<20), &frame.Config{MaxMessage: 64 << 20}
	for {
		n, err := unix.Read(speaker, in)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		var out []byte
		for p := in[:n]; ; {
			ev, rest, err := d.Next(p, cfg)
			if err != nil || ev.Kind == frame.Close {
				return err
			}
			if p = rest; ev.Kind == frame.None {
				break
			}
			if ev.Kind == frame.Message {
				out = append(frame.AppendHeader(out, ev.Op, len(ev.Payload)), ev.Payload...)
			}
		}
		if len(out) == 0 {
			continue
		}
		busy.Add(writers)
		for _, p := range parts {
			p <- out
		}
		busy.Wait()
	}
}

// writeAll writes b, and waits where there is no room. A client that has ended is passed over.
func writeAll(fd int, b []byte) {
	for len(b) > 0 {
		n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch errno {
		case 0:
			b = b[n:]
		case unix.EAGAIN:
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 1000); err != nil && err != unix.EINTR {
				return
			}
		case unix.EINTR:
		default:
			return
		}
	}
}
