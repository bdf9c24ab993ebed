// Package admin is the node's back door, over plain HTTP on an address of its own: /metrics for Prometheus,
// /healthz (the process answers), /readyz (it takes connections), and /debug/pprof.
//
// A scrape reads counters. It costs the same whatever the number of connections. Anybody who can reach the address
// can read it all: it is meant for a private network.
package admin
