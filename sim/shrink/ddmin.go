package shrink

import "slices"

// ddmin removes items as long as the test still finds that what is left fails
// (Zeller and Hildebrandt's delta debugging). The test is given several lists
// to choose from, and gives the index of one that fails, or -1. No single item
// of what remains can be removed, as far as the test can tell.
func ddmin[T any](items []T, test func([][]T) int) []T {
	parts := 2
	for len(items) > 0 {
		parts = min(parts, len(items))
		candidates := divide(items, parts)
		chosen := test(candidates)
		switch {
		case chosen >= 0 && len(candidates[chosen]) <= len(items)/2:
			items, parts = candidates[chosen], 2
		case chosen >= 0:
			items, parts = candidates[chosen], max(2, parts-1)
		case parts == len(items):
			return items
		default:
			parts *= 2
		}
	}
	return items
}

// divide lists what is to be tried of the items in so many parts: each part
// alone, and all but each part. The last ones go first in the latter: what
// happened early led to more.
func divide[T any](items []T, parts int) [][]T {
	var alone, rest [][]T
	for i := range parts {
		from, to := i*len(items)/parts, (i+1)*len(items)/parts
		if parts > 2 || len(items) == 1 {
			rest = append(rest, slices.Concat(items[:from], items[to:]))
		}
		if len(items) > 1 {
			alone = append(alone, slices.Clone(items[from:to]))
		}
	}
	slices.Reverse(alone)
	slices.Reverse(rest)
	return append(alone, rest...)
}
