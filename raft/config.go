package raft

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"partita/raft/core"
)

// Config says who a member is and how it behaves. DefaultConfig gives values
// that are good in one data centre.
type Config struct {
	ID     core.NodeID
	Voters []core.NodeID // all members, ID among them, sorted

	// ElectionTimeout is how long a follower stays loyal to a silent leader,
	// and ElectionJitter bounds the random wait after it before it stands for
	// election (§5.2). Heartbeat is the interval of a leader's heartbeats.
	ElectionTimeout time.Duration
	ElectionJitter  time.Duration
	Heartbeat       time.Duration

	MaxBatch      int // entries in one message to a follower and in one ApplyMsg
	MaxBatchBytes int // bytes of commands in the same; one command may exceed it
	MaxInflight   int // unacknowledged messages with entries to one follower

	// CompactTail is how many entries below a snapshot stay in the log, for
	// followers that are slightly behind.
	CompactTail core.Index
	// NoNoop leaves out the entry that opens a leader's term, so that
	// commands have contiguous indices. Reads then wait for the first command
	// of the term.
	NoNoop bool
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
	// OnChange, if not nil, is told of every change of role, term or leader.
	// The first call may come before Make returns, and later ones come from
	// the owner: it must return at once and must not wait for the Raft.
	OnChange func(core.Changed)
}

// DefaultConfig is a configuration for a member of a cluster of voters.
func DefaultConfig(id core.NodeID, voters []core.NodeID) Config {
	voters = slices.Clone(voters)
	slices.Sort(voters)
	return Config{
		ID: id, Voters: voters,
		ElectionTimeout: time.Second, ElectionJitter: 500 * time.Millisecond, Heartbeat: 100 * time.Millisecond,
		MaxBatch: 64, MaxBatchBytes: 1 << 20, MaxInflight: 64,
		CompactTail: 1000, Seed: uint64(id),
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
	return nil
}

// core is the part that the algorithm knows.
func (c Config) core() core.Config {
	return core.Config{
		ID: c.ID, Voters: slices.Clone(c.Voters),
		ElectionTimeout: core.Duration(c.ElectionTimeout),
		ElectionJitter:  core.Duration(c.ElectionJitter),
		Heartbeat:       core.Duration(c.Heartbeat),
		MaxBatch:        c.MaxBatch, MaxBatchBytes: c.MaxBatchBytes, MaxInflight: c.MaxInflight,
		CompactTail: c.CompactTail, NoNoop: c.NoNoop, Seed: c.Seed,
	}
}
