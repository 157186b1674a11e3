package exhaustive

import "partita/raft/core"

// kind says what happens in an action.
type kind uint8

// The kinds of actions, in the order in which a state's are tried.
const (
	deliver   kind = iota // a message arrives
	duplicate             // a message arrives, and a copy stays in flight
	electionTimer
	heartbeatTimer
	propose // a client proposes a command
	ask     // a client asks for a read
	settle  // the oldest pending append becomes durable
	crash   // the node dies and starts again
	reform  // somebody asks a leader to change the members
	yield   // somebody asks a leader to let another lead
	abandon // the timer of a transfer runs out
	tick    // an election timeout of time passes, everywhere
	kinds   // how many there are
)

// event is what happens to a node in an action.
type event struct {
	kind     kind
	arg      int           // propose, ask: the how manieth; crash: appends spared; reform: the wish; yield: to whom
	envelope core.Envelope // deliver, duplicate
	ticks    int           // that have passed
}

// readID tells reads from proposals, which count from 1.
func readID(n int) uint64 { return uint64(1000 + n) }

// The IDs of requests of which no two are told apart.
const (
	reformID = 2000
	yieldID  = 2001
)

// happen lets an event happen to a node, which is used up.
func (o *Options) happen(n *node, ev event) (*node, outcome) {
	now := instant(ev.ticks)
	n.ticks = ev.ticks
	switch ev.kind {
	case deliver, duplicate:
		return n, n.run(o, core.Received{Envelope: ev.envelope, Now: now})
	case electionTimer:
		return n, n.fire(o, core.ElectionTimer, now)
	case heartbeatTimer:
		return n, n.fire(o, core.HeartbeatTimer, now)
	case abandon:
		return n, n.fire(o, core.TransferTimer, now)
	case reform:
		now, _ := latest(n.disk.asked())
		return n, n.run(o, core.ChangeMembers{ID: reformID, Changes: now.changes(ev.arg)})
	case yield:
		return n, n.run(o, core.TransferLeadership{ID: yieldID, To: core.NodeID(ev.arg + 1)})
	case propose:
		command := core.Proposal{ID: uint64(1 + ev.arg), Data: []byte{byte('a' + ev.arg)}}
		return n, n.run(o, core.Propose{Requests: []core.Proposal{command}})
	case ask:
		id := readID(ev.arg)
		out := n.run(o, core.Read{IDs: []uint64{id}, Lease: o.Ticks > 0, Now: now})
		out.seen = append([]observation{{kind: invoked, id: id}}, out.seen...)
		return n, out
	case settle:
		return n, n.run(o, core.Appended{Number: n.disk.settle()})
	default:
		return n.restarted(o, ev.arg)
	}
}

// fire lets a timer run out.
func (n *node) fire(o *Options, t core.Timer, now core.Instant) outcome {
	n.armed[t] = false
	return n.run(o, core.TimerFired{Timer: t, Now: now})
}

// instant is what every clock shows after so many ticks, each of which is an
// election timeout.
func instant(ticks int) core.Instant { return 1 + core.Instant(ticks)*electionTimeout }
