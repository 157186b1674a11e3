package invariant

import (
	"fmt"
	"strings"

	"partita/raft/core"
)

// held checks that a quorum of disks holds everything that is committed, a
// quorum of the configuration that committed it.
func (w *Watch) held(id core.NodeID) {
	top := core.Index(len(w.committed))
	if top == 0 || w.broken != nil || w.judges.decides(w.holds(top)) {
		return
	}
	c := w.committed[top-1]
	concerned, lack := []core.NodeID{id, c.first}, []string(nil)
	for i := range w.nodes {
		if who := core.NodeID(i + 1); w.judges.votes(who) && w.nodes[i].agree < top {
			concerned, lack = append(concerned, who), append(lack, w.names[i])
		}
	}
	w.fail(CommittedLost, concerned, "entry %s was applied by %s, and the disks of only %s hold it, not those of %s",
		pos(meta(top, c.slot)), w.name(c.first), w.holders(w.judges.configuration, top), strings.Join(lack, ", "))
}

// holds says of a node whether its disk has all that is committed.
func (w *Watch) holds(top core.Index) func(core.NodeID) bool {
	return func(id core.NodeID) bool { return w.at(id).agree >= top }
}

// judged finds the configuration that committed the last entry: the one in
// force there, or a later one that its leader had appended by then. A disk that
// holds what is committed does so for good, and so does a quorum of them.
func (w *Watch) judged() {
	top := core.Index(len(w.committed))
	w.judges = w.asOf(top)
	if w.judges.decides(w.holds(top)) {
		return
	}
	for _, p := range w.appended {
		if p.at.Index > top && p.decides(w.holds(top)) {
			w.judges = p
			return
		}
	}
}

// holders says how many of a configuration's voters hold what is committed.
func (w *Watch) holders(c configuration, top core.Index) string {
	var parts []string
	for i, group := range c.groups {
		held := 0
		for _, id := range group {
			if w.at(id).agree >= top {
				held++
			}
		}
		parts = append(parts, fmt.Sprintf("%d of %d %s", held, len(group), []string{"nodes", "outgoing ones"}[i]))
	}
	return strings.Join(parts, " and ")
}
