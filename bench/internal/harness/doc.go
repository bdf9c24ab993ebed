// Package harness is what bench/compare and bench/growth share: it runs servers and the load generator as child processes, sums up
// what several runs have found, and writes it into documents.
//
// No child outlives its parent. [Server.Stop] ends a server in good order, or by force when that takes too long; a context ends the
// generator; on Linux the kernel kills both when the parent dies by itself.
//
// What a generator has found is kept, also of a run that failed: a [bench.Result] has its problems with it.
package harness
