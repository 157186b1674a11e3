package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"partita/nemesis/wire"
)

func names(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("n%d", i+1))
	}
	return all
}

// text writes a grudge for golden comparison.
func text(g Grudge) string {
	var cuts []string
	for _, c := range g {
		cuts = append(cuts, c.String())
	}
	return strings.Join(cuts, " ")
}

func TestGrudgesOfFive(t *testing.T) {
	for shape, want := range map[string]string{
		Majority:      "n2>n1 n3>n1 n4>n1 n5>n1 n1>n2 n3>n2 n4>n2 n5>n2 n1>n3 n2>n3 n1>n4 n2>n4 n1>n5 n2>n5",
		MinorityThird: "n2>n1 n3>n1 n4>n1 n5>n1 n1>n2 n1>n3 n1>n4 n1>n5",
		Halves:        "n3>n1 n4>n1 n5>n1 n3>n2 n4>n2 n5>n2 n1>n3 n2>n3 n1>n4 n2>n4 n1>n5 n2>n5",
		One:           "n2>n1 n3>n1 n4>n1 n5>n1 n1>n2 n1>n3 n1>n4 n1>n5",
		Leader:        "n2>n1 n3>n1 n4>n1 n5>n1 n1>n2 n1>n3 n1>n4 n1>n5",
		Ring:          "n3>n1 n4>n1 n4>n2 n5>n2 n1>n3 n5>n3 n1>n4 n2>n4 n2>n5 n3>n5",
		Bridge:        "n3>n1 n4>n1 n3>n2 n4>n2 n1>n3 n2>n3 n1>n4 n2>n4",
		OneWay:        "n3>n1 n4>n1 n5>n1 n3>n2 n4>n2 n5>n2",
		Flapping:      "n3>n1 n4>n1 n5>n1 n3>n2 n4>n2 n5>n2 n1>n3 n2>n3 n1>n4 n2>n4 n1>n5 n2>n5",
	} {
		t.Run(shape, func(t *testing.T) {
			g, err := NewGrudge(shape, names(5))
			if err != nil {
				t.Fatal(err)
			}
			if got := text(g); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// Each shape, in every cluster that can have it, cuts something, never a node
// from itself, each direction once; both ways but for one-way; and leaves the
// majorities that its comment says.
func TestGrudgesOfEverySize(t *testing.T) {
	for n := 1; n <= 9; n++ {
		for _, shape := range Shapes(n) {
			t.Run(fmt.Sprintf("%s of %d", shape, n), func(t *testing.T) {
				order := names(n)
				g, err := NewGrudge(shape, order)
				if err != nil {
					t.Fatal(err)
				}
				if len(g) == 0 {
					t.Fatal("no different from no fault")
				}
				checkCuts(t, g, shape)
				checkMajorities(t, g, shape, order)
			})
		}
	}
}

func checkCuts(t *testing.T, g Grudge, shape string) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range g {
		if c.From == c.To || seen[c.String()] {
			t.Errorf("%s: of a node from itself, or twice", c)
		}
		seen[c.String()] = true
		if c.OneWay != (shape == OneWay) {
			t.Errorf("%s: one-way is %v", c, c.OneWay)
		}
		if g.Has(c.To, c.From) == (shape == OneWay) {
			t.Errorf("%s: the reverse direction is wrong", c)
		}
	}
}

func checkMajorities(t *testing.T, g Grudge, shape string, order []string) {
	t.Helper()
	n := len(order)
	hears := map[string][]string{} // each node's component of mutual hearing, itself included
	var largest int
	majorities := map[string]bool{}
	for _, a := range order {
		for _, b := range order {
			if a == b || !g.Has(a, b) && !g.Has(b, a) {
				hears[a] = append(hears[a], b)
			}
		}
		largest = max(largest, len(hears[a]))
		if len(hears[a]) > n/2 {
			majorities[strings.Join(hears[a], " ")] = true
		}
	}
	switch shape {
	case Ring:
		if len(majorities) != n {
			t.Errorf("%d different majorities: want one for each node: %v", len(majorities), hears)
		}
	case Majority:
		if largest != n/2+1 || len(majorities) != 1 {
			t.Errorf("want one majority of %d: %v", n/2+1, hears)
		}
	case MinorityThird:
		if cut := len(hears[order[0]]); 3*cut >= n || len(hears[order[n-1]]) != n-cut {
			t.Errorf("want fewer than a third cut off: %v", hears)
		}
	case Halves, Flapping:
		if largest != n-n/2 {
			t.Errorf("want halves: %v", hears)
		}
	case One, Leader:
		if len(hears[order[0]]) != 1 || largest != n-1 {
			t.Errorf("want the first alone and the rest together: %v", hears)
		}
	case Bridge:
		if len(hears[order[n-1]]) != n {
			t.Errorf("the last node must hear all: %v", hears)
		}
		if largest == n && slices.ContainsFunc(order[:n-1], func(a string) bool { return len(hears[a]) == n }) {
			t.Errorf("only the bridge may hear all: %v", hears)
		}
	}
}

func TestShapesThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		shape string
		nodes int
		want  string
	}{
		"nobody to cut":     {One, 1, "a cluster of 1 has none to cut"},
		"majority of two":   {Majority, 2, "needs at least 3 nodes and the cluster has 2"},
		"bridge of two":     {Bridge, 2, "needs at least 3 nodes"},
		"a third of three":  {MinorityThird, 3, "needs at least 4 nodes"},
		"ring of three":     {Ring, 3, "needs at least 4 nodes"},
		"nearly a shape":    {"halfs", 5, `did you mean "halves"? allowed are majority`},
		"nothing of a kind": {"x", 5, "allowed are majority, minority-third"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := NewGrudge(c.shape, names(c.nodes))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v; want an error with %q", g, err, c.want)
			}
		})
	}
}

func TestRules(t *testing.T) {
	g, err := NewGrudge(OneWay, names(3))
	if err != nil {
		t.Fatal(err)
	}
	want := []wire.Rule{{From: "n2", OneWay: true}, {From: "n3", OneWay: true}}
	if got := g.Rules("n1").Rules; !slices.Equal(got, want) {
		t.Errorf("n1: got %v, want %v", got, want)
	}
	if got := g.Rules("n2").Rules; got == nil || len(got) != 0 {
		t.Errorf("n2: got %#v, want an empty list, which clears the chain", got)
	}
}
