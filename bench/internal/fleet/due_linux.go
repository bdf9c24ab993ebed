package fleet

import "time"

// A Flow is a stream of messages at even distances. Who joins while it flows counts from joinGrace after that.
type Flow struct {
	First    uint64        // number of the first message
	Start    int64         // when that was to be sent, on the clock
	Interval time.Duration // 0 for no flow
}

// joinGrace is how long a server may take to let a client hear what is sent, counted from its answer to the handshake.
const joinGrace = time.Second

// before returns how many messages of the flow, of those before message seq, were to be sent later than moment.
func (w Flow) before(seq uint64, moment int64) int64 {
	if w.Interval == 0 || seq <= w.First {
		return 0
	}
	n := int64(seq - w.First)
	if early := moment - w.Start; early >= 0 {
		n -= early/int64(w.Interval) + 1
	}
	return max(n, 0)
}

// between returns how many messages of the flow were to be sent from one moment to another.
func (w Flow) between(from, to int64) int64 {
	if w.Interval == 0 || to < w.Start {
		return 0
	}
	return w.before(w.First+uint64((to-w.Start)/int64(w.Interval))+1, from)
}

// expect makes messages up to number last due at everybody who has heard something.
func (f *fleet) expect(last uint64, w Flow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.told:
	default:
	}
	f.announced = f.pending.Add(int64(last-f.goal)*int64(f.members)) != 0
	f.goal, f.flow = last, w
}

// An Arrival is how a wait for messages has ended.
type Arrival struct {
	At      int64 // when the last of them came, on the clock; 0 if there were none, or not all have come
	Missing int64 // that have not come
	Members int   // clients that have heard something
}

// await waits until all that is due has come, or for limit. It is called once after each expect.
func (f *fleet) await(limit time.Duration) (a Arrival) {
	f.mu.Lock()
	announced := f.announced
	f.announced = false
	f.mu.Unlock()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
wait:
	for announced || f.pending.Load() > 0 {
		select {
		case a.At = <-f.told:
			announced = false
		case <-timeout.C:
			a.At = 0
			break wait
		case <-f.closing:
			break wait
		}
	}
	a.Missing = max(f.pending.Load(), 0)
	f.mu.Lock()
	defer f.mu.Unlock()
	a.Members = f.members
	return a
}

// settle takes n messages off what is due.
func (f *fleet) settle(n int64) {
	if n == 0 || f.pending.Add(-n) != 0 {
		return
	}
	now := f.clock.Now()
	for {
		select {
		case f.told <- now:
			return
		default:
		}
		select {
		case <-f.told: // of an earlier time, when what is due had not all been announced
		default:
		}
	}
}
