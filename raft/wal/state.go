package wal

import (
	"fmt"
	"slices"

	"partita/raft/core"
)

// state is what the log holds, without the data of its entries.
type state struct {
	hard core.HardState
	base core.SnapshotMeta // the entry just before the first
	last core.Index
	// runs are the terms of the entries: each is valid up to the next. There
	// are as many as terms, not as entries.
	runs []run
}

// run says that entries from from on have this term.
type run struct {
	from core.Index
	term core.Term
}

// check says why a batch cannot follow.
func (s *state) check(batch Batch) error {
	if len(batch.Entries) == 0 {
		return nil
	}
	if batch.From <= s.base.Index || batch.From > s.last+1 {
		return fmt.Errorf("entries from %d on cannot follow a log of %d to %d", batch.From, s.base.Index+1, s.last)
	}
	for i, entry := range batch.Entries {
		if want := batch.From + core.Index(i); entry.Index != want {
			return fmt.Errorf("entry %d stands at the place of %d", entry.Index, want)
		}
	}
	return nil
}

// apply takes over a batch that was checked.
func (s *state) apply(batch Batch) {
	if batch.HardState != (core.HardState{}) {
		s.hard = batch.HardState
	}
	if len(batch.Entries) == 0 {
		return
	}
	for len(s.runs) > 0 && s.runs[len(s.runs)-1].from >= batch.From {
		s.runs = s.runs[:len(s.runs)-1]
	}
	for _, entry := range batch.Entries {
		if len(s.runs) == 0 || s.runs[len(s.runs)-1].term != entry.Term {
			s.runs = append(s.runs, run{from: entry.Index, term: entry.Term})
		}
	}
	s.last = batch.From + core.Index(len(batch.Entries)) - 1
}

// restart empties the log, which goes on after base.
func (s *state) restart(base core.SnapshotMeta) {
	s.base, s.last, s.runs = base, base.Index, nil
}

// cut lets go of the entries up to base.
func (s *state) cut(base core.SnapshotMeta) {
	s.base = base
	if s.last == base.Index {
		s.runs = nil
		return
	}
	for len(s.runs) > 1 && s.runs[1].from <= base.Index+1 {
		s.runs = s.runs[1:]
	}
	s.runs = slices.Clone(s.runs)
	s.runs[0].from = max(s.runs[0].from, base.Index+1)
}

// end is the last entry, or the base of an empty log.
func (s *state) end() core.SnapshotMeta {
	if s.last == s.base.Index {
		return s.base
	}
	return core.SnapshotMeta{Index: s.last, Term: s.runs[len(s.runs)-1].term}
}

// holds says whether the entry of that index and term is in the log, or just
// before it.
func (s *state) holds(meta core.SnapshotMeta) bool {
	if meta.Index == s.base.Index {
		return meta.Term == s.base.Term
	}
	if meta.Index < s.base.Index || meta.Index > s.last {
		return false
	}
	i := len(s.runs) - 1
	for s.runs[i].from > meta.Index {
		i--
	}
	return s.runs[i].term == meta.Term
}
