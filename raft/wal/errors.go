package wal

import (
	"errors"
	"fmt"
)

// ErrFailed is what every call returns after a write or a sync has failed:
// what the disk holds is not known any more. The first cause is wrapped
// beside it. The member has to stop.
var ErrFailed = errors.New("wal: the log has failed")

// ErrClosed is what calls return after Close.
var ErrClosed = errors.New("wal: the log is closed")

// ErrNotCovered is returned by Cut when no durable snapshot covers the
// entries that it was to let go.
var ErrNotCovered = errors.New("wal: no durable snapshot covers the cut")

// ErrNoSnapshot is returned by SnapshotChunk when no snapshot was ever saved.
var ErrNoSnapshot = errors.New("wal: there is no snapshot")

// ErrVersion is wrapped when a file is of a version that this one does not
// read. Nothing was changed; the version that wrote it reads it.
var ErrVersion = errors.New("wal: a file of another version")

// errEmptySnapshot refuses a snapshot of index 0, which stands for none.
var errEmptySnapshot = errors.New("wal: a snapshot must cover at least one entry")

// CorruptError says that something that was durable is not what was written.
// A log in which it is found is refused: a member that forgets a vote or an
// entry it has acknowledged endangers the others.
type CorruptError struct {
	File   string // path of the file
	Offset int64  // in bytes
	Reason string
}

// Error names file and offset.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("wal: %s is corrupt at offset %d: %s", e.File, e.Offset, e.Reason)
}
