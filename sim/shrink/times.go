package shrink

import (
	"cmp"
	"slices"
	"time"

	"partita/harness/generator"
	"partita/harness/scenario"
)

// leastGain is how much shorter a scenario has to become for it to be worth a
// try.
const leastGain = 50 * time.Millisecond

// lessTime shortens what lies between one thing and the next: a fault begins
// or ends, an operation is asked.
func (x *search) lessTime() {
	for !x.spent() {
		if x.try(x.patience(), shorter(x.now.scenario)...) < 0 {
			return
		}
		x.cut()
	}
}

// gap is a stretch in which the scenario says nothing.
type gap struct{ from, to time.Duration }

// shorter lists the scenario with one gap closed, or halved, the longest first.
func shorter(s *scenario.Scenario) []*scenario.Scenario {
	var gaps []gap
	last := time.Duration(0)
	for _, at := range instants(s) {
		if at-last >= leastGain {
			gaps = append(gaps, gap{last, at})
		}
		last = at
	}
	slices.SortStableFunc(gaps, func(a, b gap) int { return cmp.Compare(b.to-b.from, a.to-a.from) })
	const most = 24 // gaps that are looked at
	gaps = gaps[:min(len(gaps), most)]
	var all []*scenario.Scenario
	for _, part := range []time.Duration{1, 2} {
		for _, g := range gaps {
			gain := (g.to - g.from) / part
			if gain >= leastGain {
				all = append(all, pulled(s, g.to, gain))
			}
		}
	}
	return all
}

// instants lists, in order, when something begins or ends.
func instants(s *scenario.Scenario) []time.Duration {
	all := []time.Duration{s.TimeLimit}
	for _, in := range s.Schedule() {
		all = append(all, in.At, in.Heal)
	}
	for _, step := range s.Workload.Script {
		all = append(all, step.At)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// pulled is the scenario with all that lies at an instant or after it earlier
// by so much; nil if a fault, or the whole, became too short.
func pulled(s *scenario.Scenario, from, by time.Duration) *scenario.Scenario {
	move := func(at time.Duration) time.Duration {
		if at >= from {
			return at - by
		}
		return at
	}
	return warped(s, move)
}

// warped is the scenario with all its instants moved, and none past another;
// nil if a fault, or the whole, became too short.
func warped(s *scenario.Scenario, move func(time.Duration) time.Duration) *scenario.Scenario {
	c := *s
	if c.TimeLimit = move(s.TimeLimit); c.TimeLimit < leastTime {
		return nil
	}
	c.Workload.Script = make([]generator.Step, len(s.Workload.Script))
	for i, step := range s.Workload.Script {
		step.At = move(step.At)
		c.Workload.Script[i] = step
	}
	faults := s.Schedule()
	for i := range faults {
		in := &faults[i]
		if in.At, in.Heal = move(in.At), move(in.Heal); in.Heal-in.At < leastFault {
			return nil
		}
	}
	return with(&c, faults)
}
