package server

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"partita/node/api"
	"partita/raft/core"
)

// maxChanges bounds the changes that wait to be logged. One more is dropped
// and counted, for Raft must not wait for whoever reads the log.
const maxChanges = 4096

// maxRecent bounds the changes that are kept to be looked at.
const maxRecent = 24

// news is a change of role, term or leader, or else of the configuration.
type news struct {
	at      time.Time
	changed core.Changed
	members *core.Membership
}

// changes writes a log line for every change of role, term or leader and of the
// configuration, and keeps the latest. Raft's goroutine tells it, and a
// goroutine of its own writes.
type changes struct {
	names   roster
	log     *slog.Logger
	metrics *metrics
	queue   chan news
	dropped atomic.Uint64

	mu     sync.Mutex // guards latest
	latest []news     // in order

	// The rest belongs to the goroutine alone.
	before core.Changed // the last change that was logged
	leader core.NodeID  // the last that was known
}

func newChanges(names roster, log *slog.Logger, m *metrics) *changes {
	return &changes{names: names, log: log, metrics: m, queue: make(chan news, maxChanges)}
}

// tell is called by Raft's goroutine and returns at once.
func (c *changes) tell(change core.Changed) { c.enqueue(news{at: time.Now(), changed: change}) }

// tellMembers is the same for the configuration.
func (c *changes) tellMembers(members core.Membership) {
	c.enqueue(news{at: time.Now(), members: &members})
}

func (c *changes) enqueue(n news) {
	select {
	case c.queue <- n:
	default:
		c.dropped.Add(1)
	}
}

// run writes until the queue is closed.
func (c *changes) run() {
	for n := range c.queue {
		c.keep(n)
		if n.members != nil {
			c.logMembers(*n.members)
		} else {
			c.logChange(n.changed)
		}
		if n := c.dropped.Swap(0); n > 0 {
			c.log.Warn("changes were not logged", "number", n)
		}
	}
}

func (c *changes) logChange(now core.Changed) {
	before := c.before
	c.before = now
	if now.Leader != core.None && now.Leader != c.leader {
		c.leader = now.Leader
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
}

func (c *changes) logMembers(m core.Membership) {
	c.log.Info("members changed", "voters", c.names.list(m.Voters), "outgoing", c.names.list(m.Outgoing),
		"learners", c.names.list(m.Learners))
}

func (c *changes) keep(n news) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = append(c.latest, n)
	if len(c.latest) > maxRecent {
		c.latest = slices.Delete(c.latest, 0, 1)
	}
}

// recent gives the latest changes, the newest first.
func (c *changes) recent() []news {
	c.mu.Lock()
	defer c.mu.Unlock()
	latest := slices.Clone(c.latest)
	slices.Reverse(latest)
	return latest
}
