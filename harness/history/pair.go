package history

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
)

// The instant and the index of a completion that never came: as late as can be.
const (
	Never      = time.Duration(math.MaxInt64)
	NeverIndex = math.MaxInt
)

// Pair joins the events of a history into operations, in the order of their
// invocations. Events of the nemesis are left out. An invocation without a
// completion counts as info: its Complete is at Never and NeverIndex. An error
// names the index of the first event that no run could have recorded.
func Pair(events []Event) ([]Operation, error) {
	p := pairing{open: map[int]int{}, retired: map[int]bool{}}
	for i, e := range events {
		if i > 0 && e.Index <= events[i-1].Index {
			return nil, fmt.Errorf("history: event %d: follows event %d; indices must rise", e.Index, events[i-1].Index)
		}
		if i > 0 && e.Time < events[i-1].Time {
			return nil, fmt.Errorf("history: event %d: time %v is before %v of the event before it", e.Index, e.Time, events[i-1].Time)
		}
		if err := p.take(e); err != nil {
			return nil, fmt.Errorf("history: event %d: %w", e.Index, err)
		}
	}
	for _, at := range p.open {
		p.ops[at].Complete = unfinished(p.ops[at].Invoke)
	}
	return p.ops, nil
}

// pairing is what Pair remembers between events.
type pairing struct {
	ops     []Operation
	open    map[int]int  // process to its operation in flight, a position in ops
	retired map[int]bool // processes with an operation that ended as info
}

func (p *pairing) take(e Event) error {
	if err := e.validate(); err != nil {
		return err
	}
	if e.Process == NemesisProcess {
		return nil
	}
	at, busy := p.open[e.Process]
	if e.Type == Invoke {
		switch {
		case p.retired[e.Process]:
			return fmt.Errorf("process %d invokes after an operation that ended as info", e.Process)
		case busy:
			return fmt.Errorf("process %d invokes while its operation of event %d is in flight", e.Process, p.ops[at].Invoke.Index)
		}
		p.open[e.Process] = len(p.ops)
		p.ops = append(p.ops, Operation{Invoke: e})
		return nil
	}
	if !busy {
		return fmt.Errorf("process %d completes an operation that it never invoked", e.Process)
	}
	invoke := p.ops[at].Invoke
	if e.F != invoke.F || e.Key != invoke.Key || e.Worker != invoke.Worker {
		return fmt.Errorf("worker %d completes %s %q, but event %d invoked %s %q by worker %d",
			e.Worker, e.F, e.Key, invoke.Index, invoke.F, invoke.Key, invoke.Worker)
	}
	p.ops[at].Complete = e
	p.retired[e.Process] = e.Type == Info
	delete(p.open, e.Process)
	return nil
}

// unfinished is the completion of an operation whose own never came.
func unfinished(invoke Event) Event {
	e := invoke
	e.Index, e.Time, e.Type, e.Error = NeverIndex, Never, Info, "no completion recorded"
	return e
}

// validate finds what makes an event impossible whatever the others are.
func (e Event) validate() error {
	switch e.Type {
	case Invoke, OK, Fail, Info:
	default:
		return fmt.Errorf("type %q is none of invoke, ok, fail, info", e.Type)
	}
	switch {
	case e.F == "":
		return fmt.Errorf("no f")
	case e.Time < 0:
		return fmt.Errorf("time %d is before the run began", int64(e.Time))
	case e.Process < NemesisProcess:
		return fmt.Errorf("process %d is below -1, the nemesis", e.Process)
	case e.Process == NemesisProcess && e.Type != Info:
		return fmt.Errorf("an event of the nemesis is info, not %s", e.Type)
	}
	return nil
}

// ByKey goes through operations key by key, keys in sorted order and each
// key's operations in the order given.
func ByKey(ops []Operation) iter.Seq2[string, []Operation] {
	byKey := map[string][]Operation{}
	for _, op := range ops {
		byKey[op.Invoke.Key] = append(byKey[op.Invoke.Key], op)
	}
	keys := make([]string, 0, len(byKey))
	for key := range byKey {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return func(yield func(string, []Operation) bool) {
		for _, key := range keys {
			if !yield(key, byKey[key]) {
				return
			}
		}
	}
}
