package admin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"crier/internal/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit is generous: it is only ever reached by a test that fails.
const limit = 10 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(limit); !ok(); <-look.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// A site is a node and its admin server.
type site struct {
	node   *node.Node
	server *Server
	web    http.Client
}

func start(t *testing.T, cfg node.Config) *site {
	t.Helper()
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := NewMetrics()
	cfg.Addr, cfg.OnWritten = "127.0.0.1:0", m.Written
	n, err := node.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.Watch(n)
	s := &site{node: n, server: Serve(ln, n, m, slog.New(slog.DiscardHandler)), web: http.Client{Timeout: 3 * limit}}
	t.Cleanup(func() {
		s.web.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := s.server.Close(ctx); err != nil {
			t.Errorf("close the admin server: %v", err)
		}
		if err := n.Close(); err != nil {
			t.Errorf("close the node: %v", err)
		}
	})
	return s
}

func (s *site) get(path string) (*http.Response, []byte, error) {
	resp, err := s.web.Get("http://" + s.server.Addr().String() + path)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, b, err
}

func (s *site) dial(t *testing.T) *websocket.Conn {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial("ws://"+s.node.Addr().String()+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	_ = c.SetReadDeadline(time.Now().Add(3 * limit))
	t.Cleanup(func() { c.Close() })
	return c
}

// scrape returns the metrics by name.
func (s *site) scrape() (map[string]*dto.MetricFamily, []byte, error) {
	resp, b, err := s.get("/metrics")
	if err != nil {
		return nil, b, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, b, fmt.Errorf("%s: %s", resp.Status, b)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(b))
	return families, b, err
}

// value returns the counter or gauge of a name, with its reason if that is not "".
func value(families map[string]*dto.MetricFamily, name, reason string) float64 {
	for _, m := range families[name].GetMetric() {
		if reason == "" || len(m.Label) == 1 && m.Label[0].GetName() == "reason" && m.Label[0].GetValue() == reason {
			if m.Counter != nil {
				return m.Counter.GetValue()
			}
			return m.Gauge.GetValue()
		}
	}
	return -1
}

// names are all the node's metrics, with their types: they are what dashboards and alerts are made of.
var names = map[string]dto.MetricType{
	"crier_connections": dto.MetricType_GAUGE, "crier_connections_limit": dto.MetricType_GAUGE,
	"crier_sockets_accepted_total": dto.MetricType_COUNTER, "crier_connections_opened_total": dto.MetricType_COUNTER,
	"crier_handshakes_refused_total": dto.MetricType_COUNTER, "crier_leaves_total": dto.MetricType_COUNTER,
	"crier_accept_errors_total":     dto.MetricType_COUNTER,
	"crier_messages_received_total": dto.MetricType_COUNTER, "crier_received_bytes_total": dto.MetricType_COUNTER,
	"crier_messages_sent_total": dto.MetricType_COUNTER, "crier_sent_bytes_total": dto.MetricType_COUNTER,
	"crier_messages_published_total": dto.MetricType_COUNTER, "crier_published_bytes_total": dto.MetricType_COUNTER,
	"crier_members_lagging": dto.MetricType_GAUGE, "crier_lag_bytes": dto.MetricType_GAUGE,
	"crier_publishers_paused": dto.MetricType_GAUGE, "crier_publisher_pauses_total": dto.MetricType_COUNTER,
	"crier_rooms": dto.MetricType_GAUGE, "crier_writer_queue_length": dto.MetricType_GAUGE,
	"crier_worker_queue_length": dto.MetricType_GAUGE,
	"crier_pings_sent_total":    dto.MetricType_COUNTER, "crier_pongs_dropped_total": dto.MetricType_COUNTER,
	"crier_descriptors_used": dto.MetricType_GAUGE, "crier_descriptors_limit": dto.MetricType_GAUGE,
	"crier_publish_write_duration_seconds": dto.MetricType_HISTOGRAM,
}

func TestMetricsAreWellFormed(t *testing.T) {
	s := start(t, node.Config{})
	families, text, err := s.scrape()
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range names {
		if f := families[name]; f == nil || f.GetType() != kind || f.GetHelp() == "" {
			t.Errorf("%s: %v %q, want a %v with a help text", name, f.GetType(), f.GetHelp(), kind)
		}
	}
	for name := range families {
		if _, ok := names[name]; strings.HasPrefix(name, "crier_") && !ok {
			t.Errorf("%s is not in the list", name)
		}
	}
	for _, name := range []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes"} {
		if families[name] == nil {
			t.Errorf("no %s", name)
		}
	}
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "crier_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	// Every reason is there from the start, so that a rate over it has something to begin with.
	for name, reasons := range map[string][]string{
		"crier_leaves_total": {"peer_closed", "peer_gone", "reset", "protocol_error", "bad_utf8", "too_big",
			"ping_timeout", "message_timeout", "slow_bytes", "slow_age",
			"control_rate", "message_rate", "byte_rate", "shutdown"},
		"crier_handshakes_refused_total": {"bad_request", "not_found", "upgrade_required", "origin", "check", "full",
			"address_connections", "address_rate",
			"no_descriptors", "draining", "timeout", "peer_gone"},
		"crier_accept_errors_total": {"descriptors", "memory", "aborted", "other"},
	} {
		var got []string
		for _, m := range families[name].GetMetric() {
			got = append(got, m.Label[0].GetValue())
			if m.Counter.GetValue() != 0 {
				t.Errorf("%s %v begins with %v", name, m.Label, m.Counter.GetValue())
			}
		}
		slices.Sort(got)
		slices.Sort(reasons)
		if !slices.Equal(got, reasons) {
			t.Errorf("%s has the reasons %v, want %v", name, got, reasons)
		}
	}
}

