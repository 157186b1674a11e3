package raft

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"partita/raft/core"
	"partita/raft/wal"
)

// Config says who a member is and how it behaves. Start from DefaultConfig.
type Config struct {
	ID     core.NodeID
	Voters []core.NodeID // all members, ID included; sorted, distinct

	ElectionTimeout time.Duration // a follower's loyalty to a silent leader
	ElectionJitter  time.Duration // bounds the random wait after it
	Heartbeat       time.Duration
	MaxBatch        int // entries in one message
	MaxBatchBytes   int
	MaxInflight     int        // unacknowledged messages to one follower
	CompactTail     core.Index // entries kept below a snapshot
	// NoNoop leaves out the entry that opens a leader's term, so that the
	// indices of commands have no gaps. Reads then wait for the term's first
	// command.
	NoNoop bool
	Seed   uint64 // of the election jitter

	MaxCommandBytes int // a longer command is ErrTooLarge
	QueueLimit      int // requests that may wait for the owner; one more is ErrOverloaded
	MaxBacklogBytes int // entry bytes that may wait for the disk; above it ErrOverloaded

	Logger *slog.Logger // nil: silent
	// OnChange hears of every change of role, term or leader. It is called by
	// the owner, must return at once and must not call the Raft.
	OnChange func(core.Changed)
}

// DefaultConfig fills in every timing and limit.
func DefaultConfig(id core.NodeID, voters []core.NodeID) Config {
	return Config{
		ID: id, Voters: voters,
		ElectionTimeout: time.Second, ElectionJitter: 500 * time.Millisecond, Heartbeat: 100 * time.Millisecond,
		MaxBatch: 64, MaxBatchBytes: 1 << 20, MaxInflight: 16, CompactTail: 1000,
		MaxCommandBytes: 1 << 20, QueueLimit: 8192, MaxBacklogBytes: 64 << 20,
	}
}

// Validate says what is wrong with a configuration, or nil.
func (c Config) Validate() error {
	if c.MaxCommandBytes < 1 || c.QueueLimit < 1 || c.MaxBacklogBytes < 1 {
		return fmt.Errorf("raft: max command bytes (%d), queue limit (%d) and max backlog bytes (%d) must be at least 1", c.MaxCommandBytes, c.QueueLimit, c.MaxBacklogBytes)
	}
	return c.core().Validate()
}

func (c Config) core() core.Config {
	return core.Config{
		ID: c.ID, Voters: c.Voters,
		ElectionTimeout: core.Duration(c.ElectionTimeout), ElectionJitter: core.Duration(c.ElectionJitter),
		Heartbeat: core.Duration(c.Heartbeat),
		MaxBatch:  c.MaxBatch, MaxBatchBytes: c.MaxBatchBytes, MaxInflight: c.MaxInflight,
		CompactTail: c.CompactTail, NoNoop: c.NoNoop, Seed: c.Seed,
	}
}

// Transport carries messages between members. Send must not block; it may
// lose, delay, repeat and reorder. *transport.TCP is one.
type Transport interface {
	Send(core.Envelope)
	Receive() <-chan core.Envelope
	Close() error
}

// Storage is a member's durable state. What Append, SaveSnapshot or Reset has
// been given is durable when it returns. Append, Cut and Reset are called by
// one goroutine; SaveSnapshot and Snapshot may run beside them. *wal.Log is one.
type Storage interface {
	Restored() core.Restored
	Append(batches ...wal.Batch) error
	SaveSnapshot(meta core.SnapshotMeta, data []byte) error
	Reset(meta core.SnapshotMeta, data []byte) error
	Cut(to core.Index) error
	Snapshot() (core.SnapshotMeta, []byte, error)
	Close() error
}

// The errors of proposals and reads. All but ErrLost are definite: the command
// is in no log and never will be.
var (
	ErrNoLeader    = errors.New("raft: no leader is known")
	ErrNotAccepted = errors.New("raft: the leader refused, being no leader any more")
	ErrOverloaded  = errors.New("raft: too many requests wait")
	ErrTooLarge    = errors.New("raft: the command is too large")
	ErrStopped     = errors.New("raft: stopped")
	ErrLost        = errors.New("raft: forwarded, and the leader changed before it answered")
)

// Definite says whether a proposal that ended with this error is in no log and
// never will be.
func Definite(err error) bool {
	for _, definite := range []error{ErrNoLeader, ErrNotAccepted, ErrOverloaded, ErrTooLarge, ErrStopped} {
		if errors.Is(err, definite) {
			return true
		}
	}
	return false
}

func reasonError(r core.Reason) error {
	switch r {
	case core.NoLeader:
		return ErrNoLeader
	case core.NotAccepted:
		return ErrNotAccepted
	}
	return ErrLost
}
