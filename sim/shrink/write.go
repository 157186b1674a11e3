package shrink

import (
	"cmp"
	"slices"
	"time"

	"partita/harness/generator"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/nemesis"
	"partita/sim/machines"
	"partita/sim/play"
)

// aScript is what a script holds that needs no operation: it must have one.
func aScript() []generator.Step {
	return []generator.Step{{F: "read", Key: "k0"}}
}

// explicit writes down what a run's seed drew: a scenario of the same faults
// and operations, none of them drawn.
func explicit(t trial) (*scenario.Scenario, error) {
	s := *t.scenario
	if err := giveFaults(&s, s.Schedule()); err != nil {
		return nil, err
	}
	if s.Workload.Script == nil {
		s.Workload.Script = script(t.outcome.Events, s.TimeLimit)
	}
	s.StopAtFirstInvalid = false
	if t.verdict.Check == availability {
		r, err := recoveryOf(&s, t.outcome)
		if err != nil {
			return nil, err
		}
		return asksLate(&s, r), nil
	}
	return &s, nil
}

// script is the operations of a history, as far as they were invoked before the
// limit.
func script(events []history.Event, limit time.Duration) []generator.Step {
	var steps []generator.Step
	for _, e := range events {
		if e.Type == history.Invoke && e.Process != history.NemesisProcess && e.Time < limit {
			steps = append(steps, generator.Step{At: e.Time, Worker: e.Worker, F: e.F, Key: e.Key, Value: e.Value, Old: e.Old, How: e.How})
		}
	}
	if len(steps) == 0 {
		return aScript()
	}
	return steps
}

// giveFaults makes a list of faults, in order of time, the scenario's nemesis.
// The kinds keep their order; one without a fault is left out.
func giveFaults(s *scenario.Scenario, faults []nemesis.Injection) error {
	kinds := s.Kinds()
	s.Nemesis = []scenario.Fault{}
	for _, kind := range kinds {
		var own []nemesis.Injection
		for _, in := range faults {
			if in.Kind == kind {
				own = append(own, in)
			}
		}
		if len(own) == 0 {
			continue
		}
		options, err := nemesis.Explicit(kind, own)
		if err != nil {
			return err
		}
		s.Nemesis = append(s.Nemesis, scenario.Fault{Kind: kind, Options: options})
	}
	return nil
}

// with is the scenario with other faults; nil if there cannot be such.
func with(s *scenario.Scenario, faults []nemesis.Injection) *scenario.Scenario {
	c := *s
	if giveFaults(&c, faults) != nil {
		return nil
	}
	return &c
}

// asking is the scenario with another script.
func asking(s *scenario.Scenario, steps []generator.Step) *scenario.Scenario {
	c := *s
	c.Workload.Script = steps
	if len(steps) == 0 {
		c.Workload.Script = aScript()
	}
	return &c
}

// lasting is the scenario cut at an instant: it ends there, nothing is asked
// after it, and no fault lasts longer.
func lasting(s *scenario.Scenario, limit time.Duration) *scenario.Scenario {
	c := *s
	c.TimeLimit = limit
	c.Workload.Script = slices.DeleteFunc(slices.Clone(s.Workload.Script), func(step generator.Step) bool { return step.At >= limit })
	if len(c.Workload.Script) == 0 {
		c.Workload.Script = aScript()
	}
	faults := slices.DeleteFunc(s.Schedule(), func(in nemesis.Injection) bool { return in.At+leastFault > limit })
	for i := range faults {
		faults[i].Heal = min(faults[i].Heal, limit)
	}
	return with(&c, faults)
}

// endOf is when a run ended, since it began.
func endOf(o play.Outcome) time.Duration {
	return o.Lasted - time.Duration(o.Start-machines.Shared(0))
}

// exitsOf lists when nodes ended that nobody had asked to, since the run began.
func exitsOf(o play.Outcome) []time.Duration {
	var all []time.Duration
	for _, state := range o.States {
		for _, e := range state.Exits {
			if !e.Asked {
				all = append(all, time.Duration(e.At-o.Start))
			}
		}
	}
	slices.Sort(all)
	return all
}

// sizeOf measures a scenario.
func sizeOf(s *scenario.Scenario) Size {
	return Size{
		Faults: len(s.Schedule()), Operations: len(s.Workload.Script), Nodes: s.Nodes, Lasts: s.TimeLimit,
	}
}

// clientsOf is which workers a script has, counted for each node.
func clientsOf(s *scenario.Scenario) int {
	most := 1
	for _, step := range s.Workload.Script {
		most = max(most, step.Worker/s.Nodes)
	}
	return most + 1
}

// byTime puts steps in order.
func byTime(steps []generator.Step) {
	slices.SortStableFunc(steps, func(a, b generator.Step) int { return cmp.Compare(a.At, b.At) })
}
