package shrink

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"partita/harness/generator"
	"partita/harness/history"
	"partita/harness/scenario"
)

// plainer makes the scenario easier to read, as far as it still fails: round
// times, small values, settings as they are when nothing is said of them.
func (x *search) plainer() {
	for _, unit := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond} {
		x.offer(warped(x.now.scenario, func(at time.Duration) time.Duration { return (at + unit/2).Truncate(unit) }))
	}
	x.offer(renamed(x.now.scenario))
	x.offer(crowded(x.now.scenario))
	for _, set := range []func(c *scenario.Scenario, usual scenario.Scenario){
		func(c *scenario.Scenario, usual scenario.Scenario) {
			c.Workload.Keys, c.Workload.Rate = usual.Workload.Keys, usual.Workload.Rate
		},
		// Half as many heartbeats are half as much to read.
		func(c *scenario.Scenario, _ scenario.Scenario) {
			c.Node.Heartbeat = max(c.Node.Heartbeat, (c.Node.ElectionTimeout / 2).Truncate(time.Millisecond))
		},
		func(c *scenario.Scenario, usual scenario.Scenario) { c.Node.MaxBatch = usual.Node.MaxBatch },
		func(c *scenario.Scenario, usual scenario.Scenario) { c.Node.SnapshotEvery = usual.Node.SnapshotEvery },
		func(c *scenario.Scenario, usual scenario.Scenario) {
			n, u := &c.Node, usual.Node
			n.CompactTail, n.SnapshotChunk, n.MaxUncommitted = u.CompactTail, u.SnapshotChunk, u.MaxUncommitted
		},
		func(c *scenario.Scenario, usual scenario.Scenario) {
			c.Node.Reads, c.Node.LeaseDrift, c.Workload.Reads = usual.Node.Reads, usual.Node.LeaseDrift, nil
		},
		func(c *scenario.Scenario, _ scenario.Scenario) { c.Node.PeerSilence = 2 * c.Node.ElectionTimeout },
		func(c *scenario.Scenario, usual scenario.Scenario) {
			if x.check != availability {
				c.Checks.Availability = usual.Checks.Availability
			}
		},
		func(c *scenario.Scenario, _ scenario.Scenario) { c.Seed = 1 },
	} {
		c := *x.now.scenario
		set(&c, scenario.Default())
		x.offer(&c)
	}
}

// offer takes a scenario over if it fails, in this attempt or a few others.
func (x *search) offer(s *scenario.Scenario) {
	if s != nil && !x.spent() {
		x.try(hasty, s)
	}
}

// renamed is the scenario with keys k1, k2 ... and values 1, 2 ..., in order
// of their first use.
func renamed(s *scenario.Scenario) *scenario.Scenario {
	keys, values := map[string]string{}, map[string]json.RawMessage{}
	value := func(old json.RawMessage) json.RawMessage {
		if old == nil || history.IsNull(old) {
			return old
		}
		if _, seen := values[string(old)]; !seen {
			values[string(old)] = history.Int(int64(len(values) + 1))
		}
		return values[string(old)]
	}
	steps := slices.Clone(s.Workload.Script)
	byTime(steps)
	for i := range steps {
		step := &steps[i]
		if _, seen := keys[step.Key]; !seen {
			keys[step.Key] = fmt.Sprintf("k%d", len(keys)+1)
		}
		step.Key = keys[step.Key]
		step.Old, step.Value = value(step.Old), value(step.Value)
	}
	return asking(s, steps)
}

// crowded is the scenario with as few clients as ask anything: of each node's,
// the first ones.
func crowded(s *scenario.Scenario) *scenario.Scenario {
	c := *s
	steps := make([]generator.Step, len(s.Workload.Script))
	places, given := map[int]int{}, make([]int, s.Nodes)
	for i, step := range s.Workload.Script {
		node := step.Worker % s.Nodes
		if _, seen := places[step.Worker]; !seen {
			places[step.Worker] = given[node]*s.Nodes + node
			given[node]++
		}
		step.Worker = places[step.Worker]
		steps[i] = step
	}
	c.Workload.Script = steps
	c.Workload.Concurrency = scenario.Concurrency{Count: clientsOf(&c), PerNode: true}
	return &c
}
