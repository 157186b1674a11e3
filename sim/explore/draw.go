package explore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"partita/harness/scenario"
	"partita/nemesis"
	"partita/node/api"
	"partita/sim/play"
	"partita/workloads"
)

// Options says what seeds may draw.
type Options struct {
	// Faults are the kinds to draw from; empty: all there are.
	Faults []string
	// Overrides are keys of the scenario that are not drawn.
	Overrides []scenario.Override
}

// calm is how long a run goes on without faults: by its end, every node of the
// cluster has to answer again.
const calm = 6 * time.Second

// Draw makes the scenario of a seed. It is written as a file and read back:
// running that file is running the seed again.
func Draw(seed int64, o Options) (*scenario.Scenario, error) {
	rng := rand.New(rand.NewPCG(uint64(seed), 0x6578706c6f7265))
	s := scenario.Default()
	s.Name, s.Seed = fmt.Sprintf("seed-%d", seed), seed
	s.Description = "drawn by an exploration"
	s.Nodes = pick(rng, 1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 7)
	drawNode(rng, &s.Node)
	drawSessions(seed, &s.Node)
	drawLimits(rng, &s.Node)
	spares := pick(rng, 0, 0, 0, 1, 2, 3)
	s.Workload.Name = workloads.All()[rng.IntN(len(workloads.All()))].Name
	s.Workload.Keys = pick(rng, 1, 3, 10, 30)
	s.Workload.Concurrency = scenario.Concurrency{Count: pick(rng, 2, 3, 4), PerNode: true}
	s.Workload.Reads = pick(rng, nil, nil, []string{api.ReadIndex, api.LeaseRead})
	o.settle(&s)
	s.Members = max(1, s.Nodes-spares)
	// At least one operation a second of each client: the checks have to see
	// every node come back.
	s.Workload.Rate = pick(rng, 1.0, 2, 5, 15, 30) * float64(s.Workload.Concurrency.Of(s.Nodes))
	s.Checks.Availability.RecoverWithin = calm
	s.TimeLimit = 3*time.Second + pick[time.Duration](rng, 4, 8, 16)*time.Second + calm
	faults := drawFaults(rng, &s, o.Faults)
	text, err := s.YAML()
	if err != nil {
		return nil, fmt.Errorf("explore: seed %d: %w", seed, err)
	}
	overrides := []scenario.Override{{Flag: "the seed's faults", Path: "nemesis", Value: faults}}
	for _, override := range o.Overrides {
		if !notDrawn(override.Path, faults) {
			overrides = append(overrides, override)
		}
	}
	drawn, err := scenario.Parse(s.Name+".yaml", text, overrides...)
	if err != nil {
		return nil, fmt.Errorf("explore: seed %d: %w", seed, err)
	}
	return drawn, nil
}

// notDrawn says whether a key is one of a kind of faults that this seed does
// without.
func notDrawn(path, faults string) bool {
	rest, ofFaults := strings.CutPrefix(path, "nemesis.")
	kind, _, _ := strings.Cut(rest, ".")
	_, err := nemesis.KindOf(kind)
	return ofFaults && err == nil && !strings.Contains(faults, kind+": {")
}

// settle takes over the keys that are not drawn and on which draws depend:
// what faults there can be, and how much clients ask. What is wrong with them is
// said when the whole scenario is read.
func (o Options) settle(s *scenario.Scenario) {
	for _, override := range o.Overrides {
		given, err := scenario.Parse("given.yaml", []byte("nodes: 1\n"), override)
		switch {
		case err != nil:
		case override.Path == "nodes":
			s.Nodes = given.Nodes
		case override.Path == "workload.concurrency":
			s.Workload.Concurrency = given.Workload.Concurrency
		case override.Path == "workload.reads":
			s.Workload.Reads = given.Workload.Reads
		case override.Path == "node.reads":
			s.Node.Reads = given.Node.Reads
		}
	}
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// drawNode draws how nodes behave: slow and fast elections, hardly any jitter
// or much, small batches, many snapshots.
func drawNode(rng *rand.Rand, n *scenario.Node) {
	n.ElectionTimeout = pick[time.Duration](rng, 150, 300, 500, 1000) * time.Millisecond
	n.ElectionJitter = min(n.ElectionTimeout, pick[time.Duration](rng, 2, 10, 50, 150, 500)*time.Millisecond)
	n.Heartbeat = n.ElectionTimeout / pick[time.Duration](rng, 3, 5, 10)
	n.MaxBatch = pick(rng, 1, 2, 8, 64)
	n.SnapshotEvery = pick(rng, 10, 30, 100, 300, 5000)
	n.PeerSilence = n.ElectionTimeout * pick[time.Duration](rng, 1, 2, 4, 8)
}

// drawSessions draws when sessions expire: some runs have many that do. It
// draws from a source of its own, so that it shifts nothing else.
func drawSessions(seed int64, n *scenario.Node) {
	rng := rand.New(rand.NewPCG(uint64(seed), 0x73657373696f6e73))
	n.SessionEntries = pick(rng, 30, 100, 300, 1000, 100_000)
	n.MaxSessions = pick(rng, 20, 60, 4096)
}

// drawLimits draws what is only met by those who look for it: logs and
// snapshots that go in small pieces, leaders that take little before it is
// committed, leases.
func drawLimits(rng *rand.Rand, n *scenario.Node) {
	n.CompactTail = pick(rng, 0, 2, 10, 100, 1000)
	n.SnapshotChunk = pick(rng, 100, 500, 5000, 1<<20)
	n.MaxUncommitted = pick(rng, 100, 1000, 64<<20, 64<<20)
	n.Reads = pick(rng, api.ReadIndex, api.ReadIndex, api.LeaseRead)
	n.LeaseDrift = pick(rng, 0, 0.02, 0.1, 0.5)
}

// drawFaults draws which kinds of faults there are, how often they come and
// how long they last. Now and then there is none.
func drawFaults(rng *rand.Rand, s *scenario.Scenario, kinds []string) string {
	var all []string
	for _, kind := range nemesis.Kinds() {
		// Drawn for every kind, so that leaving one out does not shift the others.
		wanted := rng.IntN(3) == 0
		every := pick[time.Duration](rng, 300, 800, 1500, 2500, 4000) * time.Millisecond
		lasts := time.Duration(rng.Float64() * 0.9 * float64(every)).Round(10 * time.Millisecond)
		if slices.Contains([]string{nemesis.Partition, nemesis.Packets, nemesis.Clock, nemesis.Membership}, kind.Name) { // watched
			every, lasts = max(every, 800*time.Millisecond), max(lasts, 600*time.Millisecond)
		}
		lasts = max(lasts, 100*time.Millisecond)
		switch {
		case len(kinds) > 0 && !slices.Contains(kinds, kind.Name):
		case s.Nodes < 2 && slices.Contains([]string{nemesis.Partition, nemesis.Packets, nemesis.Membership}, kind.Name): // nobody else is there
		case wanted || len(kinds) > 0:
			options := fmt.Sprintf("every: %v, for: %v", every, lasts)
			switch {
			case kind.Name == nemesis.Partition:
				options += ", phase: 300ms"
			case kind.Name == nemesis.Clock && play.Leases(s):
				options += ", shapes: [realtime-offset, realtime-rate]"
			}
			all = append(all, fmt.Sprintf("%s: {%s}", kind.Name, options))
		}
	}
	return "[" + strings.Join(all, ", ") + "]"
}
