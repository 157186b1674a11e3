package raft

import (
	"sync/atomic"
	"time"

	"partita/raft/core"
)

// Counters counts since Make.
type Counters struct {
	Appends         uint64 // calls of Storage.Append, each one sync
	Batches         uint64 // batches that they made durable
	Entries         uint64 // entries in those
	SnapshotsSaved  uint64 // of the own state machine
	SnapshotsLoaded uint64 // from a leader
	SnapshotsSent   uint64 // to the last piece; one that is sent again counts again
	ChunksSent      uint64 // of those and of others
	ChunkBytesSent  uint64
	ReadsByLease    uint64 // reads of this member that a leader's lease confirmed
	ReadsByRound    uint64 // reads of this member that a round of heartbeats confirmed
	Changes         uint64 // changes of the configuration begun here
	Joint           uint64 // joint configurations that this member, as a leader, put in force
	Transfers       uint64 // leads that this member let another have, when asked to
	Overloaded      uint64 // requests refused because too much waits
	Shed            uint64 // received Appends and Forwards dropped because too much waits for the disk
}

// counters is what Counters reads.
type counters struct {
	appends, batches, entries               atomic.Uint64
	saved, loaded, sent, chunks, chunkBytes atomic.Uint64
	leaseReads, roundReads                  atomic.Uint64
	changes, joint, transfers               atomic.Uint64
	overloaded, shed                        atomic.Uint64
}

// Counters reads the counters.
func (r *Raft) Counters() Counters {
	c := &r.counters
	return Counters{
		Appends: c.appends.Load(), Batches: c.batches.Load(), Entries: c.entries.Load(),
		SnapshotsSaved: c.saved.Load(), SnapshotsLoaded: c.loaded.Load(), SnapshotsSent: c.sent.Load(),
		ChunksSent: c.chunks.Load(), ChunkBytesSent: c.chunkBytes.Load(),
		ReadsByLease: c.leaseReads.Load(), ReadsByRound: c.roundReads.Load(),
		Changes: c.changes.Load(), Joint: c.joint.Load(), Transfers: c.transfers.Load(),
		Overloaded: c.overloaded.Load(), Shed: c.shed.Load(),
	}
}

// Queues is how much waits in a member, for people and metrics.
type Queues struct {
	Requests     int   // for the owner's turn
	Completions  int   // of the disk and the service, for the owner's turn
	Log          int   // changes of the log, for the disk
	Saves        int   // snapshots, for the disk
	Applies      int   // batches of committed entries, for the service
	Chunks       int   // pieces of snapshots, to be read
	BacklogBytes int64 // of entries that wait for the disk
}

// Queues reads how much waits at the moment.
func (r *Raft) Queues() Queues {
	return Queues{
		Requests: r.requests.length(), Completions: r.events.length(), Log: r.disk.length(), Saves: r.saves.length(),
		Applies: r.applies.length(), Chunks: r.ships.length(), BacklogBytes: r.backlog.Load(),
	}
}

// LeaseLeft is for how long this member's lease holds yet, as a leader: 0 if it
// has none, or Config.Lease is not set.
func (r *Raft) LeaseLeft() time.Duration {
	end := r.status.Load().LeaseEnd
	if end == 0 {
		return 0
	}
	return max(0, time.Duration(end-r.instant()))
}

// SnapshotSize is how many bytes the newest snapshot has that was saved, loaded
// or installed since Make, and what it covers.
func (r *Raft) SnapshotSize() (core.Index, int) {
	s := r.newest.Load()
	return s.index, s.bytes
}

// size is that of a snapshot.
type size struct {
	index core.Index
	bytes int
}

// now reads the member's monotonic clock. Without leases it is not needed, and
// is zero, which is unknown to the core.
func (r *Raft) now() core.Instant {
	if !r.cfg.Lease {
		return 0
	}
	return r.instant()
}

// instant reads the clock in any case. It begins at 1, since zero is unknown.
func (r *Raft) instant() core.Instant {
	if r.cfg.Now != nil {
		return core.Instant(r.cfg.Now())
	}
	return core.Instant(1 + time.Since(r.made))
}
