package bench

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// usage is what processes have used so far.
type usage struct {
	CPU time.Duration // all threads, in user space and in the kernel
	RSS int64         // bytes
}

// A meter reads what the server uses.
type meter interface {
	read(ctx context.Context) (usage, error)
	pace() time.Duration // how often it may be read without being felt
	still() int64        // by how many bytes settled memory may differ between two readings
}

// processes is a meter of processes on this machine.
type processes struct {
	pids []int

	mu   sync.Mutex
	used map[string]time.Duration // guarded by mu; by each thread that was ever seen, so that one that ends is not forgotten
}

func (p *processes) pace() time.Duration { return 250 * time.Millisecond }

func (p *processes) still() int64 { return 64 << 10 }

func (p *processes) read(context.Context) (sum usage, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used == nil {
		p.used = make(map[string]time.Duration)
	}
	for _, pid := range p.pids {
		used, err := threads(pid)
		if err != nil {
			return usage{}, err
		}
		for thread, t := range used {
			p.used[thread] = max(p.used[thread], t)
		}
		rss, err := RSS(pid)
		if err != nil {
			return usage{}, err
		}
		sum.RSS += rss
	}
	for _, t := range p.used {
		sum.CPU += t
	}
	return sum, nil
}

// scrape is a meter of a server that tells of itself to Prometheus, as its usual client libraries do.
type scrape struct{ url string }

func (s scrape) pace() time.Duration { return time.Second }

func (s scrape) still() int64 { return 512 << 10 } // a scrape itself takes memory

func (s scrape) read(ctx context.Context) (usage, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return usage{}, fmt.Errorf("metrics: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return usage{}, fmt.Errorf("metrics: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return usage{}, fmt.Errorf("metrics: %s answers %s", s.url, resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return usage{}, fmt.Errorf("metrics: %s: %w", s.url, err)
	}
	cpu, rss := families["process_cpu_seconds_total"], families["process_resident_memory_bytes"]
	if cpu == nil || rss == nil || len(cpu.Metric) == 0 || len(rss.Metric) == 0 {
		return usage{}, fmt.Errorf("metrics: %s has no process_cpu_seconds_total and process_resident_memory_bytes", s.url)
	}
	seconds := cpu.Metric[0].GetCounter().GetValue() + cpu.Metric[0].GetUntyped().GetValue()
	bytes := rss.Metric[0].GetGauge().GetValue() + rss.Metric[0].GetUntyped().GetValue()
	return usage{time.Duration(seconds * float64(time.Second)), int64(bytes)}, nil
}

// newMeter returns the meter that the configuration names, nil for none.
func newMeter(ctx context.Context, c *Config) (meter, error) {
	var m meter
	switch {
	case len(c.PIDs) > 0:
		m = &processes{pids: c.PIDs}
	case c.Metrics != "":
		m = scrape{c.Metrics}
	default:
		return nil, nil
	}
	if _, err := m.read(ctx); err != nil {
		return nil, fmt.Errorf("the server's figures cannot be read: %w", err)
	}
	return m, nil
}
