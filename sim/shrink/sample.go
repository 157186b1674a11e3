package shrink

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"partita/harness/generator"
	"partita/harness/scenario"
	"partita/nemesis"
	"partita/workloads"
)

// What a scenario has at most for a person to follow it: one that has no more
// is left to the reductions.
const (
	fewFaults     = 3
	fewOperations = 12
)

// samples is how many small scenarios are drawn, and sampled how many of them
// at once.
const (
	samples = 3000
	sampled = 500
)

// sample looks for a small scenario by chance, made of what the large one is
// made of: a few of its nodes, faults and operations, close together. What takes
// a fault at the very moment of an operation happens among many of them, and
// hardly ever once most are taken out: a reduction gets nowhere, and a thousand
// small scenarios cost less than a few large ones.
func (x *search) sample() {
	s := x.now.scenario
	if len(s.Workload.Script) <= fewOperations && len(s.Schedule()) <= fewFaults {
		return
	}
	rng := rand.New(rand.NewPCG(uint64(s.Seed), uint64(x.attempts)))
	batches := samples / sampled
	if x.check == availability { // each lasts until the recovery is over
		batches = 1
	}
	for range batches {
		var all []*scenario.Scenario
		for range sampled {
			small := drawn(s, rng)
			if small != nil && x.check == availability {
				small = recovering(small)
			}
			all = append(all, small)
		}
		if x.spent() || x.try(patience{1}, all...) >= 0 {
			return
		}
	}
}

// drawn is a small scenario of what a larger one is made of.
func drawn(s *scenario.Scenario, rng *rand.Rand) *scenario.Scenario {
	nodes := min(s.Nodes, []int{1, 2, 3, 3, 3, 4, 5}[rng.IntN(7)])
	c := *s
	c.Workload.Script = drawOperations(s, rng)
	c.Nemesis = drawFaults(s, rng)
	if out := rng.Perm(s.Nodes)[:s.Nodes-nodes]; len(out) > 0 {
		fewer := without(&c, true, out...)
		if fewer == nil {
			return nil
		}
		c = *fewer
	}
	moments := []time.Duration{0}
	for _, in := range c.Schedule() {
		moments = append(moments, in.At, in.Heal)
	}
	place(c.Workload.Script, moments, rng)
	const after = 700 * time.Millisecond
	all := instants(&scenario.Scenario{Nodes: c.Nodes, Workload: c.Workload, Nemesis: c.Nemesis})
	c.TimeLimit = max(leastTime, all[len(all)-1]+after)
	c.Node.SnapshotEvery = min(s.Node.SnapshotEvery, 1+rng.IntN(fewOperations))
	c.Seed = 1 + int64(rng.IntN(1_000_000))
	return &c
}

// recovering is a small scenario that lasts until the recovery is over, and asks
// every node in it; nil if nothing is to be recovered from.
func recovering(s *scenario.Scenario) *scenario.Scenario {
	var r recovery
	var err error
	if r.workload, err = workloads.Find(s.Workload.Name); err != nil || len(s.Nemesis) == 0 {
		return nil
	}
	for _, in := range s.Schedule() {
		r.healed = max(r.healed, in.Heal)
	}
	const slack = 200 * time.Millisecond // agents take their time
	c := asksLate(s, r)
	c.TimeLimit = max(s.TimeLimit, r.healed+s.Checks.Availability.RecoverWithin+slack)
	return c
}

// drawOperations takes operations that follow each other. Often they have one
// key, which is then asked for all the more. Sometimes keys are long: they fill a
// segment of the log as many operations do.
func drawOperations(s *scenario.Scenario, rng *rand.Rand) []generator.Step {
	script := s.Workload.Script
	count := min(len(script), 1+rng.IntN(fewOperations))
	from := rng.IntN(len(script) - count + 1)
	steps := slices.Clone(script[from : from+count])
	one, longer := rng.IntN(2) == 0, ""
	if rng.IntN(4) == 0 {
		const longKey = 400 // bytes
		longer = strings.Repeat(".", longKey)
	}
	for i := range steps {
		if one {
			steps[i].Key = steps[0].Key
		} else {
			steps[i].Key += longer
		}
	}
	return steps
}

// place gives operations, in their order, instants around the moments.
func place(steps []generator.Step, moments []time.Duration, rng *rand.Rand) {
	at := make([]time.Duration, len(steps))
	for i := range at {
		around := []float64{5, 20, 100, 400}[rng.IntN(4)] * float64(time.Millisecond)
		at[i] = moments[rng.IntN(len(moments))] + time.Duration((rng.Float64()*2-1)*around)
		at[i] = max(0, at[i].Truncate(time.Millisecond))
	}
	slices.Sort(at)
	for i := range steps {
		steps[i].At = at[i]
	}
}

// drawFaults takes a few faults and moves them to the beginning.
func drawFaults(s *scenario.Scenario, rng *rand.Rand) []scenario.Fault {
	all := s.Schedule()
	count := min(len(all), rng.IntN(fewFaults+1))
	var taken []nemesis.Injection
	free := map[string]time.Duration{} // when a kind's last fault is healed
	at := time.Duration(rng.IntN(500)) * time.Millisecond
	for _, i := range slices.Sorted(slices.Values(rng.Perm(len(all))[:count])) {
		in := all[i]
		in.At = max(at, free[in.Kind])
		in.Heal = in.At + leastFault + time.Duration(rng.IntN(500))*time.Millisecond
		in.Calls = slices.Clone(in.Calls)
		for n, most := range in.Calls { // of the disk: there are fewer now
			const few = 30
			in.Calls[n] = 1 + rng.IntN(min(most, few))
		}
		at, free[in.Kind] = in.At+time.Duration(rng.IntN(1000))*time.Millisecond, in.Heal
		taken = append(taken, in)
	}
	slices.SortStableFunc(taken, func(a, b nemesis.Injection) int { return cmp.Compare(a.At, b.At) })
	c := with(s, taken)
	if c == nil {
		return []scenario.Fault{}
	}
	return c.Nemesis
}
