package scenario

import (
	"fmt"
	"slices"
	"time"

	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/interpreter"
	"partita/nemesis"
	"partita/node/api"
)

// reading is a client that reads in a given way.
type reading struct {
	interpreter.Client
	how string
}

// reading gives a worker's client its way to read.
func (s *Scenario) reading(client interpreter.Client, worker int) interpreter.Client {
	if len(s.Workload.Reads) == 0 {
		return client
	}
	return &reading{client, s.Workload.Reads[worker%len(s.Workload.Reads)]}
}

// Invoke carries an operation out.
func (r *reading) Invoke(env cluster.Env, op history.Event) history.Event {
	return r.Client.Invoke(readingEnv{env, r.how}, op)
}

// readingEnv is the world of such a client.
type readingEnv struct {
	cluster.Env
	how string
}

// Call says of each read how it is to be done.
func (e readingEnv) Call(node string, req api.Request, timeout time.Duration) (api.Reply, error) {
	if req.Op == api.Get {
		req.Reads = e.how
	}
	return e.Env.Call(node, req, timeout)
}

// leases says whether reads may be confirmed by a lease.
func (s *Scenario) leases() bool {
	if len(s.Workload.Reads) == 0 {
		return s.Node.Reads == api.LeaseRead
	}
	return slices.Contains(s.Workload.Reads, api.LeaseRead)
}

// validateReads checks the ways to read. What is stale on purpose can only be
// a demonstration.
func (s *Scenario) validateReads() *complaint {
	const path = "workload.reads"
	ways := s.Workload.Reads
	if ways != nil && len(ways) == 0 {
		return &complaint{path, "an empty list: want at least one, or leave the key out"}
	}
	for _, how := range ways {
		if c := oneOf(path, how, []string{api.ReadIndex, api.LeaseRead, api.StaleRead}); c != nil {
			return c
		}
	}
	if slices.Contains(ways, api.StaleRead) && s.Expect != ExpectInvalid {
		return &complaint{path, "stale: such reads show the past, and histories with them are invalid: say so by expect: invalid"}
	}
	return nil
}

// validateLease checks faults of clocks beside leases, which are right only as
// long as the clocks that timers live on keep to the drift.
func (s *Scenario) validateLease(f Fault) *complaint {
	o, ok := f.Options.(*nemesis.ClockOptions)
	if !ok || !s.leases() || s.Expect == ExpectInvalid {
		return nil
	}
	wrong := func(path, what string) *complaint {
		return &complaint{"nemesis." + f.Kind + "." + path, fmt.Sprintf(
			"%s: with reads by lease clocks have to keep to node.lease-drift, which is %v; a demonstration says expect: invalid",
			what, s.Node.LeaseDrift)}
	}
	given := nemesis.Scheduled(o)
	for i, in := range given {
		switch m := in.Skew.Monotonic; {
		case m == nil:
		case in.Shape == nemesis.MonotonicJump:
			return wrong(fmt.Sprintf("schedule[%d].shape", i), in.Shape)
		case m.Rate < 1-s.Node.LeaseDrift || m.Rate > 1+s.Node.LeaseDrift:
			return wrong(fmt.Sprintf("schedule[%d].rate", i), fmt.Sprint(m.Rate))
		}
	}
	for _, shape := range o.Shapes {
		// The least rate that is drawn is past any drift that makes sense.
		if given == nil && (shape == nemesis.MonotonicRate || shape == nemesis.MonotonicJump) {
			return wrong("shapes", shape)
		}
	}
	return nil
}
