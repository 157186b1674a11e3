package raft

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"partita/raft/core"
)

// Config says who a member is and how it behaves. DefaultConfig gives values
// that are good in one data centre.
type Config struct {
	ID core.NodeID
	// Voters is the configuration that the cluster begins with: sorted, the same
	// on each of them. A member that is to join a running cluster has none, and
	// waits to be added. What is in force later stands in the log.
	Voters []core.NodeID

	// ElectionTimeout is how long a follower stays loyal to a silent leader,
	// and ElectionJitter bounds the random wait after it before it stands for
	// election (§5.2). Heartbeat is the interval of a leader's heartbeats.
	ElectionTimeout time.Duration
	ElectionJitter  time.Duration
	Heartbeat       time.Duration

	MaxBatch      int // entries in one message to a follower and in one ApplyMsg
	MaxBatchBytes int // bytes of commands in the same; one command may exceed it
	MaxInflight   int // unacknowledged messages with entries to one follower
	// MaxInflightBytes bounds the commands in those; one message may exceed it.
	MaxInflightBytes int
	// MaxUncommittedBytes bounds the commands in a leader's log that are not
	// committed; what would exceed it is ErrOverloaded.
	MaxUncommittedBytes int
	// SnapshotChunk is how many bytes of a snapshot one message carries.
	SnapshotChunk int

	// CompactTail is how many entries below a snapshot stay in the log, for
	// followers that are slightly behind.
	CompactTail core.Index
	// MaxTailBytes bounds what a leader keeps below that for followers that answer
	// and are further behind: one that is sent a snapshot needs what came meanwhile.
	MaxTailBytes int
	// NoNoop leaves out the entry that opens a leader's term, so that
	// commands have contiguous indices. Reads then wait for the first command
	// of the term.
	NoNoop bool
	// Lease lets reads that ask for it be answered by a leader without asking
	// anybody, while a quorum's promise not to elect another lasts (thesis
	// §6.4.1). That is only right while no member's clock runs faster or slower
	// than true time by more than LeaseDrift, a fraction: 0.1 is ten in a hundred.
	// It must be the same on all members.
	Lease      bool
	LeaseDrift float64
	// Now reads this member's monotonic clock, from any start of its own. Nil is
	// the process's. It is read only with Lease, by the owner, and must return
	// at once.
	Now func() time.Duration
	// Seed feeds the election jitter. Members must not share one.
	Seed uint64

	MaxCommandBytes int // a longer command is ErrTooLarge
	// QueueLimit is how many requests may wait for the owner's turn; one more
	// is ErrOverloaded.
	QueueLimit int
	// MaxBacklogBytes is how much may wait for the disk before proposals are
	// ErrOverloaded.
	MaxBacklogBytes int64

	// Logger gets snapshots and failures; nil is silence.
	Logger *slog.Logger
	// OnChange, if not nil, is told of every change of role, term or leader, and
	// OnMembers of every configuration that comes into force, committed or not: it
	// may change back. The first calls may come before Make returns, and later
	// ones come from the owner: they must return at once and must not wait for the
	// Raft.
	OnChange  func(core.Changed)
	OnMembers func(core.Membership)
}

// DefaultConfig is a configuration for a member of a cluster that begins with
// these voters; without any, for one that waits to be added to a running one.
func DefaultConfig(id core.NodeID, voters []core.NodeID) Config {
	voters = slices.Clone(voters)
	slices.Sort(voters)
	return Config{
		ID: id, Voters: voters,
		ElectionTimeout: time.Second, ElectionJitter: 500 * time.Millisecond, Heartbeat: 100 * time.Millisecond,
		MaxBatch: 64, MaxBatchBytes: 1 << 20, MaxInflight: 64, MaxInflightBytes: 4 << 20,
		MaxUncommittedBytes: 64 << 20, SnapshotChunk: 1 << 20,
		CompactTail: 1000, MaxTailBytes: 128 << 20, LeaseDrift: 0.1, Seed: uint64(id),
		MaxCommandBytes: 1 << 20, QueueLimit: 8192, MaxBacklogBytes: 64 << 20,
	}
}

// Validate says what is wrong with a configuration, or nil.
func (c Config) Validate() error {
	if err := c.core().Validate(); err != nil {
		return fmt.Errorf("raft: %w", err)
	}
	if c.MaxCommandBytes < 1 || c.QueueLimit < 1 || c.MaxBacklogBytes < 1 {
		return fmt.Errorf("raft: MaxCommandBytes is %d, QueueLimit %d, MaxBacklogBytes %d; each must be at least 1",
			c.MaxCommandBytes, c.QueueLimit, c.MaxBacklogBytes)
	}
	if !(c.LeaseDrift >= 0 && c.LeaseDrift < 1) {
		return fmt.Errorf("raft: LeaseDrift is %v; it must be at least 0 and below 1", c.LeaseDrift)
	}
	return nil
}

// core is the part that the algorithm knows.
func (c Config) core() core.Config {
	return core.Config{
		ID: c.ID, Voters: slices.Clone(c.Voters),
		ElectionTimeout: core.Duration(c.ElectionTimeout),
		ElectionJitter:  core.Duration(c.ElectionJitter),
		Heartbeat:       core.Duration(c.Heartbeat),
		MaxBatch:        c.MaxBatch, MaxBatchBytes: c.MaxBatchBytes,
		MaxInflight: c.MaxInflight, MaxInflightBytes: c.MaxInflightBytes,
		MaxUncommittedBytes: c.MaxUncommittedBytes, SnapshotChunk: c.SnapshotChunk,
		CompactTail: c.CompactTail, MaxTailBytes: c.MaxTailBytes, NoNoop: c.NoNoop,
		Lease: c.Lease, LeaseDriftPPM: uint32(math.Ceil(c.LeaseDrift * 1e6)), Seed: c.Seed,
	}
}
