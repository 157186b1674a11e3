package play

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"partita/harness/scenario"
	"partita/nemesis"
	"partita/node/api"
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
	maxInflightBytes = 4 << 20
	maxTailBytes     = 128 << 20 // as in a node
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

// Leases says whether anybody reads by a lease, which is only right where the
// clocks of timers keep their bounds: each has a rate of its own within them.
func Leases(s *scenario.Scenario) bool {
	if len(s.Workload.Reads) == 0 {
		return s.Node.Reads == api.LeaseRead
	}
	return slices.Contains(s.Workload.Reads, api.LeaseRead)
}

// machinesOf draws what the scenario leaves open: sizes of segments, how
// much is under way to a follower, and how fast disks and network are.
func machinesOf(s *scenario.Scenario) machines.Config {
	rng := rand.New(rand.NewPCG(uint64(s.Seed), 0x6d616368696e6573))
	n := s.Node
	segment := int64(2<<10) << rng.IntN(6)
	sync := 100 * time.Microsecond << rng.IntN(6)
	flight := 200 * time.Microsecond << rng.IntN(5)
	inflight := []int{1, 4, maxInflight}[rng.IntN(3)]
	inflightBytes := []int{100, 2000, maxInflightBytes}[rng.IntN(3)]
	if slices.ContainsFunc(s.Nemesis, func(f scenario.Fault) bool { return f.Kind == nemesis.Membership }) {
		// Who joins catches up only if it is fed faster than the others commit.
		inflight, inflightBytes = maxInflight, max(inflightBytes, 20_000)
	}
	turn := []time.Duration{50 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond}[rng.IntN(4)]
	drift := []float64{0, n.LeaseDrift}[rng.IntN(2)]
	if !Leases(s) {
		drift = 0 // faults of clocks may do as they like
	}
	return machines.Config{
		Turn:  turn,
		Names: s.NodeNames(), Members: len(s.MemberNames()), Seed: uint64(s.Seed),
		Core: core.Config{
			ElectionTimeout: core.Duration(n.ElectionTimeout),
			ElectionJitter:  core.Duration(n.ElectionJitter),
			Heartbeat:       core.Duration(n.Heartbeat),
			MaxBatch:        n.MaxBatch, MaxBatchBytes: maxBatchBytes,
			MaxInflight: inflight, MaxInflightBytes: inflightBytes,
			MaxUncommittedBytes: n.MaxUncommitted, SnapshotChunk: n.SnapshotChunk,
			CompactTail: core.Index(n.CompactTail), MaxTailBytes: maxTailBytes,
			// As in a node: it has a lease whether or not somebody reads by it.
			Lease: true, LeaseDriftPPM: uint32(math.Ceil(n.LeaseDrift * 1e6)),
		},
		Drift:            drift,
		LeaseReads:       n.Reads == api.LeaseRead,
		SnapshotEvery:    core.Index(n.SnapshotEvery),
		Sessions:         kv.Limits{SessionEntries: uint64(n.SessionEntries), MaxSessions: n.MaxSessions},
		SegmentBytes:     segment,
		OperationTimeout: operationTimeout,
		PeerSilence:      n.PeerSilence,
		Disk:             machines.Latency{Least: sync, Most: 4 * sync, Slow: 20 * sync},
		Network:          machines.Latency{Least: flight / 4, Most: flight, Slow: 10 * flight},
	}
}
