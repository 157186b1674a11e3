package shrink

import (
	"slices"
	"time"

	"partita/harness/generator"
	"partita/harness/scenario"
	"partita/nemesis"
)

// The least that a scenario can last, and a fault that shows in its evidence.
const (
	leastTime  = time.Second
	leastFault = 500 * time.Millisecond
)

// cut ends the scenario just after what is wrong in it has happened.
func (x *search) cut() {
	s, o := x.now.scenario, x.now.outcome
	const soon = 100 * time.Millisecond
	switch {
	case o.Violation != nil:
		x.endAt(endOf(o) + time.Millisecond)
	case x.now.verdict.Failure != nil:
		x.endAt(x.now.verdict.Failure.To + soon)
	case x.check == availability:
		if r, err := recoveryOf(s, o); err == nil {
			x.endAt(r.healed + s.Checks.Availability.RecoverWithin + time.Millisecond)
		}
	case x.check == crashes:
		for _, at := range exitsOf(o) { // the first ones may be excused
			if x.endAt(at + soon); x.now.scenario != s {
				return
			}
		}
	}
}

// endAt ends the scenario at an instant, if it fails then too.
func (x *search) endAt(limit time.Duration) {
	const unit = 10 * time.Millisecond
	s := x.now.scenario
	if limit = max(leastTime, (limit + unit - 1).Truncate(unit)); limit < s.TimeLimit && !x.spent() {
		x.try(hasty, lasting(s, limit))
	}
}

// fewerFaults takes faults out.
func (x *search) fewerFaults() {
	faults := x.now.scenario.Schedule()
	if len(faults) == 0 || x.try(x.patience(), with(x.now.scenario, nil)) == 0 {
		return
	}
	ddmin(faults, func(lists [][]nemesis.Injection) int {
		var all []*scenario.Scenario
		for _, list := range lists {
			all = append(all, with(x.now.scenario, list))
		}
		return x.try(x.patience(), all...)
	})
}

// fewerOperations takes operations out of the script: all of them, those of
// other keys than the one that no order explains, and then as many as can be.
func (x *search) fewerOperations() {
	if len(x.now.scenario.Workload.Script) == 1 || x.try(patient, asking(x.now.scenario, nil)) == 0 {
		return
	}
	if f := x.now.verdict.Failure; f != nil {
		x.try(patient, asking(x.now.scenario, slices.DeleteFunc(slices.Clone(x.now.scenario.Workload.Script), func(step generator.Step) bool {
			return step.Key != f.Key
		})))
	}
	ddmin(x.now.scenario.Workload.Script, func(lists [][]generator.Step) int {
		var all []*scenario.Scenario
		for _, list := range lists {
			if len(list) > 0 {
				all = append(all, asking(x.now.scenario, list))
			}
		}
		return x.try(x.patience(), all...)
	})
}

// fewerNodes takes nodes out: two at a time, which keeps an odd number odd, or
// one. What was asked of them is not asked, or is asked of another.
func (x *search) fewerNodes() {
	for !x.spent() {
		s := x.now.scenario
		var all []*scenario.Scenario
		for _, moved := range []bool{false, true} {
			for a := range s.Nodes {
				for b := range a {
					all = append(all, without(s, moved, a, b))
				}
			}
			for a := range s.Nodes {
				all = append(all, without(s, moved, a))
			}
		}
		if x.try(x.patience(), all...) < 0 {
			return
		}
	}
}

// without is the scenario without some nodes; nil if none would be left, or no
// member.
func without(s *scenario.Scenario, moved bool, out ...int) *scenario.Scenario {
	if len(out) >= s.Nodes {
		return nil
	}
	c := *s
	c.Nodes = s.Nodes - len(out)
	if s.Members > 0 {
		c.Members = s.Members - len(slices.DeleteFunc(slices.Clone(out), func(i int) bool { return i >= s.Members }))
		if c.Members == 0 {
			return nil
		}
	}
	place := make([]int, s.Nodes) // the new one of each node, -1 of those that are out
	names := map[string]string{}
	for i, next := 0, 0; i < s.Nodes; i++ {
		if place[i] = -1; !slices.Contains(out, i) {
			place[i] = next
			names[s.NodeNames()[i]] = c.NodeNames()[next]
			next++
		}
	}
	var steps []generator.Step
	for _, step := range s.Workload.Script {
		lane, at := step.Worker/s.Nodes, place[step.Worker%s.Nodes]
		if at < 0 {
			if !moved {
				continue
			}
			at = step.Worker % c.Nodes
		}
		step.Worker = lane*c.Nodes + at
		steps = append(steps, step)
	}
	if len(steps) == 0 {
		steps = aScript()
	}
	c.Workload.Script = steps
	c.Workload.Concurrency = scenario.Concurrency{Count: clientsOf(&c), PerNode: true}
	var faults []nemesis.Injection
	for _, in := range s.Schedule() {
		if in.Kind == nemesis.Membership {
			in.Voters = max(1, in.Voters-(len(s.MemberNames())-len(c.MemberNames())))
		}
		if in, ok := fitted(in, names, c.Nodes); ok {
			faults = append(faults, in)
		}
	}
	return with(&c, faults)
}

// fitted is a fault in a smaller cluster, whose nodes have other names; not ok
// if there is nothing left for it to break.
func fitted(in nemesis.Injection, names map[string]string, nodes int) (nemesis.Injection, bool) {
	var order []string
	for _, node := range in.Order {
		if name := names[node]; name != "" {
			order = append(order, name)
		}
	}
	in.Order = order
	if nodes < 2 && (in.Kind == nemesis.Partition || in.Kind == nemesis.Packets) {
		return in, false
	}
	if in.Kind == nemesis.Partition && !slices.Contains(nemesis.Shapes(nodes), in.Shape) {
		in.Shape, in.Targets, in.Phase = nemesis.One, nemesis.One, 0
	}
	if in.Kind == nemesis.Membership {
		return in, slices.Contains(nemesis.MembershipShapes(in.Voters, nodes), in.Shape)
	}
	if in.Kind != nemesis.Partition && !slices.Contains(nemesis.Roles(nodes), in.Targets) {
		in.Targets = nemesis.One
	}
	if want := nemesis.Holders(in.Targets, nodes); len(in.Calls) > want {
		in.Calls = in.Calls[:want]
	}
	return in, true
}
