package generator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"partita/harness/history"
)

func names(n int) []string {
	var nodes []string
	for i := range n {
		nodes = append(nodes, fmt.Sprintf("n%d", i+1))
	}
	return nodes
}

func TestLayout(t *testing.T) {
	for nodes := 1; nodes <= 9; nodes++ {
		for _, times := range []int{2, 3, 5} {
			t.Run(fmt.Sprintf("%d nodes, %dn", nodes, times), func(t *testing.T) {
				workers, err := Layout(names(nodes), times*nodes)
				if err != nil {
					t.Fatal(err)
				}
				bound := map[string]int{}
				roles := map[int]map[Role]int{}
				for i, w := range workers {
					if w.ID != i {
						t.Errorf("worker %d has the number %d", i, w.ID)
					}
					if w.Role != Roaming {
						bound[w.Role.String()+" "+w.Node]++
					}
					if roles[w.Group] == nil {
						roles[w.Group] = map[Role]int{}
					}
					roles[w.Group][w.Role]++
				}
				for _, node := range names(nodes) {
					if bound["reader "+node] != 1 || bound["writer "+node] != 1 {
						t.Errorf("%s has %d readers and %d writers", node, bound["reader "+node], bound["writer "+node])
					}
				}
				for group, by := range roles {
					if n := by[Reader] + by[Writer] + by[Roaming]; n > PerKey {
						t.Errorf("group %d has %d workers", group, n)
					}
					if by[Reader]+by[Roaming] == 0 || by[Writer]+by[Roaming] == 0 {
						t.Errorf("group %d cannot both read and write: %v", group, by)
					}
				}
			})
		}
	}
}

func TestLayoutRefuses(t *testing.T) {
	cases := []struct {
		name        string
		nodes       int
		concurrency int
		want        string
	}{
		{"too few workers", 5, 9, "need at least 10 workers"},
		{"no nodes", 0, 3, "no nodes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Layout(names(c.nodes), c.concurrency); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
}

func TestPaceKeepsTheRate(t *testing.T) {
	const workers, rate = 15, 400.0
	p, err := NewPace(7, workers, rate)
	if err != nil {
		t.Fatal(err)
	}
	total, longest := time.Duration(0), time.Duration(0)
	const draws = 2000
	for worker := range workers {
		for range draws {
			d := p.Due(worker, 0, 0)
			total, longest = total+d, max(longest, d)
		}
	}
	mean := float64(total) / (workers * draws) / float64(time.Second)
	if got := workers / mean; got < 0.97*rate || got > 1.03*rate {
		t.Errorf("the rate is %.1f, want %.1f", got, rate)
	}
	if limit := 2 * workers * time.Second / 400; longest > limit {
		t.Errorf("an interval of %v, at most %v is meant", longest, limit)
	}
	if late := p.Due(0, 0, time.Hour); late != time.Hour {
		t.Errorf("after an operation that began an hour late the next is due at %v", late)
	}
	for _, bad := range []float64{0, -1} {
		if _, err := NewPace(7, workers, bad); err == nil {
			t.Errorf("a rate of %v is accepted", bad)
		}
	}
}

func TestSourcesDiffer(t *testing.T) {
	seen := map[uint64]string{}
	for _, seed := range []int64{0, 1, -1} {
		for worker := range 20 {
			for _, purpose := range []Purpose{ForOperations, ForIntervals} {
				name := fmt.Sprintf("seed %d worker %d purpose %d", seed, worker, purpose)
				first := Source(seed, worker, purpose).Uint64()
				if other, clash := seen[first]; clash {
					t.Errorf("%s draws as %s", name, other)
				}
				seen[first] = name
				if Source(seed, worker, purpose).Uint64() != first {
					t.Errorf("%s does not repeat", name)
				}
			}
		}
	}
}

func TestSlotsRetire(t *testing.T) {
	workers, err := Layout(names(5), 15)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSlots(10, workers, Limits{})
	for range RetireOperations {
		if key := s.Use(4, true); key != "k4.0" {
			t.Fatalf("key is %s before its time", key)
		}
	}
	if key := s.Use(4, true); key != "k4.1" {
		t.Errorf("after %d operations the key is %s", RetireOperations, key)
	}
	for i := range RetireAmbiguous {
		late := history.Event{Type: history.Info, Key: "k4.0"}
		if s.Observe(late) {
			t.Error("a retired key is in use")
		}
		s.Observe(history.Event{Type: history.OK, Key: "k4.1"})
		if key := s.Use(4, true); key != "k4.1" {
			t.Fatalf("key is %s after %d ambiguous operations", key, i)
		}
		if !s.Observe(history.Event{Type: history.Info, Key: "k4.1"}) {
			t.Error("the slot's key is not in use")
		}
	}
	if key := s.Use(4, true); key != "k4.2" {
		t.Errorf("after %d ambiguous operations the key is %s", RetireAmbiguous, key)
	}
}

func TestLimits(t *testing.T) {
	workers, err := Layout(names(5), 15)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name   string
		limits Limits
		uses   string // of one slot: r reads, c changes, i is an operation that ended as info
		keys   int    // of which so many generations were used
	}{
		{"operations", Limits{Operations: 3}, "rrrccc", 2},
		{"one more operation", Limits{Operations: 3}, "rrrcccr", 3},
		{"changes", Limits{Changes: 2}, "ccrrrrrr", 1},
		{"a change too many", Limits{Changes: 2}, "ccrrrc", 2},
		{"ambiguous", Limits{Ambiguous: 2}, "iic", 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, keys := NewSlots(10, workers, c.limits), map[string]bool{}
			for _, use := range c.uses {
				key := s.Use(4, use != 'r')
				keys[key] = true
				if use == 'i' {
					s.Observe(history.Event{Type: history.Info, Key: key})
				}
			}
			if len(keys) != c.keys {
				t.Errorf("%d keys, want %d", len(keys), c.keys)
			}
		})
	}
}

func TestAtMostFiveWorkersOnAKey(t *testing.T) {
	for _, keys := range []int{1, 3, 10} {
		t.Run(fmt.Sprintf("%d keys", keys), func(t *testing.T) {
			workers, err := Layout(names(5), 15)
			if err != nil {
				t.Fatal(err)
			}
			s := NewSlots(keys, workers, Limits{})
			users := map[string]map[int]bool{}
			for _, w := range workers {
				source := Source(1, w.ID, ForOperations)
				for range 200 {
					key := s.Use(s.Pick(w.Group, source), true)
					if users[key] == nil {
						users[key] = map[int]bool{}
					}
					users[key][w.ID] = true
				}
			}
			for key, by := range users {
				if len(by) > PerKey {
					t.Errorf("%d workers use %s", len(by), key)
				}
			}
		})
	}
}

func TestValuesAreUnique(t *testing.T) {
	v := NewValues(15)
	seen := map[int64]bool{}
	for i := range 3000 {
		n := v.Next(i * i % 15)
		if n < 1 || seen[n] {
			t.Fatalf("value %d is given twice or below 1", n)
		}
		seen[n] = true
	}
}
