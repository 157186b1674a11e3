package shrink

import (
	"slices"
	"testing"
)

// TestDdmin: what is left are the items that the failure needs, in their order,
// and no candidate is as large as what it would replace.
func TestDdmin(t *testing.T) {
	all := func(n int) []int {
		items := make([]int, n)
		for i := range items {
			items[i] = i
		}
		return items
	}
	needs := func(wanted ...int) func([]int) bool {
		return func(items []int) bool {
			return !slices.ContainsFunc(wanted, func(w int) bool { return !slices.Contains(items, w) })
		}
	}
	for name, c := range map[string]struct {
		items []int
		fails func([]int) bool
		want  []int
	}{
		"nothing at all":           {nil, needs(), nil},
		"nothing needed":           {all(100), needs(), nil},
		"one of one":               {all(1), needs(0), []int{0}},
		"one of many":              {all(1000), needs(617), []int{617}},
		"the ends":                 {all(64), needs(0, 63), []int{0, 63}},
		"three in different parts": {all(37), needs(3, 18, 36), []int{3, 18, 36}},
		"all":                      {all(8), needs(all(8)...), all(8)},
		"any three":                {all(50), func(items []int) bool { return len(items) >= 3 }, nil},
		"one of two pairs": {all(20), func(items []int) bool {
			return needs(1, 11)(items) || needs(4, 19)(items)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			now := c.items
			got := ddmin(c.items, func(lists [][]int) int {
				for i, list := range lists {
					if len(list) >= len(now) {
						t.Fatalf("a candidate of %d items in place of %d", len(list), len(now))
					}
					if !slices.IsSorted(list) {
						t.Fatalf("items changed their order: %v", list)
					}
					if c.fails(list) {
						now = list
						return i
					}
				}
				return -1
			})
			if !c.fails(got) {
				t.Fatalf("%v does not fail", got)
			}
			if c.want != nil && !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			for i := range got {
				if less := slices.Concat(got[:i], got[i+1:]); c.fails(less) {
					t.Errorf("%v fails, and so does %v", got, less)
				}
			}
		})
	}
}

// TestDdminOfATestThatFindsNothing leaves the items as they are.
func TestDdminOfATestThatFindsNothing(t *testing.T) {
	items := []string{"a", "b", "c"}
	if got := ddmin(items, func([][]string) int { return -1 }); !slices.Equal(got, items) {
		t.Errorf("got %v, want %v", got, items)
	}
}
