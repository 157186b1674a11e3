package append

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"partita/harness/generator"
	"partita/harness/history"
)

func workers(t *testing.T) []generator.Worker {
	t.Helper()
	all, err := generator.Layout([]string{"n1", "n2", "n3", "n4", "n5"}, 15)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// streams plays a generator with outcomes and an interleaving of their own and
// gives each worker's stream of what a seed repeats.
func streams(t *testing.T, seed int64, world uint64) [][]string {
	t.Helper()
	all := workers(t)
	g := NewGenerator(generator.Config{Seed: seed, Workers: all, Keys: 10})
	chance := rand.New(rand.NewPCG(world, world))
	out := make([][]string, len(all))
	for range 9000 {
		w := chance.IntN(len(all))
		e := g.Next(w)
		slot, _, _ := strings.Cut(e.Key, ".")
		out[w] = append(out[w], fmt.Sprint(e.F, slot, string(e.Value)))
		e.Type = []history.Type{history.OK, history.Fail, history.Info}[chance.IntN(3)]
		g.Observe(e)
	}
	return out
}

func TestASeedRepeatsEachWorkersStream(t *testing.T) {
	first, again, other := streams(t, 42, 1), streams(t, 42, 2), streams(t, 43, 1)
	for w := range first {
		n := min(len(first[w]), len(again[w]))
		if n < 300 || !slices.Equal(first[w][:n], again[w][:n]) {
			t.Errorf("worker %d: the same seed gives another stream within %d operations", w, n)
		}
		if slices.Equal(first[w][:50], other[w][:50]) {
			t.Errorf("worker %d: another seed gives the same stream", w)
		}
	}
}

func TestRolesAndKeys(t *testing.T) {
	all := workers(t)
	g := NewGenerator(generator.Config{Seed: 1, Workers: all, Keys: 10})
	users, appends, values := map[string]map[int]bool{}, map[string]int{}, map[string]bool{}
	kinds := map[generator.Role]map[string]int{generator.Reader: {}, generator.Writer: {}, generator.Roaming: {}}
	for i := range 6000 {
		w := all[i%len(all)]
		e := g.Next(w.ID)
		kinds[w.Role][e.F]++
		if users[e.Key] == nil {
			users[e.Key] = map[int]bool{}
		}
		users[e.Key][w.ID] = true
		if e.F == Read {
			continue
		}
		appends[e.Key]++
		if values[string(e.Value)] {
			t.Fatalf("value %s is appended twice", e.Value)
		}
		values[string(e.Value)] = true
	}
	full := 0
	for key, by := range users {
		if len(by) > generator.PerKey {
			t.Errorf("%d workers use %s", len(by), key)
		}
		if appends[key] > LongestList {
			t.Errorf("%d appends to %s", appends[key], key)
		}
		if appends[key] == LongestList {
			full++
		}
	}
	if full < 30 {
		t.Errorf("%d of %d keys were retired for their length", full, len(users))
	}
	for role, want := range map[generator.Role][]string{
		generator.Reader: {Read}, generator.Writer: {Append}, generator.Roaming: {Append, Read},
	} {
		var got []string
		for f := range kinds[role] {
			got = append(got, f)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("a %s asks for %v, want %v", role, got, want)
		}
	}
}

// TestAmbiguousAppendsRetireAKey: they hide bugs, so no key gathers many.
func TestAmbiguousAppendsRetireAKey(t *testing.T) {
	all := workers(t)
	g := NewGenerator(generator.Config{Seed: 1, Workers: all, Keys: 10})
	lost := map[string]int{}
	for i := range 3000 {
		e := g.Next(i % len(all))
		e.Type = history.Info
		g.Observe(e)
		lost[e.Key]++
	}
	for key, n := range lost {
		if n > generator.RetireAmbiguous {
			t.Errorf("%d ambiguous operations on %s", n, key)
		}
	}
}