func TestMetricsTellWhatHappened(t *testing.T) {
	const members, count, size = 5, 7, 100
	s := start(t, node.Config{MaxConnections: 50})
	var clients [members]*websocket.Conn
	for i := range clients {
		clients[i] = s.dial(t)
	}
	text := bytes.Repeat([]byte("x"), size)
	for range count {
		if err := clients[0].WriteMessage(websocket.TextMessage, text); err != nil {
			t.Fatal(err)
		}
		for _, c := range clients {
			if _, b, err := c.ReadMessage(); err != nil || !bytes.Equal(b, text) {
				t.Fatal(err)
			}
		}
	}
	if err := clients[4].WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := clients[4].ReadMessage(); !websocket.IsCloseError(err, 1000) {
		t.Fatal(err)
	}
	clients[3].Close()
	resp, err := http.Get("http://" + s.node.Addr().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()

	want := []struct {
		name, reason string
		value        float64
	}{
		{"crier_connections", "", members - 2},
		{"crier_connections_limit", "", 50},
		{"crier_sockets_accepted_total", "", members + 1},
		{"crier_connections_opened_total", "", members},
		{"crier_handshakes_refused_total", "not_found", 1},
		{"crier_handshakes_refused_total", "origin", 0},
		{"crier_leaves_total", "peer_closed", 1},
		{"crier_leaves_total", "peer_gone", 1},
		{"crier_leaves_total", "reset", 0},
		{"crier_messages_received_total", "", count},
		{"crier_received_bytes_total", "", count * size},
		{"crier_messages_published_total", "", count},
		{"crier_published_bytes_total", "", count * (size + 2)},
		{"crier_messages_sent_total", "", count * members},
		{"crier_sent_bytes_total", "", count * members * (size + 2)},
		{"crier_rooms", "", 1},
		{"crier_members_lagging", "", 0},
		{"crier_publishers_paused", "", 0},
		{"crier_worker_queue_length", "", 0},
	}
	var wrong string
	ok := func() bool {
		families, _, err := s.scrape()
		if err != nil {
			t.Fatal(err)
		}
		wrong = ""
		for _, w := range want {
			if got := value(families, w.name, w.reason); got != w.value {
				wrong += fmt.Sprintf("%s %s is %v, want %v\n", w.name, w.reason, got, w.value)
			}
		}
		h := families["crier_publish_write_duration_seconds"].Metric[0].Histogram
		if h.GetSampleCount() != count || h.GetSampleSum() <= 0 || h.GetSampleSum() > float64(members*count) {
			wrong += fmt.Sprintf("the histogram has %d observations of %v s in all, want %d", h.GetSampleCount(), h.GetSampleSum(), count)
		}
		return wrong == ""
	}
	for deadline := time.Now().Add(limit); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal(wrong)
		}
	}
}

