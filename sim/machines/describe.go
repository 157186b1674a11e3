package machines

import (
	"fmt"
	"strings"
	"time"

	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/raft/core"
	"partita/sim/tell"
)

// timerNames are the timers in words.
var timerNames = [...]string{core.ElectionTimer: "the election timer", core.HeartbeatTimer: "the heartbeat timer", core.TransferTimer: "the transfer timer"}

// note adds a step to the account.
func (c *Cluster) note(s trace.Step) {
	s.Number, s.At = len(c.trace)+1, c.engine.Now()-c.began
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

// changeNotes says what a node became, before what it does on that account.
func (m *machine) changeNotes(effects []core.Effect) {
	if !m.cluster.cfg.Trace {
		return
	}
	for _, e := range effects {
		switch now := e.(type) {
		case core.Changed:
			m.note(trace.Step{Kind: trace.Change, Text: describeChange(m.cluster, now)})
		case core.MembersChanged:
			m.note(trace.Step{Kind: trace.Change, Text: "has " + tell.Members(now.Members)})
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

func describeRestored(c *Cluster, r core.Restored) string {
	var found []string
	if r.HardState.Term > 0 {
		found = append(found, hardState(c, r.HardState))
	}
	if r.Snapshot.Index > 0 {
		found = append(found, fmt.Sprintf("a snapshot up to %d, with %s", r.Snapshot.Index, tell.Members(r.Members)))
	}
	if len(r.Entries) > 0 {
		found = append(found, tell.Entries(r.Entries))
	}
	if len(found) == 0 {
		return "with an empty disk"
	}
	return "and finds on its disk " + strings.Join(found, "; ")
}

func hardState(c *Cluster, h core.HardState) string {
	if h.Vote == core.None {
		return fmt.Sprintf("term %d", h.Term)
	}
	return fmt.Sprintf("term %d with a vote for %s", h.Term, c.name(h.Vote))
}

// describeWritten says what some appends made durable, given what was so
// before.
func describeWritten(c *Cluster, before core.HardState, appends []core.AppendLog) string {
	var what []string
	if now := appends[len(appends)-1].HardState; now.Term != before.Term || now.Vote != before.Vote {
		what = append(what, hardState(c, now))
	}
	for _, a := range appends {
		if len(a.Entries) > 0 {
			what = append(what, tell.Entries(a.Entries))
		}
	}
	if len(what) == 0 {
		return "that it has booted"
	}
	return strings.Join(what, "; ")
}

func describeApply(e core.Effect) string {
	switch e := e.(type) {
	case core.Apply:
		return tell.Entries(e.Entries)
	case core.RestoreSnapshot:
		return fmt.Sprintf("the snapshot of %d", e.Snapshot.Index)
	}
	return ""
}

// commandWords are the commands of the harness to an agent, as they are told.
var commandWords = map[string]string{
	wire.PathStart: "starts the node", wire.PathStop: "stops the node", wire.PathKill: "kills the node",
	wire.PathPause: "pauses the node", wire.PathResume: "lets the node go on", wire.PathHeal: "undoes every fault",
}

// describeCommand says what a command makes an agent do.
func describeCommand(path string, body any) string {
	switch body := body.(type) {
	case wire.Drop:
		var from []string
		for _, r := range body.Rules {
			from = append(from, r.From)
		}
		if len(from) == 0 {
			return "lets every node be heard"
		}
		return "drops what comes from " + strings.Join(from, ", ")
	case wire.Packets:
		var from []string
		for _, r := range body.Rules {
			from = append(from, r.From)
		}
		if len(from) == 0 {
			return "leaves messages alone"
		}
		return "disturbs what comes from " + strings.Join(from, ", ")
	case wire.Clock:
		return "sets the clocks of the node"
	case wire.Disk:
		switch {
		case body.FailSync > 0:
			return fmt.Sprintf("lets sync %d from now on fail", body.FailSync)
		case body.FailWrite > 0:
			return fmt.Sprintf("lets write %d from now on fail", body.FailWrite)
		case body.Slow > 0:
			return fmt.Sprintf("makes syncs slower by %v", time.Duration(body.Slow))
		}
		return "leaves the disk alone"
	case wire.Power:
		return fmt.Sprintf("takes the power of the machine in call %d of its disk", body.Calls)
	}
	return commandWords[path]
}

// SetBegan says when the run began: instants of the account count from there,
// and those of the steps before it are negative.
func (c *Cluster) SetBegan(at time.Duration) {
	for i := range c.trace {
		c.trace[i].At -= at - c.began
	}
	c.began = at
}

// Trace is the account so far.
func (c *Cluster) Trace() []trace.Step { return c.trace }

// Note adds a step that happened outside of the machines, to a client say.
func (c *Cluster) Note(s trace.Step) { c.note(s) }
