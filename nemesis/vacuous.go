package nemesis

import (
	"fmt"

	"partita/harness/cluster"
)

// Vacuous says why the faults of a run prove nothing, one reason a kind in the
// order of the kinds asked for; a run with any reason is unknown. A kind is
// vacuous when fewer than half of its faults were evident, or when none was
// injected at all. Partitions are, too, when no packet of a node was dropped
// in the whole run: they hit a network that nobody used.
func Vacuous(kinds []string, faults []cluster.Fault) []string {
	var reasons []string
	for _, kind := range kinds {
		asked, evident, counted, dropped := 0, 0, false, 0.0
		for _, f := range faults {
			if f.Nemesis != kind {
				continue
			}
			asked++
			if f.Evident {
				evident++
			}
			if n, ok := number(f.Evidence["dropped"]); ok {
				counted, dropped = true, dropped+n
			}
		}
		switch {
		case asked == 0:
			reasons = append(reasons, fmt.Sprintf("vacuous: %s: no fault was injected", kind))
		case 2*evident < asked:
			reasons = append(reasons, fmt.Sprintf("vacuous: %s: %d of %d faults were evident", kind, evident, asked))
		case kind == Partition && (!counted || dropped == 0):
			reasons = append(reasons, fmt.Sprintf("vacuous: %s: no packet of a node was dropped in the whole run", kind))
		}
	}
	return reasons
}

// number reads a count as it was recorded or as JSON gives it back.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case uint64:
		return float64(n), true
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
