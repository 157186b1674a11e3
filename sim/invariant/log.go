package invariant

import "partita/raft/core"

// slot is an entry as the watch remembers it: its term and a digest of what
// it says.
type slot struct {
	term   core.Term
	digest uint64
}

// slotOf takes an entry down.
func slotOf(e core.Entry) slot {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset) ^ uint64(e.Kind)
	for _, b := range e.Data {
		h = (h ^ uint64(b)) * prime
	}
	return slot{e.Term, h}
}

// view is a log, in memory or on a disk: what stands after base.
type view struct {
	base      core.SnapshotMeta
	slots     []slot
	beginning placed   // the configuration of its snapshot, or that of the cluster's start
	members   []placed // the configurations that stand in it, after that
}

// last names the last entry.
func (v *view) last() core.SnapshotMeta {
	if n := len(v.slots); n > 0 {
		return core.SnapshotMeta{Index: v.base.Index + core.Index(n), Term: v.slots[n-1].term}
	}
	return v.base
}

// at gives the entry at an index, if the view holds it.
func (v *view) at(index core.Index) (slot, bool) {
	if index <= v.base.Index || index > v.last().Index {
		return slot{}, false
	}
	return v.slots[index-v.base.Index-1], true
}

// term gives the term at an index, that of base included.
func (v *view) term(index core.Index) (core.Term, bool) {
	if index == v.base.Index {
		return v.base.Term, true
	}
	s, ok := v.at(index)
	return s.term, ok
}

// put replaces everything from an index on. It reports how many entries that
// removed, and whether the log goes on without a gap.
func (v *view) put(wr write) (removed int, ok bool) {
	if wr.from <= v.base.Index || wr.from > v.last().Index+1 {
		return 0, false
	}
	keep := int(wr.from - v.base.Index - 1)
	removed = len(v.slots) - keep
	v.slots = append(v.slots[:keep], wr.slots...)
	for n := len(v.members); n > 0 && v.members[n-1].at.Index >= wr.from; n-- {
		v.members = v.members[:n-1]
	}
	for _, p := range wr.members {
		if p.at.Index > v.beginning.at.Index {
			v.members = append(v.members, p)
		}
	}
	return removed, true
}

// reset empties the log, which goes on after a snapshot.
func (v *view) reset(snapshot core.SnapshotMeta, members configuration) {
	v.base, v.slots = snapshot, v.slots[:0]
	v.beginning, v.members = placed{snapshot, members}, v.members[:0]
}

// write is a batch that was asked for and is not yet on the disk.
type write struct {
	number  uint64
	hard    core.HardState
	from    core.Index
	slots   []slot
	members []placed // the configurations among the entries
}
