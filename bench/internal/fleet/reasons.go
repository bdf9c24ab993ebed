package fleet

import (
	"maps"
	"sync"
)

// maxReasons bounds how many different reasons are told apart: a server may put anything into them.
const maxReasons = 32

const otherReasons = "other reasons"

// reasons counts why things happened.
type reasons struct {
	mu     sync.Mutex
	counts map[string]int // guarded by mu
	total  int            // guarded by mu
}

func (r *reasons) add(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.total++
	if r.counts == nil {
		r.counts = make(map[string]int)
	}
	if r.counts[why] == 0 && len(r.counts) >= maxReasons {
		why = otherReasons
	}
	r.counts[why]++
}

func (r *reasons) copy() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.counts)
}

func (r *reasons) sum() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}
