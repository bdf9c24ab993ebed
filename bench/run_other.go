//go:build !linux

package bench

import (
	"context"

	"crier/netpoll"
)

// Run needs Linux: elsewhere it returns netpoll.ErrUnsupported.
func Run(context.Context, Config) (*Result, error) { return nil, netpoll.ErrUnsupported }

// Child needs Linux: elsewhere it returns netpoll.ErrUnsupported.
func Child([]string) error { return netpoll.ErrUnsupported }
