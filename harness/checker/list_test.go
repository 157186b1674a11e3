package checker

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/harness/history"
)

// list is the model of a list that the tests judge by.
func list() Model {
	return Model{
		Init: func() any { return "" },
		Step: func(state any, op history.Operation) (bool, any) {
			next := state.(string)
			if op.Invoke.F == "append" {
				next += "," + history.Canonical(op.Invoke.Value)
			}
			shows := "[" + strings.TrimPrefix(next, ",") + "]"
			return op.Complete.Type != history.OK || shows == history.Canonical(op.Complete.Value), next
		},
		Describe: func(op history.Operation) string {
			return strings.TrimSpace(fmt.Sprintf("%s %s -> %s", op.Invoke.F, op.Invoke.Value, history.Canonical(op.Complete.Value)))
		},
		DescribeState: func(state any) string { return state.(string) },
		Access:        ListAccess,
	}
}

// listChaos describes a random history of lists.
type listChaos struct {
	operations, processes, keys int
	repeats                     bool    // values may be appended twice
	lies                        float64 // how often an outcome is made up
}

// randomLists plays clients against true lists, with ambiguous and failed
// operations, and then lies here and there.
func randomLists(r *rand.Rand, c listChaos) []history.Event {
	type flight struct {
		event   history.Event
		applied bool
		shows   []int64
	}
	var events []history.Event
	add := func(e history.Event) {
		e.Index = len(events)
		e.Time = time.Duration(e.Index/2) * time.Millisecond
		events = append(events, e)
	}
	lists, flights := make(map[string][]int64), make(map[int]*flight)
	process := make([]int, c.processes)
	for i := range process {
		process[i] = i
	}
	next := int64(0)
	apply := func(f *flight) {
		if n, err := history.ParseInt(f.event.Value); err == nil && !f.applied {
			lists[f.event.Key] = append(slices.Clone(lists[f.event.Key]), n)
		}
		if !f.applied {
			f.applied, f.shows = true, lists[f.event.Key]
		}
	}
	for started := 0; started < c.operations || len(flights) > 0; {
		i := r.IntN(c.processes)
		f := flights[i]
		switch {
		case f == nil && started < c.operations:
			started++
			e := history.Event{Worker: i, Process: process[i], Type: history.Invoke, F: "read", Node: fmt.Sprintf("n%d", i%3+1),
				Key: fmt.Sprintf("k%d.0", r.IntN(max(1, c.keys)))}
			if r.IntN(2) == 0 {
				next++
				e.F, e.Value = "append", history.Int(next)
				if c.repeats {
					e.Value = history.Int(1 + r.Int64N(3))
				}
			}
			add(e)
			flights[i] = &flight{event: e}
		case f == nil:
		case r.IntN(3) == 0:
			apply(f)
		case r.IntN(8) == 0:
			e := f.event
			if e.Type = history.Info; !f.applied && r.IntN(2) == 0 {
				e.Type = history.Fail
			} else {
				process[i] += c.processes
			}
			add(e)
			delete(flights, i)
		case f.applied:
			e := f.event
			e.Type, e.Value = history.OK, listValue(f.shows)
			if r.Float64() < c.lies {
				e.Value = listValue(corrupted(r, f.shows, next))
			}
			add(e)
			delete(flights, i)
		}
	}
	return events
}

// corrupted is a list with one thing wrong with it.
func corrupted(r *rand.Rand, shows []int64, next int64) []int64 {
	shows = slices.Clone(shows)
	if len(shows) == 0 || r.IntN(4) == 0 {
		return append(shows, 1+r.Int64N(next+2))
	}
	i, j := r.IntN(len(shows)), r.IntN(len(shows))
	switch r.IntN(3) {
	case 0:
		return shows[:i]
	case 1:
		return slices.Delete(shows, i, i+1)
	}
	shows[i], shows[j] = shows[j], shows[i]
	return shows
}

func listValue(ns []int64) json.RawMessage {
	raw, err := json.Marshal(append([]int64{}, ns...))
	if err != nil {
		panic(err)
	}
	return raw
}

