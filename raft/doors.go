package raft

import (
	"partita/raft/core"
	"partita/raft/wal"
)

// Storage is a member's disk; *wal.Log is one. Append, Reset and Cut are
// called by one goroutine. SaveSnapshot, Snapshot and SnapshotChunk may be called
// by others at the same time, and must not delay an Append more than the disk
// does. An older snapshot never replaces a newer one. After an error of any of
// them the Raft stops.
type Storage interface {
	// Restored is what the disk held when it was opened.
	Restored() core.Restored
	// Append makes the batches durable, in order, before it returns.
	Append(batches ...wal.Batch) error
	// SaveSnapshot makes a snapshot durable beside the log, with the
	// configuration as of it.
	SaveSnapshot(meta core.SnapshotMeta, members core.Membership, data []byte) error
	// Reset makes a snapshot durable and then empties the log, which goes on
	// after it.
	Reset(meta core.SnapshotMeta, members core.Membership, data []byte) error
	// Cut lets entries up to and including an index go, at its leisure.
	Cut(to core.Index) error
	// Snapshot reads the newest durable snapshot.
	Snapshot() (core.SnapshotMeta, core.Membership, []byte, error)
	// SnapshotChunk reads up to size bytes of a snapshot from offset on. One that
	// is read piece by piece stays while newer ones are saved, or a follower that
	// takes longer than from one to the next never gets a whole one. If it is there no
	// more, the beginning of the newest is read.
	SnapshotChunk(meta core.SnapshotMeta, offset uint64, size int) (wal.Chunk, error)
	// Close comes after all other calls have returned.
	Close() error
}

// Transport is a member's network; *transport.TCP is one. Messages may be
// lost, delayed, repeated or reordered.
type Transport interface {
	// Send never blocks; it loses the message instead.
	Send(core.Envelope)
	// Receive gives what others send. The channel is not closed before Close.
	Receive() <-chan core.Envelope
	Close() error
}

// ApplyMsg is what the state machine has to do next: take entries, or be
// replaced by a snapshot. That it was received from the channel counts as applied.
type ApplyMsg struct {
	Entries  []core.Entry // committed, in order, each index once; not to be changed
	Snapshot *Snapshot    // or else: the state machine's new state
}

// Snapshot is a state machine's state after the entry that Meta names. Data
// is what some member's service gave to Raft.Snapshot.
type Snapshot struct {
	Meta core.SnapshotMeta
	Data []byte
}

// Accepted says where a leader put a command in its log. It is not committed.
type Accepted struct {
	Index core.Index
	Term  core.Term
}

// ReadPoint says from where on a read is linearizable: in a state machine that
// has applied everything up to Index. Lease says that a lease confirmed it, and
// not a round of heartbeats.
type ReadPoint struct {
	Index core.Index
	Lease bool
}
