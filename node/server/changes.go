package server

import (
	"log/slog"
	"sync/atomic"

	"partita/node/api"
	"partita/raft/core"
)

// maxChanges bounds the changes that wait to be logged. One more is dropped
// and counted, for Raft must not wait for whoever reads the log.
const maxChanges = 4096

// changes writes a log line for every change of role, term or leader. Raft's
// goroutine tells it, and a goroutine of its own writes.
type changes struct {
	names   roster
	log     *slog.Logger
	metrics *metrics
	queue   chan core.Changed
	dropped atomic.Uint64
}

func newChanges(names roster, log *slog.Logger, m *metrics) *changes {
	return &changes{names: names, log: log, metrics: m, queue: make(chan core.Changed, maxChanges)}
}

// tell is called by Raft's goroutine and returns at once.
func (c *changes) tell(change core.Changed) {
	select {
	case c.queue <- change:
	default:
		c.dropped.Add(1)
	}
}

// run writes until the queue is closed. before is the last change.
func (c *changes) run() {
	var before core.Changed
	var leader core.NodeID
	for now := range c.queue {
		if now.Leader != core.None && now.Leader != leader {
			leader = now.Leader
			c.metrics.leaderChanges.Inc()
		}
		c.log.Info(api.LogChanged, "role", now.Role.String(), "term", uint64(now.Term),
			"leader", c.names.name(now.Leader), "reason", now.Reason)
		stood := before.Role == core.Candidate || before.Role == core.PreCandidate
		switch {
		case stood && now.Role == core.Leader:
			c.log.Info("election won", "term", uint64(now.Term))
		case before.Role == core.Candidate && now.Role != core.Leader:
			c.log.Info("election lost", "term", uint64(before.Term), "leader", c.names.name(now.Leader))
		}
		before = now
		if n := c.dropped.Swap(0); n > 0 {
			c.log.Warn("changes were not logged", "number", n)
		}
	}
}
