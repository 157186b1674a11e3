package scenario

import (
	"partita/harness/checker"
	"partita/nemesis/wire"
	"partita/workloads"
)

// ToJudge is a run of the scenario as the checkers want it, without what the
// run left.
func (s *Scenario) ToJudge() (checker.Run, error) {
	w, err := workloads.Find(s.Workload.Name)
	if err != nil {
		return checker.Run{}, err
	}
	limits := s.Checks
	return checker.Run{
		Nodes: s.NodeNames(), Members: s.MemberNames(), Kinds: s.Kinds(),
		Asked: w.Operations, Reads: w.Reads, Writes: w.Writes, Model: w.Model, ExactlyOnce: w.ExactlyOnce,
		Reached:       limits.Reached,
		Options:       checker.Options{Budget: limits.Linearizable.Budget, Timeout: limits.Linearizable.Timeout},
		RecoverWithin: limits.Availability.RecoverWithin, TimeLimit: s.TimeLimit,
	}, nil
}

// Records joins what agents and nodes left.
func Records(states []wire.State, logs map[string][]wire.LogLine) []checker.NodeRecord {
	var nodes []checker.NodeRecord
	for _, state := range states {
		nodes = append(nodes, checker.NodeRecord{Node: state.Node, Exits: state.Exits, Log: logs[state.Node]})
	}
	return nodes
}
