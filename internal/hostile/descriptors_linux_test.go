package hostile

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// knock tries to join. It reports whether it came in; otherwise it must have been told 503 and when to come back.
func knock(i int, s *server) (p peer, in bool, err error) {
	p, err = dial(source(i), s.addr)
	if err != nil {
		return p, false, err
	}
	_ = p.write([]byte(request)) // it may have been refused by now
	var head [1 << 10]byte
	k, err := p.read(head[:])
	answer := head[:k]
	switch {
	case err == nil && bytes.HasPrefix(answer, []byte("HTTP/1.1 101 ")):
		return p, true, nil
	case err == nil && bytes.HasPrefix(answer, []byte("HTTP/1.1 503 ")) && bytes.Contains(answer, []byte("\r\nRetry-After: ")):
		_, err = p.rest()
	default:
		err = fmt.Errorf("answered %q, %v", answer, err)
	}
	p.reset()
	return -1, false, err
}

// TestFewDescriptors: a node with few descriptors takes as many connections as it said, tells the others 503, and
// serves those inside. When some leave there is room again.
func TestFewDescriptors(t *testing.T) {
	const descriptors, tries = 200, 500
	cmd := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, descriptors), "sh",
		program, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	s := launch(t, cmd)
	b := joinBystanders(t, s)
	m := s.measure(t)
	stop := b.talk(t)
	room := int(m.before["crier_connections_limit"])
	if room < descriptors/4 || room > descriptors-20 {
		t.Errorf("room for %d connections with %d descriptors", room, descriptors)
	}
	var in crowd
	t.Cleanup(func() { in.reset() })
	tried := 0
	fill := func() {
		t.Helper()
		for end := tried + tries; tried < end || b.busy(); tried++ {
			p, ok, err := knock(tried, s)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				in = append(in, p)
			}
		}
		if len(in)+2 != room {
			t.Errorf("%d are in, want %d", len(in)+2, room)
		}
	}
	fill()
	s.await(t, "all refusals are counted", func(f figures) bool { return f[denials("full")] == float64(tried-len(in)) })
	in[:30].reset()
	in = in[30:]
	s.await(t, "some have left", func(f figures) bool { return f["crier_connections"] == float64(2+len(in)) })
	fill()
	stop()
	in.reset()
	m.end(t, 2*descriptors*unopened)
}

// TestNoDescriptors: when a node has not even the descriptors that it started with, members go on, who comes is
// refused with 503 or waits, and when there are some again it goes on by itself.
func TestNoDescriptors(t *testing.T) {
	const tries = 200
	s := serve(t)
	b := joinBystanders(t, s)
	m := s.measure(t)
	stop := b.talk(t)
	pid := s.cmd.Process.Pid
	var before unix.Rlimit
	few := unix.Rlimit{Cur: uint64(m.before["process_open_fds"]) + 5}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	few.Max = before.Max
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Fatal(err)
	}
	var in crowd
	t.Cleanup(func() { in.reset() })
	tried := 0
	for ; tried < tries || b.busy(); tried++ {
		p, ok, err := knock(tried, s)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			in = append(in, p)
		}
	}
	f := s.await(t, "all refusals are counted", func(f figures) bool {
		return f[denials("no_descriptors")] == float64(tried-len(in))
	})
	if len(in) == 0 || len(in) > 10 || f[`crier_accept_errors_total{reason="descriptors"}`] == 0 {
		t.Errorf("%d came in:%v", len(in), f)
	}
	// Those who left make room for as many, without anybody's help.
	had := len(in)
	in.reset()
	s.await(t, "they have left", func(f figures) bool { return f["crier_connections"] == 2 })
	in = in[:0]
	for i := range had {
		p, ok, err := knock(i, s)
		if err != nil || !ok {
			t.Fatalf("%d of %d: there is room again: %v", i, had, err)
		}
		in = append(in, p)
	}
	if _, ok, err := knock(0, s); ok || err != nil {
		t.Errorf("beyond the room: in %v, %v", ok, err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
		t.Fatal(err)
	}
	for i := range tries {
		p, ok, err := knock(i, s)
		if err != nil || !ok {
			t.Fatalf("%d: with descriptors again: %v", i, err)
		}
		in = append(in, p)
	}
	stop()
	in.reset()
	m.end(t, 2*tries*unopened)
}
