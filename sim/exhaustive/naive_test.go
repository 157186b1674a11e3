package exhaustive

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"partita/raft/core"
	"partita/sim/invariant"
)

// naive is a state of a model checker without a single reduction: cores that
// are cloned, messages in a list, keys that are strings in a map.
type naive struct {
	nodes  [members]*node
	flying []core.Envelope
	ghost  ghost
	left   [kinds]int
}

func (s *naive) clone() *naive {
	next := *s
	for i, n := range s.nodes {
		m := *n
		m.core = n.core.Clone()
		m.disk.pending = slices.Clone(n.disk.pending)
		next.nodes[i] = &m
	}
	next.flying = slices.Clone(s.flying)
	return &next
}

// key says everything about the state; if names do not matter, under those
// that give the least.
func (s *naive) key(named bool) string {
	least := ""
	for i := range renamings {
		rename := renamings[i][:]
		var parts []string
		for _, n := range s.nodes {
			parts = append(parts, string(n.encode(nil, rename)))
		}
		sort.Strings(parts)
		var sent []string
		for _, e := range s.flying {
			sent = append(sent, string(e.AppendTo(nil, rename)))
		}
		sort.Strings(sent)
		key := fmt.Sprintf("%q %q %q %v", parts, sent, s.ghost.encode(nil, rename), s.left)
		if !named {
			return key
		}
		if least == "" || key < least {
			least = key
		}
	}
	return least
}

// successors gives those within the bounds.
func (s *naive) successors(t *testing.T, o *Options) (list []*naive) {
	ticks := o.Ticks - s.left[tick]
	try := func(i int, ev event, change func(next *naive)) {
		next := s.clone()
		ev.ticks = ticks
		if ev.kind != deliver && ev.kind != settle {
			if next.left[ev.kind]--; next.left[ev.kind] < 0 {
				return
			}
		}
		if change != nil {
			change(next)
		}
		before := string(next.nodes[i].encode(nil, nil))
		n, out := o.happen(next.nodes[i], ev)
		if out.bad != nil {
			t.Fatal(out.bad)
		}
		next.nodes[i] = n
		if string(n.encode(nil, nil)) == before && len(out.sent) == 0 && idleSeen(out.seen) {
			return // no more than the message that is lost or the request that is refused
		}
		for _, seen := range out.seen {
			next.ghost, _ = next.ghost.saw(n.id, seen)
		}
		next.flying = append(next.flying, out.sent...)
		if len(next.flying) <= o.InFlight && n.view().term <= core.Term(o.Terms) {
			list = append(list, next)
		}
	}
	for at, e := range s.flying {
		try(int(e.To)-1, event{kind: deliver, envelope: e}, func(next *naive) { next.flying = slices.Delete(next.flying, at, at+1) })
		try(int(e.To)-1, event{kind: duplicate, envelope: e}, nil)
	}
	if s.left[tick] > 0 {
		next := s.clone()
		next.left[tick]--
		list = append(list, next)
	}
	for i, n := range s.nodes {
		for k, armed := range map[kind]bool{
			electionTimer: n.armed[0] && ticks >= n.patient, heartbeatTimer: n.armed[1], settle: o.Async && len(n.disk.pending) > 0,
			abandon: n.armed[2] && n.view().role == core.Leader,
		} {
			if armed {
				try(i, event{kind: k}, nil)
			}
		}
		if n.view().role == core.Leader {
			try(i, event{kind: propose, arg: o.Proposals - s.left[propose]}, nil)
			now, _ := latest(n.disk.asked())
			for _, wish := range now.wishes() {
				try(i, event{kind: reform, arg: wish}, nil)
			}
			for to := range members {
				if to != i {
					try(i, event{kind: yield, arg: to}, nil)
				}
			}
		}
		try(i, event{kind: ask, arg: o.Reads - s.left[ask]}, nil)
		for spared := range len(n.disk.pending) + 1 {
			try(i, event{kind: crash, arg: spared}, nil)
		}
	}
	return list
}

// levels counts the distinct states of each level.
func levels(t *testing.T, o Options, named bool) (counts []int) {
	o = o.withDefaults()
	w, bad, err := begin(&o)
	if bad != nil || err != nil {
		t.Fatal(bad, err)
	}
	first := &naive{nodes: w.nodes, ghost: w.ghost}
	for _, f := range w.flying {
		first.flying = append(first.flying, f.envelope)
	}
	for k := range kinds {
		first.left[k] = o.budget().left(k)
	}
	visited := map[string]bool{first.key(named): true}
	for level := []*naive{first}; len(level) > 0 && len(counts) <= o.Depth; {
		counts = append(counts, len(level))
		var next []*naive
		for _, s := range level {
			for _, n := range s.successors(t, &o) {
				if k := n.key(named); !visited[k] {
					visited[k] = true
					next = append(next, n)
				}
			}
		}
		level = next
	}
	return counts
}

