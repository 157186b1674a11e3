package checker

import (
	"context"
	"slices"

	"partita/harness/history"
)

// minimiseBudget bounds the steps of all candidates together, and
// candidateBudget those of each: a candidate that needs more counts as
// explained, and is not taken.
const (
	minimiseBudget  = 4_000_000
	candidateBudget = 200_000
)

// minimiser looks for the smallest set of a key's spans that no order explains.
type minimiser struct {
	ctx   context.Context
	model Model
	all   []*span // what is chosen from, by call
	steps int     // what is left of minimiseBudget
}

// minimise returns spans that no order explains either. What was left out
// cannot be what makes them so: see sound.
func minimise(ctx context.Context, key *keyHistory, budget int) []*span {
	m := &minimiser{ctx: ctx, model: key.model, all: key.spans, steps: minimiseBudget}
	kept := m.suspect()
	if kept == nil {
		m.all = m.start()
		kept = m.all
	}
	kept = m.shrink(kept)
	// The last word is that of a full judgement, not of the search above.
	if got, _ := judge(ctx, key.model, kept, budget); got != unexplained {
		return key.spans
	}
	return kept
}

// fails says whether no order explains the spans. Running out counts as no.
func (m *minimiser) fails(spans []*span) bool {
	if m.steps <= 0 || m.ctx.Err() != nil {
		return false
	}
	got, steps := judge(m.ctx, m.model, spans, min(candidateBudget, m.steps))
	m.steps -= steps + len(spans)
	return got == unexplained
}

// suspect tries the violations that can be seen by looking at one or two
// values, in order of when they were complete, and returns the first that is
// one: most are. Since what may not be missing is with it, the whole key is
// then unexplained too, found without a search through it, however many
// ambiguous operations would have hidden it there.
func (m *minimiser) suspect() []*span {
	if m.model.Access == nil {
		return nil
	}
	for _, few := range suspects(m.all) {
		if selection := m.sound(few); m.fails(selection) {
			return selection
		}
	}
	return nil
}

// start finds the shortest prefix of the history that fails, by halving: a
// prefix of an explained history is explained.
func (m *minimiser) start() []*span {
	var ends []int64
	for _, s := range m.all {
		if s.definite() {
			ends = append(ends, s.ret)
		}
	}
	slices.Sort(ends)
	low, high := 0, len(ends)-1
	for low < high {
		middle := (low + high) / 2
		if m.fails(m.prefix(ends[middle])) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if len(ends) == 0 {
		return m.all
	}
	prefix := m.prefix(ends[low])
	if m.model.Access != nil {
		// With every outcome as it was in the end, a person reads it more easily.
		var whole []*span
		for _, s := range m.all {
			if s.call < ends[low] {
				whole = append(whole, s)
			}
		}
		if whole = m.sound(whole); m.fails(whole) {
			return whole
		}
	}
	if m.fails(prefix) {
		return prefix
	}
	return m.all
}

// prefix is the history as it stood at an instant: what was pending is info.
func (m *minimiser) prefix(at int64) []*span {
	var spans []*span
	for _, s := range m.all {
		if s.call > at {
			continue
		}
		if s.ret > at || s.open {
			if readOnly(m.model, pending(s.op)) {
				continue
			}
			open := &span{op: pending(s.op), call: s.call, ret: at + 1, open: true}
			if m.model.Access != nil {
				open.access = m.model.Access(open.op)
			}
			spans = append(spans, open)
			continue
		}
		spans = append(spans, s)
	}
	return spans
}

// pending is the operation before its completion was known.
func pending(op history.Operation) history.Operation {
	if op.Complete.Type != history.OK {
		return op
	}
	complete := op.Invoke
	complete.Type, complete.Index, complete.Time = history.Info, history.NeverIndex, history.Never
	return history.Operation{Invoke: op.Invoke, Complete: complete}
}

// shrink removes what it can, in ever smaller pieces.
func (m *minimiser) shrink(kept []*span) []*span {
	for size := max(1, len(kept)/2); ; size = max(1, size/2) {
		shrunk := false
		for from := 0; from < len(kept); {
			to := min(from+size, len(kept))
			rest := append(slices.Clone(kept[:from]), kept[to:]...)
			rest = m.sound(rest)
			if len(rest) < len(kept) && m.fails(rest) {
				kept, shrunk = rest, true
				continue
			}
			from = to
		}
		if size == 1 && (!shrunk || m.steps <= 0) {
			return kept
		}
	}
}

// sound adds to a selection what may not be missing from it, so that an order
// that explains the whole history, less what is left out, explains the
// selection.
//
// An operation that changes nothing may always go. A write of v may go when
// nobody in the selection saw v: the states in between then only matter to
// operations that found some x missing, and they stay right as long as no
// write of x is selected while another write is gone. Since several writes of
// one value go or stay together, uniqueness is not needed. An addition of v to
// a list may go likewise when no outcome in the selection shows v: those
// outcomes came before it, for the list kept v from then on. An ambiguous
// operation that depends on what it finds counts as having seen that: if it
// took effect it did see it, and if not it may as well come last.
func (m *minimiser) sound(selection []*span) []*span {
	chosen := make(map[*span]bool, len(selection))
	for _, s := range selection {
		chosen[s] = true
	}
	if m.model.Access == nil {
		for _, s := range m.all {
			if !readOnly(m.model, s.op) {
				chosen[s] = true
			}
		}
		return m.inOrder(chosen)
	}
	for m.addMissing(chosen) {
	}
	return m.inOrder(chosen)
}

// addMissing is one round of sound; it says whether it added anything.
func (m *minimiser) addMissing(chosen map[*span]bool) bool {
	seen, written, denied := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for s := range chosen {
		seen[s.access.Sees], seen[s.access.Needs] = true, true
		for _, v := range s.access.Shows {
			seen[v] = true
		}
		written[s.access.Writes] = true
		denied[s.access.Denies] = true
	}
	delete(seen, "")
	delete(denied, "")
	// The first value stands before every write.
	written[noValue] = true
	everyWrite := false
	for v := range denied {
		everyWrite = everyWrite || written[v]
	}
	added := false
	for _, s := range m.all {
		v := s.access.brings()
		if v == "" || chosen[s] {
			continue
		}
		if seen[v] || everyWrite {
			chosen[s] = true
			added = true
		}
	}
	return added
}

// inOrder lists the chosen spans by call.
func (m *minimiser) inOrder(chosen map[*span]bool) []*span {
	var spans []*span
	for _, s := range m.all {
		if chosen[s] {
			spans = append(spans, s)
		}
	}
	return spans
}
