package shrink

import (
	"slices"
	"time"

	"partita/harness/generator"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/sim/explore"
	"partita/sim/play"
	"partita/workloads"
)

// need is an answer that a node owes after the last heal: to a read or to a
// write.
type need struct {
	node  string
	write bool
}

// recovery is what was asked and answered after the last heal.
type recovery struct {
	workload workloads.Workload
	healed   time.Duration
	answered map[need]bool
	// late are those that were asked late in the recovery, when a cluster that
	// comes back is back, and early enough before its end for an answer.
	late map[need]bool
}

// The part of the recovery, in twelfths, that counts as late, and when in it
// somebody is made to ask.
const lateFrom, askedAt, lateTo = 6, 7, 8

func recoveryOf(s *scenario.Scenario, o play.Outcome) (recovery, error) {
	r := recovery{answered: map[need]bool{}, late: map[need]bool{}}
	for _, f := range o.Faults {
		r.healed = max(r.healed, f.Healed)
	}
	var err error
	if r.workload, err = workloads.Find(s.Workload.Name); err != nil {
		return r, err
	}
	ops, err := history.Pair(o.Events)
	if err != nil {
		return r, err
	}
	within := s.Checks.Availability.RecoverWithin
	for _, op := range ops {
		write := slices.Contains(r.workload.Writes, op.Invoke.F)
		at := op.Invoke.Time - r.healed
		if op.Invoke.Process == history.NemesisProcess || at < 0 || !write && !slices.Contains(r.workload.Reads, op.Invoke.F) {
			continue
		}
		n := need{op.Invoke.Node, write}
		r.answered[n] = r.answered[n] || op.Complete.Type == history.OK && op.Complete.Time <= r.healed+within
		r.late[n] = r.late[n] || at >= within*lateFrom/12 && at <= within*lateTo/12
	}
	return r, nil
}

// fair says whether a failure is the cluster's. That a node gave no answer is
// held against it only if it was asked late: a script may be so small that it asks
// once, as soon as the fault is healed, or at the very end.
func fair(s *scenario.Scenario, v explore.Verdict, o play.Outcome) bool {
	if v.Check != availability || s.Workload.Script == nil {
		return true
	}
	r, err := recoveryOf(s, o)
	if err != nil {
		return false
	}
	silent := false
	for n, answered := range r.answered {
		if !answered && !r.late[n] {
			return false
		}
		silent = silent || !answered
	}
	return silent
}

// asksLate makes new clients ask late in the recovery for what was not answered
// in it: those that there are may all be waiting for an answer then.
func asksLate(s *scenario.Scenario, r recovery) *scenario.Scenario {
	c := *s
	c.Workload.Script = slices.Clone(s.Workload.Script)
	lane := s.Workload.Concurrency.Of(s.Nodes)/s.Nodes + 1 // the first of which no client asks
	c.Workload.Concurrency = scenario.Concurrency{Count: lane + 2, PerNode: true}
	for i, node := range s.NodeNames() {
		for at, write := range []bool{false, true} {
			if r.answered[need{node, write}] {
				continue
			}
			step := generator.Step{
				At:     r.healed + s.Checks.Availability.RecoverWithin*askedAt/12,
				Worker: (lane+at)*s.Nodes + i, F: r.workload.Reads[0], Key: "late",
			}
			if write {
				const unused = 1_000_000_000 // by generators
				step.F, step.Value = r.workload.Writes[0], history.Int(int64(unused+i))
			}
			c.Workload.Script = append(c.Workload.Script, step)
		}
	}
	return &c
}
