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
	kinds   // how many there are
)

// event is what happens to a node in an action.
type event struct {
	kind     kind
	arg      int           // propose, ask: the how manieth; crash: appends spared
	envelope core.Envelope // deliver, duplicate
}

// readID tells reads from proposals, which count from 1.
func readID(n int) uint64 { return uint64(1000 + n) }

// happen lets an event happen to a node, which is used up.
func (o *Options) happen(n *node, ev event) (*node, outcome) {
	switch ev.kind {
	case deliver, duplicate:
		return n, n.run(o, core.Received{Envelope: ev.envelope})
	case electionTimer:
		n.armed[core.ElectionTimer] = false
		return n, n.run(o, core.TimerFired{Timer: core.ElectionTimer})
	case heartbeatTimer:
		n.armed[core.HeartbeatTimer] = false
		return n, n.run(o, core.TimerFired{Timer: core.HeartbeatTimer})
	case propose:
		command := core.Proposal{ID: uint64(1 + ev.arg), Data: []byte{byte('a' + ev.arg)}}
		return n, n.run(o, core.Propose{Requests: []core.Proposal{command}})
	case ask:
		id := readID(ev.arg)
		out := n.run(o, core.Read{IDs: []uint64{id}})
		out.seen = append([]observation{{kind: invoked, id: id}}, out.seen...)
		return n, out
	case settle:
		return n, n.run(o, core.Appended{Number: n.disk.settle()})
	default:
		return n.restarted(o, ev.arg)
	}
}
