package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"partita/harness/history"
)

// register is the model that the tests judge by.
func register() Model {
	return Model{
		Init: func() any { return "null" },
		Step: func(state any, op history.Operation) (bool, any) {
			value := history.Canonical(op.Invoke.Value)
			switch op.Invoke.F {
			case "read":
				return op.Complete.Type != history.OK || state == history.Canonical(op.Complete.Value), state
			case "write":
				return true, value
			}
			matches := state == history.Canonical(op.Invoke.Old)
			if op.Complete.Type == history.OK && *op.Complete.Swapped != matches {
				return false, state
			}
			if matches {
				return true, value
			}
			return true, state
		},
		Describe: func(op history.Operation) string {
			switch op.Invoke.F {
			case "read":
				return "read -> " + history.Canonical(op.Complete.Value)
			case "write":
				return "write " + history.Canonical(op.Invoke.Value)
			}
			return fmt.Sprintf("cas %s to %s", history.Canonical(op.Invoke.Old), history.Canonical(op.Invoke.Value))
		},
		DescribeState: func(state any) string { return state.(string) },
		Access:        RegisterAccess,
	}
}

// load reads a golden history.
func load(t testing.TB, path string) []history.Operation {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	record, err := history.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	ops, err := history.Pair(record.Events)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

// bruteForce tries every order of the operations, none dropped or capped but
// definite fails: ambiguous ones may take effect at any time after their
// invocation or never.
func bruteForce(model Model, ops []history.Operation) bool {
	var live []history.Operation
	for _, op := range ops {
		if op.Complete.Type != history.Fail {
			live = append(live, op)
		}
	}
	var search func(state any, done int) bool
	search = func(state any, done int) bool {
		earliest, missing := history.NeverIndex, false
		for i, op := range live {
			if done&(1<<i) == 0 && op.Complete.Type == history.OK {
				missing = true
				earliest = min(earliest, op.Complete.Index)
			}
		}
		if !missing {
			return true
		}
		for i, op := range live {
			if done&(1<<i) != 0 || op.Invoke.Index > earliest {
				continue
			}
			if ok, next := model.Step(state, op); ok && search(next, done|1<<i) {
				return true
			}
		}
		return false
	}
	return search(model.Init(), 0)
}

// chaos describes a random history.
type chaos struct {
	operations int
	processes  int
	unique     bool // every written value is written once
	cas        bool
	lies       float64 // how often an answer is made up
	keys       int
}

// randomHistory plays clients against real registers, with ambiguous and
// failed operations, and then lies here and there.
func randomHistory(r *rand.Rand, c chaos) []history.Event {
	type flight struct {
		event   history.Event
		applied bool
		answer  history.Event
	}
	var events []history.Event
	flights := make(map[int]*flight)
	values := make(map[string]string)
	worker := make([]int, c.processes)
	for i := range worker {
		worker[i] = i
	}
	next, started := int64(1), 0
	value := func() json.RawMessage {
		if c.unique {
			next++
			return history.Int(next)
		}
		return history.Int(int64(1 + r.IntN(3)))
	}
	any := func() json.RawMessage {
		if r.IntN(6) == 0 {
			return history.Null()
		}
		return history.Int(1 + r.Int64N(max(3, next)))
	}
	add := func(e history.Event) {
		e.Index = len(events)
		e.Time = time.Duration(e.Index/2) * time.Millisecond
		events = append(events, e)
	}
	apply := func(f *flight) {
		if f.applied {
			return
		}
		f.applied = true
		f.answer = f.event
		f.answer.Type = history.OK
		key := f.event.Key
		now, found := values[key]
		if !found {
			now = "null"
		}
		switch f.event.F {
		case "read":
			f.answer.Value = json.RawMessage(now)
		case "write":
			values[key] = string(f.event.Value)
		case "cas":
			swapped := now == string(f.event.Old)
			f.answer.Swapped = &swapped
			if swapped {
				values[key] = string(f.event.Value)
			}
		}
	}
	for started < c.operations || len(flights) > 0 {
		i := r.IntN(c.processes)
		f := flights[i]
		switch {
		case f == nil && started < c.operations:
			started++
			e := history.Event{Worker: i, Process: worker[i], Type: history.Invoke, F: "read", Node: fmt.Sprintf("n%d", i%3+1),
				Key: fmt.Sprintf("k%d.1", r.IntN(max(1, c.keys)))}
			switch n := r.IntN(10); {
			case n < 4:
				e.F, e.Value = "write", value()
			case n < 6 && c.cas:
				e.F, e.Value, e.Old = "cas", value(), any()
			}
			add(e)
			flights[i] = &flight{event: e}
		case f == nil:
		case r.IntN(3) == 0:
			apply(f)
		case r.IntN(8) == 0:
			e := f.event
			e.Type = history.Info
			if !f.applied && r.IntN(2) == 0 {
				e.Type = history.Fail
			}
			if e.Type == history.Info {
				worker[i] += c.processes
			}
			add(e)
			delete(flights, i)
		case f.applied:
			e := f.answer
			if r.Float64() < c.lies {
				switch e.F {
				case "read":
					e.Value = any()
				case "cas":
					lie := !*e.Swapped
					e.Swapped = &lie
				}
			}
			add(e)
			delete(flights, i)
		}
	}
	return events
}

// paired pairs events that a test made.
func paired(t testing.TB, events []history.Event) []history.Operation {
	t.Helper()
	ops, err := history.Pair(events)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}
