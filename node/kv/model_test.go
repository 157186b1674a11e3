package kv

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"partita/node/api"
)

// naive is the state machine as one would say it: it keeps every session that
// ever was and asks of each, when it is named, whether it is still there.
type naive struct {
	limits Limits
	values map[string]string
	all    map[uint64]*naiveSession
}

type naiveSession struct {
	used   uint64
	number uint64
	result Result
	gone   bool
}

func (n *naive) apply(index uint64, r api.Request) Result {
	for _, s := range n.all {
		s.gone = s.gone || s.used+n.limits.SessionEntries < index
	}
	switch r.Op {
	case api.OpenSession:
		n.all[index] = &naiveSession{used: index}
		for open := n.open(); len(open) > n.limits.MaxSessions; open = n.open() {
			oldest := slices.MinFunc(open, func(a, b uint64) int { return int(n.all[a].used) - int(n.all[b].used) })
			n.all[oldest].gone = true
		}
		return Result{Session: index}
	case api.CloseSession:
		s := n.all[r.Session]
		if s == nil || s.gone {
			return Result{Code: api.SessionExpired}
		}
		s.gone = true
		return Result{}
	}
	if r.Session == 0 {
		return n.execute(r)
	}
	s := n.all[r.Session]
	if s == nil || s.gone {
		return Result{Code: api.SessionExpired}
	}
	s.used = index
	switch {
	case r.Number < s.number:
		return Result{Code: api.SessionStale}
	case r.Number > s.number:
		s.number, s.result = r.Number, n.execute(r)
		return s.result
	}
	again := s.result
	again.Duplicate = true
	return again
}

func (n *naive) open() []uint64 {
	var open []uint64
	for id, s := range n.all {
		if !s.gone {
			open = append(open, id)
		}
	}
	return open
}

func (n *naive) execute(r api.Request) Result {
	before, found := n.values[r.Key]
	switch r.Op {
	case api.Put:
		n.values[r.Key] = r.Value
	case api.Delete:
		delete(n.values, r.Key)
	case api.CAS:
		if r.OldAbsent && found || !r.OldAbsent && (!found || before != r.Old) {
			return Result{Found: found}
		}
		n.values[r.Key] = r.Value
		return Result{Found: found, Swapped: true}
	case api.Append:
		n.values[r.Key] = before + r.Value
		return Result{Found: found, Value: before + r.Value}
	}
	return Result{Found: found}
}

// drawRequest draws a request among few keys, values, sessions and numbers, so
// that they meet.
func drawRequest(t *rapid.T, index uint64) api.Request {
	op := rapid.SampledFrom([]api.Op{
		api.Put, api.Delete, api.CAS, api.Append, api.Append, api.Append, api.OpenSession, api.OpenSession, api.CloseSession,
	}).Draw(t, "op")
	if op == api.OpenSession {
		return api.Request{Op: op}
	}
	session := rapid.Uint64Range(0, index).Draw(t, "session")
	if op == api.CloseSession {
		return api.Request{Op: op, Session: session + 1}
	}
	r := api.Request{Op: op, Key: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key"), Session: session}
	if session > 0 {
		r.Number = rapid.Uint64Range(1, 4).Draw(t, "number")
	}
	if op != api.Delete {
		r.Value = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "value")
	}
	if op == api.CAS {
		if r.OldAbsent = rapid.Bool().Draw(t, "absent"); !r.OldAbsent {
			r.Old = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "old")
		}
	}
	return r
}

// TestAsTheModelSays plays any commands, with indices that leave gaps for what
// is no command, on a store that goes through snapshots, on one that does not,
// and on the model.
func TestAsTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{
			SessionEntries: rapid.Uint64Range(1, 12).Draw(t, "entries"),
			MaxSessions:    rapid.IntRange(1, 4).Draw(t, "sessions"),
		}
		model := &naive{limits: limits, values: map[string]string{}, all: map[uint64]*naiveSession{}}
		store, other := New(limits), New(limits)
		index := uint64(0)
		for range rapid.IntRange(1, 60).Draw(t, "commands") {
			index += rapid.Uint64Range(1, 3).Draw(t, "gap")
			r := drawRequest(t, index)
			b, err := Encode(r)
			if err != nil {
				t.Fatal(err)
			}
			got, want := store.Apply(index, b), model.apply(index, r)
			if beside := other.Apply(index, b); beside != got {
				t.Fatalf("%d: %+v gives %+v, and %+v without snapshots", index, r, got, beside)
			}
			if got.Refused = ""; got != want {
				t.Fatalf("%d: %+v gives %+v, want %+v", index, r, got, want)
			}
			if rapid.IntRange(0, 3).Draw(t, "snapshot") == 0 {
				snapshot := store.Snapshot()
				if !bytes.Equal(snapshot, other.Snapshot()) {
					t.Fatalf("%d: two nodes have two snapshots", index)
				}
				store = New(limits)
				if err := store.Restore(snapshot); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !maps.Equal(store.values, model.values) {
			t.Fatalf("values %v, want %v", store.values, model.values)
		}
		if open := fmt.Sprint(slices.Sorted(slices.Values(model.open()))); open != fmt.Sprint(slices.Sorted(maps.Keys(store.sessions.byID))) {
			t.Fatalf("open sessions %v, want %s", slices.Sorted(maps.Keys(store.sessions.byID)), open)
		}
	})
}
