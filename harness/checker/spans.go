package checker

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"partita/harness/history"
)

// span is one operation of a key as it is judged: its interval on the key's
// clock and how it touches the value.
type span struct {
	op     history.Operation
	call   int64
	ret    int64
	open   bool // its completion bounds nothing: nobody knows when it took effect, if ever
	access Access
}

// definite says whether the operation is known to have happened.
func (s *span) definite() bool { return s.op.Complete.Type == history.OK }

// keyHistory is one key's operations. Spans leave out what says nothing:
// definite fails and ambiguous operations that change nothing.
type keyHistory struct {
	key   string
	model Model
	ops   []*history.Operation // all of them, by index of the invocation
	spans []*span              // by call
	end   int64                // where open spans are drawn to end
}

// byKey groups a history's operations. The nemesis is left out. Keys come in
// natural order: k2.1 before k10.1.
func byKey(ops []history.Operation, model Model) []*keyHistory {
	groups := make(map[string]*keyHistory)
	var keys []*keyHistory
	for i := range ops {
		op := &ops[i]
		if op.Invoke.Process == history.NemesisProcess {
			continue
		}
		group := groups[op.Invoke.Key]
		if group == nil {
			group = &keyHistory{key: op.Invoke.Key, model: model}
			groups[op.Invoke.Key] = group
			keys = append(keys, group)
		}
		group.ops = append(group.ops, op)
	}
	slices.SortFunc(keys, func(a, b *keyHistory) int { return compareNatural(a.key, b.key) })
	return keys
}

// prepare fills in the spans, none of them capped.
func (k *keyHistory) prepare() {
	slices.SortStableFunc(k.ops, func(a, b *history.Operation) int {
		return cmp.Compare(a.Invoke.Index, b.Invoke.Index)
	})
	var kept []*history.Operation
	for _, op := range k.ops {
		if op.Complete.Type == history.Fail {
			continue
		}
		if op.Complete.Type != history.OK && readOnly(k.model, *op) {
			continue
		}
		kept = append(kept, op)
	}
	clock, end := strictClock(kept)
	k.end = end
	k.spans = make([]*span, 0, len(kept))
	for _, op := range kept {
		s := &span{op: *op, call: clock[op.Invoke.Index]}
		if s.definite() {
			s.ret = clock[op.Complete.Index]
		} else {
			s.ret, s.open = end, true
		}
		if k.model.Access != nil {
			s.access = k.model.Access(*op)
		}
		k.spans = append(k.spans, s)
	}
}

// strictClock turns indices into instants for porcupine, which orders by
// number and draws the numbers. The order of a history is that of its
// indices, and strict; times may tie. So each event keeps its time, moved up by
// the nanoseconds it takes to come after the event before it: the order is
// the index's and the picture shows the times.
func strictClock(ops []*history.Operation) (map[int]int64, int64) {
	var events []history.Event
	for _, op := range ops {
		events = append(events, op.Invoke)
		if op.Complete.Type == history.OK {
			events = append(events, op.Complete)
		}
	}
	slices.SortFunc(events, func(a, b history.Event) int { return cmp.Compare(a.Index, b.Index) })
	clock := make(map[int]int64, len(events))
	last := int64(-1)
	for _, event := range events {
		last = max(last+1, int64(event.Time))
		clock[event.Index] = last
	}
	return clock, last + int64(time.Millisecond)
}

// dropUnseen leaves out ambiguous additions to a list whose value no outcome
// shows. That changes no verdict: a list keeps what it was given, so in an
// order that explains the history such an addition comes after every outcome
// that shows the list, and without it everything is explained as before; and
// an order that explains the rest explains the whole, since an ambiguous
// operation may never have happened. One whose value is shown needs no bound:
// put too late, it contradicts the next outcome at once.
func dropUnseen(spans []*span) []*span {
	shown := make(map[string]bool)
	for _, s := range spans {
		for _, v := range s.access.Shows {
			shown[v] = true
		}
	}
	var kept []*span
	for _, s := range spans {
		if !s.open || s.access.Adds == "" || shown[s.access.Adds] {
			kept = append(kept, s)
		}
	}
	return kept
}

// capOpen ends an ambiguous write of v where the first operation that saw v
// ended. That changes no verdict as long as no other operation writes v and v
// is not the first value: whoever saw v took effect after the write, and
// before its own completion, so in every order that explains the history the
// write takes effect before that completion too. Orders with a later write
// explained nothing to begin with. Both conditions are looked at here, not
// assumed. It is asked anew of every selection of spans: only a sighting that
// was selected may bound a write.
func capOpen(spans []*span) []*span {
	writers := make(map[string]int)
	firstSeen := make(map[string]int64)
	for _, s := range spans {
		if s.access.Writes != "" {
			writers[s.access.Writes]++
		}
		if s.access.Sees != "" && s.definite() {
			if at, ok := firstSeen[s.access.Sees]; !ok || s.ret < at {
				firstSeen[s.access.Sees] = s.ret
			}
		}
	}
	capped := slices.Clone(spans)
	for i, s := range capped {
		v := s.access.Writes
		if !s.open || v == "" || v == noValue || writers[v] != 1 {
			continue
		}
		// A sighting before the write began is a violation as it stands; the
		// span must keep its form.
		if at, ok := firstSeen[v]; ok && at > s.call {
			bounded := *s
			bounded.ret, bounded.open = at, false
			capped[i] = &bounded
		}
	}
	return capped
}

// readOnly says whether the operation surely changes nothing.
func readOnly(model Model, op history.Operation) bool {
	if model.Access == nil {
		return op.Invoke.F == "read"
	}
	return model.Access(op).brings() == ""
}

// compareNatural orders names with numbers in them as people do.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		da, db := digits(a), digits(b)
		if da > 0 && db > 0 {
			na, nb := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(b[:db], "0")
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), cmp.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = a[da:], b[db:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
