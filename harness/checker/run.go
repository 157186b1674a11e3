package checker

import (
	"context"
	"time"

	"partita/harness/cluster"
	"partita/harness/history"
)

// Run is what a run left and what was asked of it. Instants are since it
// began.
type Run struct {
	Operations []history.Operation
	Events     []history.Event
	Faults     []cluster.Fault
	// Records is what the nodes left. Their instants are on CLOCK_MONOTONIC,
	// which said StartNS when the run began.
	Records []NodeRecord
	StartNS int64

	Nodes []string // names, in order
	// Members are the nodes that are members when the run begins; all if left out.
	Members []string
	Kinds   []string // of the faults asked for
	// Asked are the workload's kinds of operations; Reads and Writes are those by
	// which a node shows that it is back.
	Asked, Reads, Writes []string
	Model                Model
	// ExactlyOnce says that the workload sends changes in copies that count once.
	ExactlyOnce bool
	// Reached lists what has to have happened inside the cluster, by the names of
	// Reachable; Tally is how often it did.
	Reached       []string
	Tally         Tally
	Options       Options
	RecoverWithin time.Duration
	TimeLimit     time.Duration
}

// Judge lets every checker judge a run by what it left, and explains the keys
// that no order explains.
func Judge(ctx context.Context, r Run) (map[string]Result, []*Failure) {
	linearizable := Linearizable(ctx, r.Operations, r.Model, r.Options)
	checks := map[string]Result{
		"linearizable": linearizable.Result,
		"stats":        Stats(r.Asked, r.Operations),
		"faults":       Faults(r.Kinds, r.Faults),
		"crashes":      Crashes(r.Records, r.Faults, r.StartNS),
		"availability": Availability(AvailabilityInput{
			Operations: r.Operations, Faults: r.Faults, Nodes: r.Nodes, Members: r.Members, Reads: r.Reads, Writes: r.Writes,
			RecoverWithin: r.RecoverWithin, End: r.end(), Lags: Lags(r.Events),
		}),
	}
	if r.ExactlyOnce {
		checks["exactly-once"] = enoughCopies(ExactlyOnce(r.Operations, r.Model))
	}
	if len(r.Reached) > 0 {
		checks["reached"] = Reached(r.Reached, r.Tally)
	}
	return checks, linearizable.Failures
}

// end is when the last operation was invoked: about the time limit, unless the
// run was ended early.
func (r *Run) end() time.Duration {
	if len(r.Operations) == 0 {
		return 0
	}
	last := r.Operations[len(r.Operations)-1].Invoke.Time
	if last > r.TimeLimit-time.Second {
		return r.TimeLimit
	}
	return last
}
