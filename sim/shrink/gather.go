package shrink

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"partita/harness/generator"
	"partita/harness/scenario"
)

// enough is how many operations a person can follow: a script that has no more
// is left to ddmin.
const enough = 12

// gatherings is how many scripts gather draws.
const gatherings = 400

// gather looks for a short script by chance. What needs an operation at the very
// moment of a fault fails with many operations, because one of them is there,
// and hardly ever when most are taken out. So a few operations are moved to
// where something begins or ends.
func (x *search) gather() {
	s := x.now.scenario
	rng := rand.New(rand.NewPCG(uint64(s.Seed), uint64(x.attempts)))
	moments := momentsOf(s)
	if len(s.Workload.Script) <= enough || len(moments) == 0 {
		return
	}
	var all []*scenario.Scenario
	for i := range gatherings {
		most := enough
		if i < gatherings/2 {
			most = enough / 3
		}
		all = append(all, gathered(s, rng, moments[rng.IntN(len(moments))], 1+rng.IntN(most)))
	}
	x.try(patience{1}, all...)
}

// momentsOf lists when faults begin and end.
func momentsOf(s *scenario.Scenario) []time.Duration {
	var all []time.Duration
	for _, in := range s.Schedule() {
		all = append(all, in.At, in.Heal)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// gathered is the scenario with so many operations, those asked last before
// the moment, at drawn instants around it, and with so frequent snapshots that
// they may matter.
func gathered(s *scenario.Scenario, rng *rand.Rand, moment time.Duration, operations int) *scenario.Scenario {
	script := slices.Clone(s.Workload.Script)
	byTime(script)
	after, _ := slices.BinarySearchFunc(script, moment, func(step generator.Step, at time.Duration) int { return cmp.Compare(step.At, at) })
	from := max(0, after-operations)
	steps := slices.Clone(script[from:min(from+operations, len(script))])
	around := []time.Duration{10, 30, 100, 300}[rng.IntN(4)] * time.Millisecond
	at := make([]time.Duration, len(steps))
	for i := range at {
		at[i] = moment + time.Duration((rng.Float64()*2-1.5)*float64(around))
		at[i] = min(max(0, at[i].Truncate(time.Millisecond)), s.TimeLimit-time.Millisecond)
	}
	slices.Sort(at)
	for i := range steps {
		steps[i].At = at[i]
	}
	c := asking(s, steps)
	c.Seed = 1 + int64(rng.IntN(100_000))
	c.Node.SnapshotEvery = min(c.Node.SnapshotEvery, 1+rng.IntN(operations))
	return c
}
