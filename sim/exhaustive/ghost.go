package exhaustive

import (
	"fmt"
	"slices"

	"partita/raft/core"
	"partita/sim/invariant"
)

// ghost is what the search remembers of a path and no node knows. It is a
// value: what changes it makes another.
type ghost struct {
	leaders   []core.NodeID // who led a term, by term-1
	committed []commit      // by index-1
	reads     []pendingRead
}

// commit is an entry that some state machine took, the term of the node
// that took it first, in which it was committed or before, and the
// configuration in force there: that is the leader which committed it.
type commit struct {
	entry core.Entry
	term  core.Term
	by    configuration
}

// pendingRead is a read that has no answer yet: who was asked, and up to where
// entries had been committed anywhere when it was.
type pendingRead struct {
	id    uint64
	node  core.NodeID
	floor core.Index
}

// saw is the ghost after something was seen at a node, and the rule that it
// breaks.
func (g ghost) saw(at core.NodeID, o observation) (ghost, *invariant.Violation) {
	switch o.kind {
	case led:
		return g.led(at, o.term)
	case applied:
		return g.applied(at, o)
	case read:
		for _, r := range g.reads {
			if r.id == o.id && o.index < r.floor {
				rule := invariant.ReadRound
				if o.lease {
					rule = invariant.LeaseRead
				}
				return g, &invariant.Violation{Name: rule, Nodes: []string{name(at)},
					Text: fmt.Sprintf("%s answers a read at index %d; when it was invoked, %d was committed", name(at), o.index, r.floor)}
			}
		}
		g.reads = without(g.reads, func(r pendingRead) bool { return r.id == o.id })
	case invoked:
		g.reads = append(slices.Clip(g.reads), pendingRead{o.id, at, core.Index(len(g.committed))})
	case readOver:
		g.reads = without(g.reads, func(r pendingRead) bool { return r.id == o.id })
	case crashed:
		g.reads = without(g.reads, func(r pendingRead) bool { return r.node == at })
	}
	return g, nil
}

func without(reads []pendingRead, over func(pendingRead) bool) []pendingRead {
	return slices.DeleteFunc(slices.Clone(reads), over)
}

// led checks election safety.
func (g ghost) led(at core.NodeID, term core.Term) (ghost, *invariant.Violation) {
	g.leaders = slices.Clone(g.leaders)
	for core.Term(len(g.leaders)) < term {
		g.leaders = append(g.leaders, core.None)
	}
	if other := g.leaders[term-1]; other != core.None && other != at {
		return g, &invariant.Violation{Name: invariant.ElectionSafety, Nodes: []string{name(other), name(at)},
			Text: fmt.Sprintf("%s and %s both lead term %d", name(other), name(at), term)}
	}
	g.leaders[term-1] = at
	return g, nil
}

// applied checks state-machine safety.
func (g ghost) applied(at core.NodeID, o observation) (ghost, *invariant.Violation) {
	i := int(o.entry.Index) - 1
	if i < len(g.committed) {
		if was := g.committed[i].entry; !sameEntry(was, o.entry) {
			return g, &invariant.Violation{Name: invariant.StateMachineSafety, Nodes: []string{name(at)},
				Text: fmt.Sprintf("%s applies %s; applied before at this index: %s", name(at), entryText(o.entry), entryText(was))}
		}
		return g, nil
	}
	g.committed = append(slices.Clip(g.committed), commit{o.entry, o.term, configuration{voters: o.by.voters, outgoing: o.by.outgoing}})
	return g, nil
}
