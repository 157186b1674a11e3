package explore

import (
	"context"
	"fmt"

	"partita/harness/checker"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/sim/play"
)

// Verdict is what was found of one seed.
type Verdict struct {
	// Check names the check or the rule that failed; empty if none did.
	Check  string
	Reason string
	// Failure is the first key that no order explains, if Check is linearizable.
	Failure *checker.Failure
	// Undecided says that the search for an order ran out of its budget.
	Undecided bool
}

// Checks lists the checks of the harness that make a seed fail, in the order in
// which they are asked: what a node did, what clients saw, what they missed.
func Checks() []string { return []string{"crashes", "exactly-once", "linearizable", "availability"} }

// Judge judges a simulated run: first by the watch inside the cluster, then as
// a recorded run is judged. That little happened in it is no matter here.
func Judge(ctx context.Context, s *scenario.Scenario, o play.Outcome) (Verdict, error) {
	if v := o.Violation; v != nil {
		return Verdict{Check: string(v.Name), Reason: fmt.Sprintf("%s (step %d)", v.Text, v.Step)}, nil
	}
	run, err := s.ToJudge()
	if err != nil {
		return Verdict{}, err
	}
	if run.Operations, err = history.Pair(o.Events); err != nil {
		return Verdict{}, fmt.Errorf("explore: seed %d: %w", s.Seed, err)
	}
	run.Events, run.Faults = o.Events, o.Faults
	run.Records, run.StartNS = scenario.Records(o.States, o.Logs), o.Start
	run.Options.Parallel, run.Options.Explain, run.Options.Timeout = 1, 1, 0
	checks, failures := checker.Judge(ctx, run)
	for _, name := range Checks() {
		if c := checks[name]; c.Verdict == checker.Invalid {
			v := Verdict{Check: name, Reason: c.Reason}
			if name == "linearizable" && len(failures) > 0 {
				v.Failure = failures[0]
			}
			return v, nil
		}
	}
	return Verdict{Undecided: len(checks["linearizable"].Undecided) > 0}, nil
}
