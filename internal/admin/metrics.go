package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"crier/internal/node"
	"crier/netpoll"
)

// Metrics are the node's, in a registry of their own, with those of the Go runtime and the process.
type Metrics struct {
	registry *prometheus.Registry
	written  prometheus.Histogram
}

// NewMetrics returns metrics that do not yet know a node.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		written: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "crier_publish_write_duration_seconds",
			Help: "Time from the publish of a message until it was offered to the last member of its room. One observation a publish.",
			// 10 µs to 10 s: from a push to one member to a broadcast to very many.
			Buckets: []float64{10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3,
				100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10},
		}),
	}
	m.registry.MustRegister(m.written, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Written is for node.Config.OnWritten.
func (m *Metrics) Written(d time.Duration) { m.written.Observe(d.Seconds()) }

// Watch adds the counts of a node. Call it once.
func (m *Metrics) Watch(n *node.Node) { m.registry.MustRegister(&collector{node: n}) }

// A collector turns the node's counts into metrics when it is scraped.
type collector struct{ node *node.Node }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("crier_"+name, help, labels, nil)
}

var (
	connections    = desc("connections", "WebSocket connections open now.")
	maxConnections = desc("connections_limit", "Connections that the node takes; those above are refused with 503.")
	accepted       = desc("sockets_accepted_total", "TCP connections accepted, whatever became of them.")
	opened         = desc("connections_opened_total", "Handshakes that succeeded.")
	denied         = desc("handshakes_refused_total", "Connections that never became WebSockets, by reason.", "reason")
	left           = desc("leaves_total", "Connections that ended, by reason.", "reason")
	acceptErrors   = desc("accept_errors_total", "Failed accepts, by reason.", "reason")
	received       = desc("messages_received_total", "Messages from clients.")
	receivedBytes  = desc("received_bytes_total", "Payload bytes of messages from clients.")
	sent           = desc("messages_sent_total", "Messages written to members: one for each member that a message went to.")
	sentBytes      = desc("sent_bytes_total", "Bytes of messages written to members, frame headers included.")
	published      = desc("messages_published_total", "Messages appended to rooms.")
	publishedBytes = desc("published_bytes_total", "Bytes appended to rooms, frame headers included.")
	lagging        = desc("members_lagging", "Members whose transport is full, so that they are behind the head of their room.")
	lagBytes       = desc("lag_bytes", "Bytes that the lagging members are behind, added up.")
	paused         = desc("publishers_paused", "Connections that are not read until the node has caught up.")
	pauses         = desc("publisher_pauses_total", "How often a room has paused its publishers.")
	rooms          = desc("rooms", "Rooms that have members.")
	writerQueue    = desc("writer_queue_length", "Parts of rooms that wait for a writer.")
	workerQueue    = desc("worker_queue_length", "Connections that wait for a worker.")
	pings          = desc("pings_sent_total", "Pings sent to connections that were silent.")
	droppedPongs   = desc("pongs_dropped_total", "Pongs not sent because too many waited for a full transport.")
	fdsUsed        = desc("descriptors_used", "File descriptors in use by the process.")
	fdsLimit       = desc("descriptors_limit", "File descriptors that the process may have.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	count := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	s := c.node.Stats()
	gauge(connections, s.Connections)
	gauge(maxConnections, int64(c.node.MaxConnections()))
	count(accepted, s.Accepted)
	count(opened, s.Opened)
	count(received, s.Received)
	count(receivedBytes, s.ReceivedBytes)
	count(sent, s.Hub.Delivered)
	count(sentBytes, s.Hub.DeliveredBytes)
	count(published, s.Hub.Published)
	count(publishedBytes, s.Hub.PublishedBytes)
	gauge(lagging, s.Hub.Lagging)
	gauge(lagBytes, s.Hub.LagBytes)
	gauge(paused, s.Hub.Waiting)
	count(pauses, s.Hub.Pauses)
	gauge(rooms, int64(s.Hub.Rooms))
	gauge(writerQueue, int64(s.Hub.Queue))
	gauge(workerQueue, int64(s.WorkerQueue))
	count(pings, s.Pings)
	count(droppedPongs, s.DroppedPongs)
	for d, by := range map[*prometheus.Desc]map[string]int64{denied: s.Denials, left: s.Leaves, acceptErrors: s.AcceptErrors} {
		for reason, v := range by {
			count(d, v, reason)
		}
	}
	if used, limit, err := netpoll.Descriptors(); err == nil {
		gauge(fdsUsed, int64(used))
		gauge(fdsLimit, int64(limit))
	}
}
