package core

import "fmt"

// raftLog is the log in memory: the entries after base. Everything up to base
// is covered by a durable snapshot and gone.
//
// Slices of it are handed out in effects and messages and may be read long
// after, so an element is never overwritten: truncation gives up the array's
// spare capacity.
type raftLog struct {
	base    SnapshotMeta
	entries []Entry
}

// last names the last entry, or base when there is none.
func (l *raftLog) last() SnapshotMeta {
	if n := len(l.entries); n > 0 {
		return SnapshotMeta{l.entries[n-1].Index, l.entries[n-1].Term}
	}
	return l.base
}

// term gives the term of the entry at an index, and whether it is known.
func (l *raftLog) term(at Index) (Term, bool) {
	switch {
	case at == l.base.Index:
		return l.base.Term, true
	case at < l.base.Index || at > l.last().Index:
		return 0, false
	}
	return l.entries[at-l.base.Index-1].Term, true
}

// mustTerm is term for an index that the caller knows to be in the log.
func (l *raftLog) mustTerm(at Index) Term {
	term, ok := l.term(at)
	if !ok {
		panic(fmt.Sprintf("core: invariant broken: entry %d is not in the log (%d, %d]", at, l.base.Index, l.last().Index))
	}
	return term
}

// holds says whether the log has this very entry. By log matching (§5.3) it
// then equals any other log that has it, up to there.
func (l *raftLog) holds(entry SnapshotMeta) bool {
	term, ok := l.term(entry.Index)
	return ok && term == entry.Term
}

// agreeable finds the last entry at or below an index whose term is at most
// the given one: the furthest point at which this log and another, which has
// that term at that index, may agree. It passes a whole term at a time.
func (l *raftLog) agreeable(at Index, term Term) SnapshotMeta {
	at = min(at, l.last().Index)
	for at > l.base.Index && l.mustTerm(at) > term {
		at--
	}
	if at <= l.base.Index {
		return l.base
	}
	return SnapshotMeta{at, l.mustTerm(at)}
}

// append puts entries at the end.
func (l *raftLog) append(entries ...Entry) { l.entries = append(l.entries, entries...) }

// truncate drops everything from an index on.
func (l *raftLog) truncate(from Index) {
	n := from - l.base.Index - 1
	l.entries = l.entries[:n:n]
}

// slice gives the entries from first on, at most count entries and about
// bytes of data, but at least one if there is one.
func (l *raftLog) slice(first Index, count, bytes int) []Entry {
	all := l.entries[first-l.base.Index-1:]
	n := 0
	for n < len(all) && n < count {
		bytes -= len(all[n].Data)
		if n > 0 && bytes < 0 {
			break
		}
		n++
	}
	return all[:n:n]
}

// from gives all entries from first on.
func (l *raftLog) from(first Index) []Entry {
	all := l.entries[first-l.base.Index-1:]
	return all[:len(all):len(all)]
}

// cut drops everything up to and including an index. The rest moves to an
// array of its own, so that the memory of what was cut can be freed.
func (l *raftLog) cut(to Index) {
	term := l.mustTerm(to)
	l.entries = append([]Entry(nil), l.entries[to-l.base.Index:]...)
	l.base = SnapshotMeta{to, term}
}

// reset empties the log, which goes on after a snapshot.
func (l *raftLog) reset(snapshot SnapshotMeta) { *l = raftLog{base: snapshot} }
