package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"partita/node/api"
	"partita/node/kv"
	"partita/raft"
	"partita/raft/core"
	"partita/raft/transport"
	"partita/raft/wal"
)

// metrics is what /metrics tells, in a registry of its own.
type metrics struct {
	registry      *prometheus.Registry
	operations    *prometheus.CounterVec
	latency       *prometheus.HistogramVec
	syncs         prometheus.Histogram
	leaderChanges prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "partita_operations_total", Help: "Operations of clients, by kind and outcome (ok or the error's code).",
		}, []string{"op", "outcome"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "partita_operation_seconds", Help: "Time from an operation's arrival to its outcome.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"op"}),
		syncs: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "partita_wal_append_seconds", Help: "Time to write a batch to the log and sync it.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 15),
		}),
		leaderChanges: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "partita_leader_changes_total", Help: "How often this node learnt of another leader.",
		}),
	}
	m.registry.MustRegister(m.operations, m.latency, m.syncs, m.leaderChanges,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// observe counts one operation.
func (m *metrics) observe(op api.Op, err *api.Error, took time.Duration) {
	outcome := "ok"
	if err != nil {
		outcome = string(err.Code)
	}
	m.operations.WithLabelValues(string(op), outcome).Inc()
	m.latency.WithLabelValues(string(op)).Observe(took.Seconds())
}

// member is what is measured and shown of Raft; *raft.Raft is one.
type member interface {
	Status() core.Status
	Counters() raft.Counters
	Queues() raft.Queues
	LeaseLeft() time.Duration
	SnapshotSize() (core.Index, int)
}

// watch adds what Raft and the transport know of themselves, read when asked.
func (m *metrics) watch(names roster, r member, wires func() transport.Counters) {
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "partita_raft_" + name, Help: help}, value))
	}
	for _, g := range gauges {
		gauge(g.name, g.help, func() float64 { return g.value(r.Status()) })
	}
	gauge("lease_seconds", "For how long this leader's lease holds yet.", func() float64 { return r.LeaseLeft().Seconds() })
	gauge("backlog_bytes", "Entries that wait for the disk.", func() float64 { return float64(r.Queues().BacklogBytes) })
	for _, c := range counts {
		m.registry.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Name: "partita_raft_" + c.name + "_total", Help: c.help},
			func() float64 { return float64(c.value(r.Counters())) }))
	}
	m.registry.MustRegister(&wire{names: names, counters: wires})
}

// gauges are read from a status of Raft's.
var gauges = []struct {
	name, help string
	value      func(core.Status) float64
}{
	{"term", "The current term.", func(s core.Status) float64 { return float64(s.Term) }},
	{"role", "0 follower, 1 pre-candidate, 2 candidate, 3 leader.", func(s core.Status) float64 { return float64(s.Role) }},
	{"commit_index", "The last committed entry known.", func(s core.Status) float64 { return float64(s.Commit) }},
	{"applied_index", "The last applied entry.", func(s core.Status) float64 { return float64(s.Applied) }},
	{"last_index", "The last entry of the log.", func(s core.Status) float64 { return float64(s.Last) }},
	{"durable_index", "The last entry of the log known to be on disk.", func(s core.Status) float64 { return float64(s.Durable) }},
	{"snapshot_index", "The last entry that the newest snapshot covers.", func(s core.Status) float64 { return float64(s.Snapshot) }},
	{"members_index", "Where in the log the configuration in force stands.", func(s core.Status) float64 { return float64(s.MembersIndex) }},
	{"voters", "Voters of the configuration in force.", func(s core.Status) float64 { return float64(len(s.Members.Voters)) }},
	{"outgoing", "Voters of the configuration that a joint one leaves.", func(s core.Status) float64 { return float64(len(s.Members.Outgoing)) }},
	{"learners", "Learners of the configuration in force.", func(s core.Status) float64 { return float64(len(s.Members.Learners)) }},
	{"uncommitted_bytes", "Commands in this leader's log that are not committed.", func(s core.Status) float64 { return float64(s.Uncommitted) }},
}

