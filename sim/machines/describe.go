package machines

import (
	"fmt"
	"time"

	"partita/harness/trace"
	"partita/raft/core"
	"partita/sim/tell"
)

// timerNames are the timers in words.
var timerNames = [...]string{core.ElectionTimer: "the election timer", core.HeartbeatTimer: "the heartbeat timer"}

// note adds a step to the account.
func (c *Cluster) note(s trace.Step) {
	s.Number, s.At = len(c.trace)+1, max(0, c.engine.Now()-c.began)
	c.trace = append(c.trace, s)
}

// note adds a step of this machine.
func (m *machine) note(s trace.Step) {
	s.Node = m.name
	m.cluster.note(s)
}

// stateNote says what the node is after the latest step.
func (m *machine) stateNote(p *process) {
	if !m.cluster.cfg.Trace || p.ended || len(m.cluster.trace) == 0 {
		return
	}
	for i := len(m.cluster.trace) - 1; i >= 0; i-- {
		if s := &m.cluster.trace[i]; s.Node == m.name && s.Kind != trace.Send {
			s.State = tell.State(p.core.Status(), m.cluster.name)
			return
		}
	}
}

func (c *Cluster) describe(e core.Envelope) string { return tell.Envelope(e) }

func kindOf(m core.Message) string { return tell.Kind(m) }

func describeChange(c *Cluster, now core.Changed) string {
	text := fmt.Sprintf("%s in term %d", now.Role, now.Term)
	if leader := c.name(now.Leader); leader != "" && now.Role != core.Leader {
		text += ", follows " + leader
	}
	return text + ": " + now.Reason
}

func describeRestored(r core.Restored) string {
	return fmt.Sprintf("starts with term %d, vote %d, a log of %d to %d and a snapshot of %d",
		r.HardState.Term, r.HardState.Vote, r.Base.Index, r.Base.Index+core.Index(len(r.Entries)), r.Snapshot.Index)
}

func describeApply(e core.Effect) string {
	switch e := e.(type) {
	case core.Apply:
		if n := len(e.Entries); n > 1 {
			return fmt.Sprintf("applies entries %d to %d", e.Entries[0].Index, e.Entries[n-1].Index)
		}
		return fmt.Sprintf("applies entry %d", e.Entries[0].Index)
	case core.RestoreSnapshot:
		return fmt.Sprintf("restores the snapshot of %d", e.Snapshot.Index)
	}
	return ""
}

// SetBegan says when the run began: steps before it are at instant 0.
func (c *Cluster) SetBegan(at time.Duration) { c.began = at }

// Trace is the account so far.
func (c *Cluster) Trace() []trace.Step { return c.trace }

// Note adds a step that happened outside of the machines, to a client say.
func (c *Cluster) Note(s trace.Step) { c.note(s) }
