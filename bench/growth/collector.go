package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"crier/bench"
	"crier/bench/internal/harness"
)

// errEnough is why a generator is stopped that has held its connections for as long as they were wanted.
var errEnough = errors.New("no longer needed")

// collections returns the CPU time that a full garbage collection of a node with n idle connections takes: the median of some that are
// forced one after the other.
func collections(ctx context.Context, g harness.Generator, node *harness.Server, clients []string, n int) (time.Duration, error) {
	holding, stop := context.WithCancelCause(ctx)
	ended := make(chan error, 1)
	go func() {
		r, err := g.Run(holding, "idle", append(clients, "--hold", turnLimit.String()), node.URL)
		if err == nil && holding.Err() == nil && len(r.Problems) > 0 {
			err = errors.New(r.Problems[0].What)
		}
		ended <- err
	}()
	admin := &admin{url: node.Admin, pid: node.PID}
	defer admin.CloseIdleConnections()
	cost, err := func() (time.Duration, error) {
		if err := admin.await(ctx, n, ended); err != nil {
			return 0, err
		}
		return admin.collect(ctx)
	}()
	stop(errEnough)
	<-ended // its end; await puts back what it takes
	return cost, err
}

// admin is the node's second address.
type admin struct {
	http.Client
	url string
	pid int
}

func (a *admin) get(ctx context.Context, path string, use func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := a.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s", a.url, path, resp.Status)
	}
	if use != nil {
		if err := use(resp.Body); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// metric returns a value out of /metrics.
func (a *admin) metric(ctx context.Context, name string) (value float64, err error) {
	found := false
	err = a.get(ctx, "/metrics", func(r io.Reader) error {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if v, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
				found = true
				value, err = strconv.ParseFloat(v, 64)
				return err
			}
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%s/metrics has no %s", a.url, name)
	}
	return value, err
}

// await waits until the node has n connections.
func (a *admin) await(ctx context.Context, n int, ended chan error) error {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		open, err := a.metric(ctx, "crier_connections")
		if err != nil || open >= float64(n) {
			return err
		}
		select {
		case <-look.C:
		case err := <-ended:
			ended <- nil // for collections
			if err == nil {
				err = fmt.Errorf("the generator ended at %v of %d connections", open, n)
			}
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// collect forces collections. Asking for a heap profile with gc=1 forces one; what the profile costs without is taken off.
func (a *admin) collect(ctx context.Context) (time.Duration, error) {
	const times = 7
	var with, without []float64
	for i := range times + 1 {
		for path, costs := range map[string]*[]float64{"/debug/pprof/heap?gc=1": &with, "/debug/pprof/heap": &without} {
			before, err := bench.CPU(a.pid)
			if err != nil {
				return 0, err
			}
			if err := a.get(ctx, path, nil); err != nil {
				return 0, err
			}
			after, err := bench.CPU(a.pid)
			if err != nil {
				return 0, err
			}
			if i > 0 { // the first finds what the connecting has left
				*costs = append(*costs, float64(after-before))
			}
		}
	}
	return time.Duration(max(0, harness.Sum(with...).Median-harness.Sum(without...).Median)), nil
}