// counts are read from Raft's counters.
var counts = []struct {
	name, help string
	value      func(raft.Counters) uint64
}{
	{"snapshots_saved", "Snapshots of the own state machine made durable.", func(c raft.Counters) uint64 { return c.SnapshotsSaved }},
	{"snapshots_installed", "Snapshots of a leader made durable.", func(c raft.Counters) uint64 { return c.SnapshotsLoaded }},
	{"snapshots_sent", "Snapshots sent to their last chunk.", func(c raft.Counters) uint64 { return c.SnapshotsSent }},
	{"chunks_sent", "Chunks of snapshots sent.", func(c raft.Counters) uint64 { return c.ChunksSent }},
	{"chunk_bytes_sent", "Bytes of snapshots sent.", func(c raft.Counters) uint64 { return c.ChunkBytesSent }},
	{"reads_by_lease", "Reads of this node that a leader's lease confirmed.", func(c raft.Counters) uint64 { return c.ReadsByLease }},
	{"reads_by_round", "Reads of this node that a round of heartbeats confirmed.", func(c raft.Counters) uint64 { return c.ReadsByRound }},
	{"member_changes", "Changes of the configuration begun by this node.", func(c raft.Counters) uint64 { return c.Changes }},
	{"joint_configurations", "Joint configurations that this node, as a leader, put in force.", func(c raft.Counters) uint64 { return c.Joint }},
	{"transfers", "Times that this node let another lead because it was asked to.", func(c raft.Counters) uint64 { return c.Transfers }},
	{"overloaded", "Requests refused because too much waits.", func(c raft.Counters) uint64 { return c.Overloaded }},
	{"shed", "Messages dropped because too much waits for the disk.", func(c raft.Counters) uint64 { return c.Shed }},
}

// watchSessions adds what the state machine knows of sessions, read when asked.
func (m *metrics) watchSessions(sessions func() kv.Counts) {
	for _, c := range sessionCounts {
		m.registry.MustRegister(prometheus.NewCounterFunc(
			prometheus.CounterOpts{Name: "partita_sessions_" + c.name + "_total", Help: c.help},
			func() float64 { return float64(c.value(sessions())) }))
	}
}

// sessionCounts are read from the state machine's counters. Every node counts
// what it applies, and again what it applies again after a restart.
var sessionCounts = []struct {
	name, help string
	value      func(kv.Counts) uint64
}{
	{"opened", "Sessions opened.", func(c kv.Counts) uint64 { return c.Opened }},
	{"deduplicated", "Commands answered from a session's memory.", func(c kv.Counts) uint64 { return c.Deduplicated }},
	{"expired", "Sessions dropped for their age, or for want of room.", func(c kv.Counts) uint64 { return c.Expired }},
	{"refused", "Commands of sessions that there are not.", func(c kv.Counts) uint64 { return c.Refused }},
}

// wire collects the transport's counters.
type wire struct {
	names    roster
	counters func() transport.Counters
}

// The descriptions of the transport's counters, by peer.
var (
	wireMessages = prometheus.NewDesc("partita_transport_messages_total",
		"Messages by peer and what became of them: sent, received or dropped.", []string{"peer", "outcome"}, nil)
	wireBytes = prometheus.NewDesc("partita_transport_bytes_total",
		"Bytes by peer and direction.", []string{"peer", "direction"}, nil)
	wireRedials = prometheus.NewDesc("partita_transport_redials_total",
		"Attempts to connect to a peer after the first.", []string{"peer"}, nil)
	wireConnected = prometheus.NewDesc("partita_transport_connected",
		"1 while the connection to a peer stands.", []string{"peer"}, nil)
	wireRefused = prometheus.NewDesc("partita_transport_refused_total",
		"Connections and frames refused.", nil, nil)
)

// Describe names the counters.
func (w *wire) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{wireMessages, wireBytes, wireRedials, wireConnected, wireRefused} {
		out <- d
	}
}

// Collect reads the counters.
func (w *wire) Collect(out chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	all := w.counters()
	counter(wireRefused, all.Refused)
	for _, p := range all.Peers {
		peer := w.names.name(p.ID)
		counter(wireMessages, p.Sent, peer, "sent")
		counter(wireMessages, p.Received, peer, "received")
		counter(wireMessages, p.Dropped, peer, "dropped")
		counter(wireBytes, p.SentBytes, peer, "sent")
		counter(wireBytes, p.ReceivedBytes, peer, "received")
		counter(wireRedials, p.Redials, peer)
		connected := 0.0
		if p.Connected {
			connected = 1
		}
		out <- prometheus.MustNewConstMetric(wireConnected, prometheus.GaugeValue, connected, peer)
	}
}

// timedStorage measures how long the log's syncs take.
type timedStorage struct {
	raft.Storage
	syncs prometheus.Observer
}

// Append measures itself.
func (s timedStorage) Append(batches ...wal.Batch) error {
	began := time.Now()
	err := s.Storage.Append(batches...)
	s.syncs.Observe(time.Since(began).Seconds())
	return err
}
