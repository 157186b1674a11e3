package register

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
		e.Worker = w
		e.Type = []history.Type{history.OK, history.Fail, history.Info}[chance.IntN(3)]
		if swapped := chance.IntN(2) == 0; e.F == CAS {
			e.Swapped = &swapped
		}
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
	users, values := map[string]map[int]bool{}, map[string]bool{}
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
		if values[string(e.Value)] {
			t.Fatalf("value %s is written twice", e.Value)
		}
		values[string(e.Value)] = true
	}
	for key, by := range users {
		if len(by) > generator.PerKey {
			t.Errorf("%d workers use %s", len(by), key)
		}
	}
	if len(users) < 20 {
		t.Errorf("%d keys for 6000 operations: none was retired", len(users))
	}
	for role, want := range map[generator.Role][]string{
		generator.Reader: {Read}, generator.Writer: {CAS, Write}, generator.Roaming: {CAS, Read, Write},
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

func TestSwapsExpectWhatWasLastSeen(t *testing.T) {
	all := workers(t)
	g := NewGenerator(generator.Config{Seed: 1, Workers: all, Keys: 10})
	known := map[string]string{}
	swaps, full := 0, 0
	for i := range 3000 {
		e := g.Next(i % len(all))
		if e.F == CAS {
			want, seen := known[e.Key]
			if !seen {
				want = "null"
			} else {
				full++
			}
			if swaps++; string(e.Old) != want {
				t.Fatalf("swap of %s expects %s, want %s", e.Key, e.Old, want)
			}
			yes := i%2 == 0
			e.Swapped = &yes
		}
		if e.F == Read {
			e.Value = history.Int(int64(1000000 + i))
		}
		if e.Type = history.OK; i%7 == 0 {
			e.Type = history.Fail
		}
		g.Observe(e)
		if e.Type == history.OK && (e.F != CAS || *e.Swapped) {
			known[e.Key] = string(e.Value)
		}
	}
	if swaps < 100 || full < 100 {
		t.Errorf("%d swaps, %d of them of a known value", swaps, full)
	}
}
