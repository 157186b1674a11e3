package play

import (
	"math/rand/v2"
	"time"

	"partita/harness/scenario"
	"partita/node/kv"
	"partita/raft/core"
	"partita/sim/machines"
)

// Grace is how long operations may go on after the time limit.
const Grace = 2 * time.Second

// The limits of a node that no scenario sets, as the node has them.
const (
	maxBatchBytes    = 1 << 20
	maxInflight      = 64
	operationTimeout = 4 * time.Second
)

// FromScenario sets up a run of a scenario. What a scenario does not say of
// real machines either, such as how long a sync takes, is drawn from its seed.
func FromScenario(s *scenario.Scenario) (Setup, error) {
	clients, err := s.NewClients()
	if err != nil {
		return Setup{}, err
	}
	return Setup{
		Machines: machinesOf(s), Clients: clients, Plans: s.Plans(), Rate: s.Workload.Rate,
		TimeLimit: s.TimeLimit, Grace: Grace, StopAtViolation: s.StopAtFirstInvalid,
	}, nil
}

// machinesOf draws what the scenario leaves open: sizes of segments, the tail
// that a compacted log keeps, and how fast disks and network are.
func machinesOf(s *scenario.Scenario) machines.Config {
	rng := rand.New(rand.NewPCG(uint64(s.Seed), 0x6d616368696e6573))
	n := s.Node
	segment := int64(2<<10) << rng.IntN(6)
	tail := core.Index(rng.IntN(n.SnapshotEvery/2 + 1))
	sync := 100 * time.Microsecond << rng.IntN(6)
	flight := 200 * time.Microsecond << rng.IntN(5)
	turn := []time.Duration{50 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond}[rng.IntN(4)]
	return machines.Config{
		Turn:  turn,
		Names: s.NodeNames(), Seed: uint64(s.Seed),
		Core: core.Config{
			ElectionTimeout: core.Duration(n.ElectionTimeout),
			ElectionJitter:  core.Duration(n.ElectionJitter),
			Heartbeat:       core.Duration(n.Heartbeat),
			MaxBatch:        n.MaxBatch, MaxBatchBytes: maxBatchBytes, MaxInflight: maxInflight,
			CompactTail: min(tail, 1000),
		},
		SnapshotEvery:    core.Index(n.SnapshotEvery),
		Sessions:         kv.Limits{SessionEntries: uint64(n.SessionEntries), MaxSessions: n.MaxSessions},
		SegmentBytes:     segment,
		OperationTimeout: operationTimeout,
		PeerSilence:      n.PeerSilence,
		Disk:             machines.Latency{Least: sync, Most: 4 * sync, Slow: 20 * sync},
		Network:          machines.Latency{Least: flight / 4, Most: flight, Slow: 10 * flight},
	}
}
