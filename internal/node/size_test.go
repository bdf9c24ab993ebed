package node

import (
	"testing"
	"unsafe"
)

// TestSize holds what an idle connection weighs; docs/architecture.md has the account.
func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(conn{}); n > 160 {
		t.Errorf("a conn has %d bytes, more than 160, the size of its class in the allocator", n)
	}
}