func TestHealth(t *testing.T) {
	s := start(t, node.Config{MaxConnections: 1, CloseTimeout: limit})
	wants := func(path string, status int, text string) {
		t.Helper()
		resp, b, err := s.get(path)
		if err != nil || resp.StatusCode != status || !strings.Contains(string(b), text) {
			t.Errorf("%s: %v %q %v, want %d %q", path, resp, b, err, status, text)
		}
	}
	wants("/healthz", 200, "ok")
	wants("/readyz", 200, "ready")
	wants("/", 404, "")
	wants("/debug/pprof/", 200, "goroutine")
	wants("/debug/pprof/goroutine?debug=1", 200, "goroutine profile")
	wants("/debug/pprof/heap?debug=1", 200, "heap profile")
	wants("/debug/pprof/cmdline", 200, "admin")
	wants("/debug/pprof/symbol", 200, "num_symbols")
	resp, err := s.web.Post("http://"+s.server.Addr().String()+"/metrics", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", resp.Status)
	}

	c := s.dial(t)
	wants("/readyz", 503, "full")
	wants("/healthz", 200, "ok")

	// The member does not answer the closing handshake before it is told to, which keeps the node draining.
	down := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		down <- s.node.Shutdown(ctx)
	}()
	eventually(t, "it drains", func() bool {
		resp, b, err := s.get("/readyz")
		return err == nil && resp.StatusCode == 503 && strings.Contains(string(b), "draining")
	})
	wants("/healthz", 200, "ok")
	wants("/metrics", 200, "crier_connections")
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, 1001) {
		t.Errorf("ended by %v, want 1001", err)
	}
	c.Close()
	if err := <-down; err != nil {
		t.Error(err)
	}
	wants("/readyz", 503, "draining")
	wants("/metrics", 200, "crier_connections 0")
}

// TestScrapesBesideTraffic: a scrape is consistent enough: counters never go back, sent is never more than
// what members could have got.
func TestScrapesBesideTraffic(t *testing.T) {
	s := start(t, node.Config{})
	stop := make(chan struct{})
	var traffic, readers sync.WaitGroup
	for range 3 {
		c := s.dial(t)
		heard := make(chan struct{}, 1)
		readers.Go(func() {
			defer close(heard)
			for {
				if _, _, err := c.ReadMessage(); err != nil {
					if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
						t.Error(err)
					}
					return
				}
				select {
				case heard <- struct{}{}:
				default:
				}
			}
		})
		traffic.Go(func() {
			for {
				select {
				case <-stop:
					bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
					if err := c.WriteMessage(websocket.CloseMessage, bye); err != nil {
						t.Error(err)
					}
					return
				default:
				}
				if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
					t.Error(err)
					return
				}
				<-heard
			}
		})
	}
	traffic.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, resp, err := websocket.DefaultDialer.Dial("ws://"+s.node.Addr().String()+"/chat", nil)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			c.Close()
		}
	})
	var scrapers sync.WaitGroup
	for range 3 {
		scrapers.Go(func() {
			last := make(map[string]float64)
			for range 40 {
				families, _, err := s.scrape()
				if err != nil {
					t.Error(err)
					return
				}
				for name, kind := range names {
					if kind != dto.MetricType_COUNTER {
						continue
					}
					if v := value(families, name, ""); len(families[name].Metric) == 1 && v < last[name] {
						t.Errorf("%s went back from %v to %v", name, last[name], v)
					} else {
						last[name] = v
					}
				}
			}
		})
	}
	scrapers.Wait()
	close(stop)
	traffic.Wait()
	readers.Wait()
}

func TestListenFails(t *testing.T) {
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if again, err := Listen(ln.Addr().String()); err == nil {
		again.Close()
		t.Error("two listen on one address")
	}
}
