package shrink

import (
	"slices"
	"time"

	"partita/harness/history"
	"partita/harness/scenario"
	"partita/sim/explore"
	"partita/sim/play"
	"partita/workloads"
)

// fair says whether a failure is the cluster's. That a node gave no answer is
// held against it only if somebody asked late enough in the recovery, and soon
// enough before its end, for a cluster that came back to answer. A script may be
// so small that it asks at no other time.
func fair(s *scenario.Scenario, v explore.Verdict, o play.Outcome) bool {
	if v.Check != availability || s.Workload.Script == nil {
		return true
	}
	w, err := workloads.Find(s.Workload.Name)
	if err != nil {
		return false
	}
	ops, err := history.Pair(o.Events)
	if err != nil {
		return false
	}
	within := s.Checks.Availability.RecoverWithin
	healed := lastHeal(o)
	from, to := healed+within*2/3, healed+within*5/6
	type need struct {
		node string
		read bool
	}
	asked, fairly, answered := map[need]bool{}, map[need]bool{}, map[need]bool{}
	for _, op := range ops {
		if op.Invoke.Process == history.NemesisProcess || op.Invoke.Time < healed {
			continue
		}
		n := need{op.Invoke.Node, slices.Contains(w.Reads, op.Invoke.F)}
		asked[n] = true
		fairly[n] = fairly[n] || op.Invoke.Time >= from && op.Invoke.Time <= to
		answered[n] = answered[n] || op.Complete.Type == history.OK && op.Complete.Time <= healed+within
	}
	for n := range asked {
		if !answered[n] && !fairly[n] {
			return false
		}
	}
	return true
}

// lastHeal is when the last fault was healed.
func lastHeal(o play.Outcome) time.Duration {
	var last time.Duration
	for _, f := range o.Faults {
		last = max(last, f.Healed)
	}
	return last
}
