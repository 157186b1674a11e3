package wal

import (
	"errors"

	"partita/raft/core"
)

// ErrFailed is what every call returns after a write or a sync has failed:
// what the disk holds is not known any more. It wraps the first cause.
var ErrFailed = errors.New("wal: the log has failed")

// Batch becomes durable as one: all of it or nothing is found after a crash.
// An empty HardState leaves the hard state as it is. Entries follow the entry
// at From-1 and replace whatever the log holds from From on; with no entries
// the log stays as it is.
type Batch struct {
	HardState core.HardState
	From      core.Index
	Entries   []core.Entry
}

// Log is the durable log of one member. Append, Cut, Reset and Close are called
// from one goroutine; SaveSnapshot and Snapshot may be called from another at the
// same time and delay none of them.
type Log struct {
	restored core.Restored
}

// Open opens the log in dir, makes it if there is none, and recovers it.
func Open(fs FS, dir string, opts Options) (*Log, error) {
	return nil, ErrFailed
}

// Restored is what the disk held at Open.
func (l *Log) Restored() core.Restored { return l.restored }

// Append writes the batches with one write and one fdatasync. They are
// durable when it returns.
func (l *Log) Append(batches ...Batch) error { return ErrFailed }

// SaveSnapshot makes a snapshot durable beside the log, which stays as it is.
func (l *Log) SaveSnapshot(meta core.SnapshotMeta, data []byte) error { return ErrFailed }

// Reset makes a snapshot durable and then empties the log, which goes on
// after meta.Index.
func (l *Log) Reset(meta core.SnapshotMeta, data []byte) error { return ErrFailed }

// Cut lets the entries up to and including to go, whole segments at a time.
// A durable snapshot must cover them.
func (l *Log) Cut(to core.Index) error { return ErrFailed }

// Snapshot is the newest saved snapshot, or the zero meta if there is none.
func (l *Log) Snapshot() (core.SnapshotMeta, []byte, error) {
	return core.SnapshotMeta{}, nil, ErrFailed
}

// Close closes the log's files and gives up the directory.
func (l *Log) Close() error { return ErrFailed }