func distinct(t *testing.T, o Options) (counts []int) {
	r, err := Search(t.Context(), o, nil)
	if err != nil || r.Violation != nil {
		t.Fatal(err, r.Violation)
	}
	for _, l := range r.Levels {
		if l.Distinct > 0 {
			counts = append(counts, l.Distinct)
		}
	}
	return counts
}

var small = map[string]Options{
	"elections":       {Start: Scratch, NoPreVote: true, Batch: 4, Terms: 2, InFlight: 6, Timeouts: 2, Depth: 7},
	"pre-votes":       {Start: Scratch, Batch: 4, Terms: 1, InFlight: 7, Timeouts: 2, Depth: 7},
	"client requests": {Start: Elected, NoPreVote: true, Batch: 1, Terms: 2, InFlight: 7, Timeouts: 2, Proposals: 2, Reads: 2, Heartbeats: 1, Depth: 5},
	"duplicates":      {Start: Elected, NoPreVote: true, Batch: 4, Terms: 2, InFlight: 6, Timeouts: 2, Proposals: 1, Duplicates: 2, Depth: 6},
	"crashes":         {Start: Elected, NoPreVote: true, Batch: 4, Terms: 2, InFlight: 6, Timeouts: 2, Proposals: 1, Crashes: 1, Depth: 7},
}

// TestAgainstNaiveSearch: interning, renaming and sleeping neither lose a state
// nor make one up, at any depth.
func TestAgainstNaiveSearch(t *testing.T) {
	for name, o := range small {
		t.Run(name, func(t *testing.T) {
			o.KeepDead = true
			want := levels(t, o, true)
			if got := distinct(t, o); !slices.Equal(got, want) {
				t.Errorf("distinct states by level: %v; the naive search finds %v", got, want)
			}
			o.unnamed, o.awake = true, true
			want = levels(t, o, false)
			if got := distinct(t, o); !slices.Equal(got, want) {
				t.Errorf("without reductions: %v; the naive search finds %v", got, want)
			}
		})
	}
}

// TestSleepingLosesNothing goes deeper, where the naive search cannot.
func TestSleepingLosesNothing(t *testing.T) {
	for name, o := range small {
		t.Run(name, func(t *testing.T) {
			o.Depth += 4
			got := distinct(t, o)
			o.awake = true
			if want := distinct(t, o); !slices.Equal(got, want) {
				t.Errorf("distinct states by level: %v; awake: %v", got, want)
			}
		})
	}
}

// TestDeadMessages: what is dropped as dead has no effect ever after, so every
// tuple of local states that is reached with it is reached without.
func TestDeadMessages(t *testing.T) {
	for name, o := range small {
		t.Run(name, func(t *testing.T) {
			o.InFlight = maxInFlight
			o.unnamed = true
			without := tuples(t, o)
			o.KeepDead = true
			with := tuples(t, o)
			if len(without) != len(with) {
				t.Errorf("%d tuples of local states without dead messages, %d with them", len(without), len(with))
			}
			for at := range with {
				if !without[at] {
					t.Fatalf("not reached without dead messages:\n%s", strings.ReplaceAll(at, "|", "\n"))
				}
			}
		})
	}
}

// tuples gives the local states that three nodes are in together at some time.
func tuples(t *testing.T, o Options) map[string]bool {
	seen := map[string]bool{}
	everyState(t, o, func(e *engine, s *state) {
		var locals []string
		for _, id := range s.locals {
			locals = append(locals, fmt.Sprintf("%q", e.locals.at(id).content))
		}
		seen[strings.Join(locals, "|")] = true
	})
	return seen
}

// everyState visits every state that a search would, level by level.
func everyState(t *testing.T, o Options, visit func(e *engine, s *state)) {
	search := begun(t, o)
	w := search.workers[0]
	first, _ := search.start()
	visited := map[key]bool{search.plainKey(&first): true}
	level := []state{first}
	for depth := 0; len(level) > 0 && depth <= o.Depth; depth++ {
		var next []state
		for i := range level {
			visit(search.engine, &level[i])
			if bad := w.successors(&level[i], 0); bad != nil {
				t.Fatal(bad.violation)
			}
			for j := range w.waiting {
				found := &w.waiting[j]
				if visited[found.key] {
					continue
				}
				visited[found.key] = true
				search.rename(&found.state, found.renaming)
				next = append(next, found.state)
			}
			w.waiting = w.waiting[:0]
		}
		level = next
	}
}

// begun is a search that stands at its start.
func begun(t *testing.T, o Options) *search {
	s := newSearch(o.withDefaults())
	var bad *invariant.Violation
	var err error
	if s.begin, bad, err = begin(&s.options); bad != nil || err != nil {
		t.Fatal(bad, err)
	}
	return s
}