// TestListsAgainstBruteForce compares verdicts on small random histories with
// a search that drops and bounds nothing, explains the invalid ones, and asks
// that the glance alone finds each of them when no value is repeated.
func TestListsAgainstBruteForce(t *testing.T) {
	cases := map[string]listChaos{
		"unique values":   {operations: 8, processes: 4, lies: 0.1},
		"repeated values": {operations: 8, processes: 3, repeats: true, lies: 0.1},
		"truth":           {operations: 10, processes: 4},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			invalid := 0
			for seed := range uint64(3000) {
				ops := paired(t, randomLists(rand.New(rand.NewPCG(seed, 11)), c))
				want := bruteForce(list(), ops)
				l := Linearizable(t.Context(), ops, list(), Options{Parallel: 1})
				if (l.Verdict == Valid) != want {
					t.Fatalf("seed %d: %s, brute force says %v\n%v", seed, l.Verdict, want, ops)
				}
				for _, key := range byKey(ops, list()) {
					key.prepare()
					if wrongs := len(wrongsOf(key.spans)); !c.repeats && (wrongs == 0) != want {
						t.Fatalf("seed %d: %d things wrong at a glance, brute force says %v\n%v", seed, wrongs, want, ops)
					}
				}
				if want {
					continue
				}
				invalid++
				f := l.Failures[0]
				if bruteForce(list(), f.Operations) {
					t.Fatalf("seed %d: the sub-history is explained: %v", seed, f.Described)
				}
				if strings.Contains(f.Words[0], "no order of") && !c.repeats {
					t.Fatalf("seed %d: no words for %v", seed, f.Described)
				}
				wholePast(t, ops, f)
			}
			if c.lies > 0 && (invalid < 300 || invalid > 2700) || c.lies == 0 && invalid > 0 {
				t.Errorf("%d of 3000 histories were invalid: they test little", invalid)
			}
		})
	}
}

// wholePast asks that a sub-history holds every possible writer of what it shows.
func wholePast(t *testing.T, ops []history.Operation, f *Failure) {
	t.Helper()
	inside, shown := make(map[int]bool), make(map[string]bool)
	for _, op := range f.Operations {
		inside[op.Invoke.Index] = true
		for _, v := range ListAccess(op).Shows {
			shown[v] = true
		}
	}
	for _, op := range ops {
		v := ListAccess(op).Adds
		if op.Complete.Type != history.Fail && shown[v] && !inside[op.Invoke.Index] {
			t.Fatalf("%s is shown, and its append is left out of %v", v, f.Described)
		}
	}
}

// TestLeavingOutOfListsIsSound leaves random operations out of truthful histories.
func TestLeavingOutOfListsIsSound(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 13))
		ops := paired(t, randomLists(r, listChaos{operations: 10, processes: 4, repeats: seed%2 == 0}))
		for _, key := range byKey(ops, list()) {
			key.prepare()
			var some []*span
			for _, s := range key.spans {
				if r.IntN(2) == 0 {
					some = append(some, s)
				}
			}
			m := &minimiser{ctx: t.Context(), model: list(), all: key.spans, steps: minimiseBudget}
			if m.fails(m.sound(some)) {
				t.Fatalf("seed %d: leaving out made a violation of %v", seed, ops)
			}
		}
	}
}

func TestListAccess(t *testing.T) {
	cases := []struct {
		name  string
		op    history.Operation
		adds  string
		shows []string
	}{
		{"read", listOp("read", history.OK, "", " [1, 2] "), "", []string{"1", "2"}},
		{"read nothing", listOp("read", history.OK, "", "[]"), "", []string{}},
		{"read a text", listOp("read", history.OK, "", `"1,2"`), "", nil},
		{"read texts", listOp("read", history.OK, "", `["1,2"]`), "", nil},
		{"read lost", listOp("read", history.Info, "", "null"), "", nil},
		{"append", listOp("append", history.OK, "2", "[1,2]"), "2", []string{"1", "2"}},
		{"append lost", listOp("append", history.Info, "2", "2"), "2", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ListAccess(c.op)
			if got.Adds != c.adds || !slices.Equal(got.Shows, c.shows) || (got.Shows == nil) != (c.shows == nil) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func listOp(f string, typ history.Type, value, shows string) history.Operation {
	e := history.Event{F: f, Type: history.Invoke, Value: json.RawMessage(value)}
	op := history.Operation{Invoke: e, Complete: e}
	op.Complete.Type, op.Complete.Value = typ, json.RawMessage(shows)
	return op
}
