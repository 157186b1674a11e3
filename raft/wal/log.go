package wal

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"partita/raft/core"
)

// keepBufferBytes bounds the buffer that is kept from one Append to the next.
const keepBufferBytes = 1 << 20

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
// from one goroutine; SaveSnapshot, Snapshot and SnapshotChunk may be called from
// others at the same time and delay none of them. Close comes after all other calls.
type Log struct {
	fs       FS
	dir      string
	opts     Options
	lock     io.Closer
	restored core.Restored

	// Owned by the goroutine that appends.
	state    state
	segments []segment // at least one, in order
	file     File      // the last segment
	at       position  // its end, which is durable
	buffer   []byte

	failure atomic.Pointer[error]
	closed  atomic.Bool

	mu        sync.Mutex          // guards the rest; never held over I/O
	snapshots []core.SnapshotMeta // durable and not yet superseded, in order; zero if none
	saves     uint64              // counts temporary files

	loans loans // has a lock of its own
}

// Restored is what the disk held at Open.
func (l *Log) Restored() core.Restored { return l.restored }

// Append writes the batches with one write and one fdatasync. They are
// durable when it returns. Batches that do not follow the log are refused
// before anything is written.
func (l *Log) Append(batches ...Batch) error {
	if err := l.usable(); err != nil {
		return err
	}
	if len(batches) == 0 {
		return nil
	}
	if err := l.check(batches); err != nil {
		return err
	}
	if l.at.offset >= l.opts.SegmentBytes {
		if err := l.startSegment(kindContinue, l.state.end()); err != nil {
			return l.fail(err)
		}
	}
	b := l.buffer[:0]
	for _, batch := range batches {
		at := position{segment: l.at.segment, offset: l.at.offset + int64(len(b))}
		b = appendBatch(b, batch, at, l.at)
	}
	if _, err := l.file.WriteAt(b, l.at.offset); err != nil {
		return l.fail(fmt.Errorf("wal: append %d bytes to %s: %w", len(b), segmentName(l.at.segment), err))
	}
	if err := l.file.Sync(); err != nil {
		return l.fail(fmt.Errorf("wal: sync %s: %w", segmentName(l.at.segment), err))
	}
	l.at.offset += int64(len(b))
	if l.buffer = b; cap(b) > keepBufferBytes {
		l.buffer = nil
	}
	for _, batch := range batches {
		l.apply(batch)
	}
	return nil
}

// check says why the batches cannot follow the log, one after the other.
func (l *Log) check(batches []Batch) error {
	ends := state{base: l.state.base, last: l.state.last}
	for i, batch := range batches {
		if err := ends.check(batch); err != nil {
			return fmt.Errorf("wal: append batch %d of %d: %w", i+1, len(batches), err)
		}
		if size := batchSize(batch); size > maxBodyBytes {
			return fmt.Errorf("wal: append batch %d of %d: %d bytes, at most %d fit", i+1, len(batches), size, maxBodyBytes)
		}
		if len(batch.Entries) > 0 {
			ends.last = batch.From + core.Index(len(batch.Entries)) - 1
		}
	}
	return nil
}

// apply takes over a batch that is in the last segment.
func (l *Log) apply(batch Batch) {
	l.state.apply(batch)
	if len(batch.Entries) > 0 {
		last := &l.segments[len(l.segments)-1]
		last.low = min(last.low, batch.From-1)
	}
}

// Reset makes a snapshot durable and then empties the log, which goes on
// after meta.Index with the configuration members. The hard state stays.
func (l *Log) Reset(meta core.SnapshotMeta, members core.Membership, data []byte) error {
	if err := l.takes(meta, members); err != nil {
		return err
	}
	if newest := l.newest(); meta.Index < newest.Index {
		return fmt.Errorf("wal: reset to %d: the snapshot of %d is newer", meta.Index, newest.Index)
	}
	if err := l.saveSnapshot(meta, members, data); err != nil {
		return l.fail(fmt.Errorf("wal: reset to %d: %w", meta.Index, err))
	}
	if err := l.restart(meta); err != nil {
		return l.fail(fmt.Errorf("wal: reset to %d: %w", meta.Index, err))
	}
	return nil
}

// restart goes on in a segment of its own after meta, whose snapshot is
// durable, and then lets all others go.
func (l *Log) restart(meta core.SnapshotMeta) error {
	if err := l.startSegment(kindRestart, meta); err != nil {
		return err
	}
	l.state.restart(meta)
	return l.dropSegments(len(l.segments) - 1)
}

// Cut lets the entries up to and including to go, whole segments at a time.
// ErrNotCovered if no durable snapshot covers them.
func (l *Log) Cut(to core.Index) error {
	if err := l.usable(); err != nil {
		return err
	}
	if newest := l.newest(); to > newest.Index {
		return fmt.Errorf("%w: %d, the newest is of %d", ErrNotCovered, to, newest.Index)
	}
	// A segment can become the first if no batch in it or after it reaches
	// back before its base.
	first, low := 0, l.state.last
	for i := len(l.segments) - 1; i > 0; i-- {
		low = min(low, l.segments[i].low)
		if base := l.segments[i].base.Index; base <= to && low >= base {
			first = i
			break
		}
	}
	if first == 0 {
		return nil
	}
	base := l.segments[first].base
	if err := l.dropSegments(first); err != nil {
		return l.fail(fmt.Errorf("wal: cut to %d: %w", to, err))
	}
	l.state.cut(base)
	return nil
}

// Close closes the log's files and gives up the directory. Everything that
// was acknowledged is durable already.
func (l *Log) Close() error {
	if l.closed.Swap(true) {
		return ErrClosed
	}
	err := errors.Join(l.loans.close(), l.file.Close(), l.lock.Close())
	if failure := l.failure.Load(); failure != nil {
		return *failure
	}
	if err != nil {
		return fmt.Errorf("wal: close %s: %w", l.dir, err)
	}
	return nil
}

// usable says why the log takes no calls any more.
func (l *Log) usable() error {
	if failure := l.failure.Load(); failure != nil {
		return *failure
	}
	if l.closed.Load() {
		return ErrClosed
	}
	return nil
}

// fail ends the log: the first failure is what all later calls return.
func (l *Log) fail(err error) error {
	err = fmt.Errorf("%w: %w", ErrFailed, err)
	l.failure.CompareAndSwap(nil, &err)
	return *l.failure.Load()
}
