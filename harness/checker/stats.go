package checker

import (
	"fmt"
	"maps"
	"slices"

	"partita/harness/history"
)

// enough is how many ok operations of a kind a run needs to say anything.
const enough = 10

// Stats asks whether every kind of operation was ok at least ten times: those
// that the workload has and those that were seen. Less proves nothing, and is
// unknown.
func Stats(kinds []string, ops []history.Operation) Result {
	ok := make(map[string]int)
	for _, kind := range kinds {
		ok[kind] = 0
	}
	for _, op := range ops {
		if op.Invoke.Process == history.NemesisProcess {
			continue
		}
		n := ok[op.Invoke.F]
		if op.Complete.Type == history.OK {
			n++
		}
		ok[op.Invoke.F] = n
	}
	if len(ok) == 0 {
		return Result{Verdict: Unknown, Reason: "no operations"}
	}
	for _, kind := range slices.Sorted(maps.Keys(ok)) {
		if ok[kind] < enough {
			return Result{Verdict: Unknown, Reason: fmt.Sprintf("%d of at least %d %s operations were ok", ok[kind], enough, kind)}
		}
	}
	return Result{Verdict: Valid}
}
