package checker

import (
	"fmt"
	"slices"
	"strings"

	"partita/harness/cluster"
)

// partitionKind is the kind of faults whose evidence counts the nodes' own
// packets that were dropped.
const partitionKind = "partition"

// Faults asks whether the faults were real: of each kind, those asked for by
// the scenario and those recorded, at least one fault and at least half of
// them must be evident, and partitions must have dropped a packet of a node.
// Anything less makes a run vacuous, which is unknown.
func Faults(kinds []string, faults []cluster.Fault) Result {
	kinds = slices.Clone(kinds)
	for _, fault := range faults {
		kinds = append(kinds, fault.Nemesis)
	}
	slices.Sort(kinds)
	var reasons []string
	for _, kind := range slices.Compact(kinds) {
		if why := vacuous(kind, faults); why != "" {
			reasons = append(reasons, fmt.Sprintf("vacuous: %s: %s", kind, why))
		}
	}
	if len(reasons) > 0 {
		return Result{Verdict: Unknown, Reason: strings.Join(reasons, "; ")}
	}
	return Result{Verdict: Valid}
}

// vacuous says why the faults of one kind prove nothing, or nothing.
func vacuous(kind string, faults []cluster.Fault) string {
	asked, evident := 0, 0
	var dropped float64
	for _, fault := range faults {
		if fault.Nemesis != kind {
			continue
		}
		asked++
		if fault.Evident {
			evident++
		}
		dropped += count(fault.Evidence["dropped"])
	}
	switch {
	case asked == 0:
		return "no fault was injected"
	case 2*evident < asked:
		return fmt.Sprintf("%d of %d faults were evident", evident, asked)
	case kind == partitionKind && dropped == 0:
		return "no packet of a node was dropped in the whole run"
	}
	return ""
}

// count reads a number as it was recorded or as JSON gives it back.
func count(v any) float64 {
	switch n := v.(type) {
	case uint64:
		return float64(n)
	case int:
		return float64(n)
	case float64:
		return n
	}
	return 0
}
