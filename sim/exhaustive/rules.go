package exhaustive

import (
	"fmt"
	"strings"

	"partita/raft/core"
	"partita/sim/invariant"
)

// view is what the rules look at in a node. The log is that of the effects,
// with all that is pending, and durable is what of it the disk has.
type view struct {
	id      core.NodeID
	role    core.Role
	term    core.Term
	log     []core.Entry
	durable []core.Entry
}

func (n *node) view() view {
	s := n.core.Status()
	return view{id: n.id, role: s.Role, term: s.Term, log: n.disk.asked(), durable: n.disk.log}
}

// matching checks that two logs which have an entry of one index and term have
// the same entries up to there (§5.3).
func matching(a, b *view) *invariant.Violation {
	agree := true
	for i := range min(len(a.log), len(b.log)) {
		same := sameEntry(a.log[i], b.log[i])
		if a.log[i].Term == b.log[i].Term && !(agree && same) {
			return &invariant.Violation{Name: invariant.LogMatching, Nodes: []string{name(a.id), name(b.id)},
				Text: fmt.Sprintf("the logs of %s and %s both have an entry %d of term %d and differ there or before", name(a.id), name(b.id), i+1, a.log[i].Term)}
		}
		agree = agree && same
	}
	return nil
}

// complete checks that a leader has every entry that was committed in a term
// before its own (§5.4).
func complete(v *view, committed []commit) *invariant.Violation {
	if v.role != core.Leader {
		return nil
	}
	for i, c := range committed {
		if c.term < v.term && (i >= len(v.log) || !sameEntry(v.log[i], c.entry)) {
			return &invariant.Violation{Name: invariant.LeaderCompleteness, Nodes: []string{name(v.id)},
				Text: fmt.Sprintf("%s leads term %d without %s, which was committed by term %d", name(v.id), v.term, entryText(c.entry), c.term)}
		}
	}
	return nil
}

// kept checks that the disks of a quorum have every committed entry: of the
// configuration that committed it.
func kept(views *[members]*view, committed []commit) *invariant.Violation {
	for _, c := range committed {
		have := holders(views, c.entry)
		if !c.by.decides(have) {
			var lack []string
			for _, id := range ((c.by.voters | c.by.outgoing) &^ have).ids() {
				lack = append(lack, name(id))
			}
			return &invariant.Violation{Name: invariant.CommittedLost, Nodes: lack,
				Text: fmt.Sprintf("%s was applied and is not on the disks of %s", entryText(c.entry), strings.Join(lack, ", "))}
		}
	}
	return nil
}

// broken checks the rules about the whole cluster after a change of one node.
func (o *Options) broken(views *[members]*view, moved int, g *ghost) *invariant.Violation {
	if o.goal != nil && o.goal(views) {
		return &invariant.Violation{Name: "goal", Text: "this is what the test looks for"}
	}
	for i, v := range views {
		if bad := complete(v, g.committed); bad != nil {
			return bad
		}
		if i != moved {
			if bad := matching(views[moved], v); bad != nil {
				return bad
			}
		}
	}
	if bad := changed(views[moved], views); bad != nil {
		return bad
	}
	return kept(views, g.committed)
}
