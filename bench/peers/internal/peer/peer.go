// Package peer is what all peers have in common: the command line, the listener, the signals, the bounds.
//
// Each peer has the same job as a node of Crier: one room, and what any client sends goes to all, the sender too.
package peer

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// Path is where the WebSockets are.
const Path = "/chat"

// The bounds, the same for all peers as far as their libraries let them be.
const (
	// MaxMessage is the largest message in bytes that a client may send, as Crier's default.
	MaxMessage = 64 << 10
	// Queue is how many messages may wait for a member before it is removed. Gorilla's chat example has this number.
	Queue = 256
	// ReadBuffer is the bytes of a connection's read buffer where one can be set. The messages of a comparison, 128 bytes and a
	// header, fit in it three times; gorilla and centrifuge document about this size for many connections.
	ReadBuffer = 512
)

var removed atomic.Int64

// Removed counts a member that was removed because it did not read.
func Removed() { removed.Add(1) }

// Main is the main of a peer. It listens, says so on stdout, and has run serve the connections: run returns only if it cannot.
// SIGTERM and Ctrl-C end the process, with 0; connections are left to the kernel to close.
//
// The listener's backlog is the largest that the kernel allows (net.core.somaxconn), as always with package net, and the limit on
// descriptors is the hard one, as always with package os.
func Main(run func(net.Listener) error) {
	listen := flag.String("listen", "127.0.0.1:8888", "`address` for WebSockets")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(flag.CommandLine.Output(), "unexpected %q\n", flag.Arg(0))
		flag.Usage()
		os.Exit(2)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		fail(err)
	}
	fmt.Printf("WebSocket  ws://%s%s\n", ln.Addr(), Path)
	ended := make(chan error, 1)
	go func() { ended <- run(ln) }()
	tick := time.NewTicker(time.Second / 4)
	for told := int64(0); ; {
		select {
		case <-stop:
			tell(told)
			return
		case err := <-ended:
			tell(told)
			fail(err)
		case <-tick.C:
			told = tell(told)
		}
	}
}

// tell says how many members were removed if there are more than were told.
func tell(told int64) int64 {
	n := removed.Load()
	if n > told {
		fmt.Fprintf(os.Stderr, "removed so far because they did not read: %d\n", n)
	}
	return n
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// ServeHTTP has net/http serve h at Path.
func ServeHTTP(ln net.Listener, h http.Handler) error {
	mux := http.NewServeMux()
	mux.Handle(Path, h)
	return http.Serve(ln, mux)
}
