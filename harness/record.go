package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"partita/harness/checker"
	"partita/harness/history"
	"partita/harness/store"
	"partita/nemesis/wire"
)

// wasKilled is why a run is not whole whose harness did not live to say so.
const wasKilled = "the harness was killed before the run had ended"

// simulated is the cluster of a run in one process, which the simulator alone
// sees the inside of.
const simulated = "sim"

// incomplete asks whether a run went to its end and all that it should have
// left is there. Whatever is missing could hold what the other checks look
// for, so that a run that lacks anything is never valid.
func (j *judgement) incomplete() checker.Result {
	var reasons []string
	if j.results.Incomplete != "" {
		reasons = append(reasons, j.results.Incomplete)
	}
	if j.unread != nil {
		reasons = append(reasons, strings.ReplaceAll(j.unread.Error(), "\n", "; "))
	}
	if j.torn {
		reasons = append(reasons, "the last line of "+store.HistoryFile+" has no end")
	}
	if j.results.Cluster == simulated && j.inside == nil {
		reasons = append(reasons, "the simulator left no "+store.SimulationFile)
	}
	begun := 0
	for _, e := range j.events {
		if _, began, ok := history.Fault(e); ok && began {
			begun++
		}
	}
	if begun > len(j.faults) {
		reasons = append(reasons, fmt.Sprintf("%d faults began and %s tells of %d", begun, store.FaultsFile, len(j.faults)))
	}
	var missing []string
	for _, name := range j.scenario.NodeNames() {
		collected := slices.ContainsFunc(j.states, func(s wire.State) bool { return s.Node == name })
		if _, logged := j.logs[name]; !collected || !logged {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		reasons = append(reasons, "no state or no log was collected of "+strings.Join(missing, ", "))
	}
	if len(reasons) > 0 {
		return checker.Result{Verdict: checker.Unknown, Reason: strings.Join(reasons, "; ")}
	}
	return checker.Result{Verdict: checker.Valid}
}

// whyIncomplete says why a run did not go to its end, or nothing.
func whyIncomplete(ctx context.Context, runErr error) string {
	switch {
	case ctx.Err() != nil && runErr != nil:
		return "interrupted: " + firstLine(runErr)
	case ctx.Err() != nil:
		return "interrupted"
	case runErr != nil:
		return "the run broke: " + firstLine(runErr)
	}
	return ""
}
