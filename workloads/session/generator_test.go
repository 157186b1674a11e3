package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"partita/harness/generator"
	"partita/harness/history"
	lists "partita/workloads/append"
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
		out[w] = append(out[w], fmt.Sprint(e.F, slot, string(e.Value), e.How))
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

// TestWaysAndKeys: every way is drawn about as often as it should be, by
// whoever appends, and a list is retired before it is long.
func TestWaysAndKeys(t *testing.T) {
	all := workers(t)
	g := NewGenerator(generator.Config{Seed: 1, Workers: all, Keys: 10})
	drawn, appends, total := map[string]int{}, map[string]int{}, 0
	for i := range 15_000 {
		w := all[i%len(all)]
		e := g.Next(w.ID)
		if e.F == Read {
			if w.Role == generator.Writer || e.How != "" || e.Value != nil {
				t.Fatalf("a %s is given %+v", w.Role, e)
			}
			continue
		}
		if w.Role == generator.Reader {
			t.Fatal("a reader appends")
		}
		total++
		drawn[e.How]++
		if appends[e.Key]++; appends[e.Key] > lists.LongestList {
			t.Fatalf("%d appends to %s", appends[e.Key], e.Key)
		}
	}
	for _, way := range ways {
		if got := drawn[way.how] * 100 / total; got < way.share-2 || got > way.share+2 {
			t.Errorf("%d of a hundred appends are %s, want about %d", got, way.how, way.share)
		}
	}
	if len(drawn) != len(ways)+1 {
		t.Errorf("drawn are %v", drawn)
	}
}

func TestCheckStep(t *testing.T) {
	five := history.Int(5)
	for name, c := range map[string]struct {
		step generator.Step
		key  string // empty: it is accepted
	}{
		"read":              {generator.Step{F: Read}, ""},
		"read of a value":   {generator.Step{F: Read, Value: five}, "value"},
		"read twice":        {generator.Step{F: Read, How: Twice}, "how"},
		"append":            {generator.Step{F: Append, Value: five}, ""},
		"append late":       {generator.Step{F: Append, Value: five, How: Late}, ""},
		"append of nothing": {generator.Step{F: Append, How: Late}, "value"},
		"append somehow":    {generator.Step{F: Append, Value: five, How: "somehow"}, "how"},
	} {
		t.Run(name, func(t *testing.T) {
			if key, err := CheckStep(c.step); key != c.key || (err != nil) != (c.key != "") {
				t.Errorf("got %q, %v", key, err)
			}
		})
	}
}
