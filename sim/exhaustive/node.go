package exhaustive

import (
	"fmt"

	"partita/raft/core"
	"partita/sim/invariant"
)

// node is one member of the cluster: the shipped core, and what its runner
// keeps for it.
type node struct {
	id      core.NodeID
	core    *core.Core
	disk    disk
	armed   [3]bool    // the timers, by core.Timer
	patient int        // the election timer does not run out before so many ticks
	ticks   int        // that have passed, as of its latest event
	applied core.Index // how far its state machine has come since it started
}

// outcome is what came of an event besides the new state of its node.
type outcome struct {
	sent []core.Envelope
	seen []observation
	bad  *invariant.Violation
}

// observation is something that happened at a node and concerns the ghost.
type observation struct {
	kind  seenKind
	term  core.Term     // led: of which term; applied: the node's own
	entry core.Entry    // applied
	id    uint64        // read, readOver and invoked: of the read
	index core.Index    // read: the index at which it may be answered
	lease bool          // read: a lease confirmed it
	by    configuration // applied: in force at the node before it was committed
}

// seenKind says what was seen.
type seenKind uint8

const (
	led      seenKind = iota + 1 // the node became a leader
	applied                      // its state machine took an entry
	read                         // a read may be answered
	readOver                     // a read was refused
	crashed                      // the node forgot everything but its disk
	invoked                      // a client asked it for a read
)

// boot makes a node of what is on a disk and starts it.
func (o *Options) boot(id core.NodeID, d disk, ticks int) (*node, outcome) {
	c, err := core.New(o.config(id), core.Restored{HardState: d.hard, Entries: append([]core.Entry(nil), d.log...)})
	n := &node{id: id, core: c, disk: disk{hard: d.hard, log: d.log}, ticks: ticks}
	if err != nil {
		return n, outcome{bad: &invariant.Violation{Name: invariant.Panic, Text: "does not start: " + err.Error()}}
	}
	return n, n.run(o, core.Started{})
}

// run lets the core take an event and everything that completes at once
// because of it: what the state machine takes, and appends if they are no
// steps of their own.
func (n *node) run(o *Options, ev core.Event) (out outcome) {
	defer func() {
		if r := recover(); r != nil {
			out.bad = panicked(fmt.Sprint(r))
		}
	}()
	for queue := []core.Event{ev}; len(queue) > 0 && out.bad == nil; queue = queue[1:] {
		queue = append(queue, n.execute(o, n.core.Step(queue[0]), &out)...)
	}
	return out
}

// execute carries out effects in order and gives what completed at once.
func (n *node) execute(o *Options, effects []core.Effect, out *outcome) []core.Event {
	var done []core.Event
	asked := n.disk.asked()
	by, _ := latest(asked)
	for _, e := range effects {
		if a, ok := e.(core.AppendLog); ok {
			asked = replaced(asked, a)
		}
	}
	for _, e := range effects {
		switch e := e.(type) {
		case core.AppendLog:
			n.disk.pending = append(n.disk.pending, e)
			if !o.Async {
				done = append(done, core.Appended{Number: n.disk.settle()})
			}
		case core.Send:
			if out.bad = n.brokenPromise(e.Envelope, asked); out.bad != nil {
				return nil
			}
			out.sent = append(out.sent, e.Envelope)
		case core.Apply:
			if out.bad = n.apply(e, by, out); out.bad != nil {
				return nil
			}
			done = append(done, core.Applied{Index: n.applied})
		case core.SetTimer:
			n.armed[e.Timer] = true
			if e.Timer == core.ElectionTimer {
				n.patient = n.patience(o, e.After)
			}
		case core.StopTimer:
			n.armed[e.Timer] = false
		case core.Changed:
			if e.Role == core.Leader {
				out.seen = append(out.seen, observation{kind: led, term: e.Term})
			}
		case core.ReadReady:
			out.seen = append(out.seen, observation{kind: read, id: e.ID, index: e.Index, lease: e.Lease})
		case core.Refused:
			out.seen = append(out.seen, observation{kind: readOver, id: e.ID})
		case core.Proposed, core.MembersChanged, core.TransferDone:
		default:
			out.bad = &invariant.Violation{Name: invariant.Panic, Text: fmt.Sprintf("asked for %T, though nobody took a snapshot", e)}
			return nil
		}
	}
	return done
}

// patience is the tick before which an election timer does not run out. Where
// time does not pass, lengths mean nothing.
func (n *node) patience(o *Options, after core.Duration) int {
	if o.Ticks == 0 || after < electionTimeout {
		return 0
	}
	return n.ticks + 1
}

// apply lets the state machine take entries: each the next.
func (n *node) apply(a core.Apply, by configuration, out *outcome) *invariant.Violation {
	for _, e := range a.Entries {
		if e.Index != n.applied+1 {
			return &invariant.Violation{Name: invariant.StateMachineSafety,
				Text: fmt.Sprintf("applies entry %d after entry %d", e.Index, n.applied)}
		}
		n.applied = e.Index
		out.seen = append(out.seen, observation{kind: applied, term: n.core.Status().Term, entry: e, by: by})
	}
	return nil
}

// restarted is the node after a crash that spares the first so many of its
// pending appends.
func (n *node) restarted(o *Options, spared int) (*node, outcome) {
	d := disk{hard: n.disk.hard, log: n.disk.log, pending: n.disk.pending[:spared:spared]}
	for len(d.pending) > 0 {
		d.settle()
	}
	next, out := o.boot(n.id, d, n.ticks)
	out.seen = append([]observation{{kind: crashed}}, out.seen...)
	return next, out
}
