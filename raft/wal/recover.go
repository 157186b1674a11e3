package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"partita/raft/core"
)

// Open opens the log in dir, makes it if there is none, and recovers it: a
// torn end is cut, corruption of what was durable is refused with a
// CorruptError. What it restores is durable when it returns.
//
// What local knowledge cannot tell: the last batch that was synced has no
// record after it whose mark would cover it. If it goes bad it looks like the
// torn end of a write that was never acknowledged, and is cut.
func Open(fs FS, dir string, opts Options) (*Log, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if opts.SegmentBytes == 0 {
		opts.SegmentBytes = DefaultSegmentBytes
	}
	if err := fs.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("wal: make %s: %w", dir, err)
	}
	lock, err := fs.Lock(dir)
	if err != nil {
		return nil, fmt.Errorf("wal: open %s: %w", dir, err)
	}
	l, err := recoverLog(fs, dir, opts, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return l, nil
}

// recovery is the work of one Open.
type recovery struct {
	*Log
	numbers []uint64            // segments in the directory, in order
	first   int                 // of numbers: those before it are void
	broken  []core.SnapshotMeta // snapshots that cannot be read
	members core.Membership     // of the newest snapshot that can
	entries []core.Entry        // of the log, from its base on
	last    []byte              // content of the last good segment
	mark    position            // highest in the records replayed

	orphan *CorruptError // a batch that reaches back before the first segment
}

func recoverLog(fs FS, dir string, opts Options, lock io.Closer) (*Log, error) {
	r := &recovery{Log: &Log{fs: fs, dir: dir, opts: opts, lock: lock}}
	for _, step := range []func() error{
		r.list, r.findFirst, r.replay, r.settle, r.reconcile, r.sweep,
	} {
		if err := step(); err != nil {
			if r.file != nil {
				err = errors.Join(err, r.file.Close())
			}
			return nil, err
		}
	}
	return r.Log, nil
}

// list reads the directory: what segments there are, which snapshots can be
// read. Both have names of fixed width and so come in order. Temporary files are
// of saves that never ended, and go.
func (r *recovery) list() error {
	names, err := r.fs.List(r.dir)
	if err != nil {
		return fmt.Errorf("wal: list %s: %w", r.dir, err)
	}
	r.snapshots = []core.SnapshotMeta{{}}
	for _, name := range names {
		if number, ok := parseSegmentName(name); ok {
			r.numbers = append(r.numbers, number)
		}
		if meta, ok := parseSnapshotName(name); ok {
			var corrupt *CorruptError
			switch members, _, err := readSnapshot(r.fs, r.dir, meta); {
			case errors.As(err, &corrupt):
				r.broken = append(r.broken, meta)
			case err != nil:
				return err
			default:
				r.snapshots, r.members = append(r.snapshots, meta), members
			}
		}
		if strings.HasPrefix(name, snapshotPrefix) && strings.HasSuffix(name, tempSuffix) {
			if err := r.remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// findFirst finds the last segment that starts the log anew: those before it
// are void, whatever state they are in. Those after it must have no gap.
func (r *recovery) findFirst() error {
	for i, number := range slices.Backward(r.numbers) {
		head, err := readHead(r.fs, r.path(number), startRecordBytes)
		if err != nil {
			return err
		}
		h, body, err := decodeRecord(head, position{segment: number})
		if err != nil || h.kind != kindRestart {
			continue
		}
		if _, err := decodeStart(body); err == nil {
			r.first = i
			break
		}
	}
	for i := r.first + 1; i < len(r.numbers); i++ {
		if want := r.numbers[i-1] + 1; r.numbers[i] != want {
			return &CorruptError{File: r.path(want), Reason: "the segment is missing, a later one is there"}
		}
	}
	return nil
}

// replay reads the segments in order until the end, or until a bad record
// turns out to be a torn one.
func (r *recovery) replay() error {
	for i := r.first; i < len(r.numbers); i++ {
		number := r.numbers[i]
		content, err := readAll(r.fs, r.path(number))
		if err != nil {
			return err
		}
		at := position{segment: number}
		for at.offset == 0 || at.offset < int64(len(content)) {
			h, body, bad := decodeRecord(content[at.offset:], at)
			if bad != nil {
				return r.bad(i, content, at, bad)
			}
			if err := r.take(h, body, at); err != nil {
				return err
			}
			at.offset += headerBytes + h.length
		}
		r.at, r.last = at, content
	}
	return nil
}

// take replays one good record.
//
// A crash inside a Cut can leave segments that cannot come first, because a
// batch after them reaches back to entries that are gone. The Cut was to end
// at a later segment; so what follows the batch waits for one that can.
func (r *recovery) take(h header, body []byte, at position) error {
	if h.mark.compare(r.mark) > 0 {
		r.mark = h.mark
	}
	if at.offset == 0 {
		return r.takeStart(h, body, at)
	}
	corrupt := &CorruptError{File: r.path(at.segment), Offset: at.offset}
	if h.kind != kindBatch {
		corrupt.Reason = fmt.Sprintf("a record of kind %d inside a segment", h.kind)
		return corrupt
	}
	batch, err := decodeBatch(body)
	if err == nil && r.orphan == nil {
		err = r.state.check(batch)
	}
	if err != nil {
		corrupt.Reason = err.Error()
		if batch.From <= r.state.base.Index && len(batch.Entries) > 0 {
			r.orphan = corrupt
			return nil
		}
		return corrupt
	}
	if r.orphan != nil {
		return nil
	}
	r.apply(batch)
	if len(batch.Entries) > 0 {
		r.entries = append(r.entries[:batch.From-1-r.state.base.Index], batch.Entries...)
	}
	return nil
}

// takeStart replays the first record of a segment, which has to fit the end
// of the segment before, if there is one that counts.
func (r *recovery) takeStart(h header, body []byte, at position) error {
	corrupt := &CorruptError{File: r.path(at.segment), Offset: at.offset}
	s, err := decodeStart(body)
	switch {
	case h.kind != kindContinue && h.kind != kindRestart:
		corrupt.Reason = fmt.Sprintf("a segment that begins with a record of kind %d", h.kind)
		return corrupt
	case err != nil:
		corrupt.Reason = err.Error()
		return corrupt
	case len(r.segments) == 0:
		r.begin(s)
	case h.mark != r.at:
		// The segment before was durable up to the mark; it ends elsewhere.
		corrupt.File, corrupt.Offset = r.path(r.at.segment), r.at.offset
		corrupt.Reason = fmt.Sprintf("the segment ends here, %d durable bytes are said to follow in segment %d",
			h.mark.offset, at.segment)
		return corrupt
	case h.kind == kindContinue && r.orphan != nil:
		r.first += len(r.segments)
		r.begin(s)
	case h.kind != kindContinue || s.base != r.state.end() || s.hard != r.state.hard:
		corrupt.Reason = "the segment does not go on where the one before ended"
		return corrupt
	}
	r.segments = append(r.segments, segment{number: at.segment, base: s.base, low: s.base.Index})
	return nil
}

// begin begins the log at a segment; those before it are void.
func (r *recovery) begin(s start) {
	r.orphan, r.segments, r.entries = nil, nil, nil
	r.state.hard = s.hard
	r.state.restart(s.base)
}

// settle makes durable what was read. What is above the highest mark may
// never have been synced, and after a failed sync the page cache may hold as
// clean what the disk never got; so it is written once more.
func (r *recovery) settle() error {
	if r.orphan != nil {
		return r.orphan
	}
	if len(r.segments) == 0 {
		return nil
	}
	name := r.path(r.at.segment)
	file, err := r.fs.Open(name)
	if err != nil {
		return fmt.Errorf("wal: open %s: %w", name, err)
	}
	r.file = file
	from := int64(0)
	if r.mark.segment == r.at.segment {
		from = r.mark.offset
	}
	if _, err = file.WriteAt(r.last[from:], from); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = r.fs.SyncDir(r.dir)
	}
	if err != nil {
		return fmt.Errorf("wal: settle %s: %w", name, err)
	}
	return nil
}

// reconcile brings snapshot and log together, as the package's rule says, and
// begins a log where there is none.
func (r *recovery) reconcile() error {
	snapshot := r.newest()
	base := r.state.base
	missing := base.Index > snapshot.Index
	switch known := len(r.snapshots)+len(r.broken) > 1; {
	case len(r.segments) == 0 && known:
		return &CorruptError{File: r.path(1), Reason: "there are snapshots and no segment"}
	case len(r.segments) == 0:
		if err := r.startSegment(kindRestart, core.SnapshotMeta{}); err != nil {
			return err
		}
	case missing || !r.state.holds(snapshot) && r.brokenAfter(snapshot):
		return r.refuseSnapshot(base)
	case !r.state.holds(snapshot):
		if err := r.restart(snapshot); err != nil {
			return err
		}
		r.entries = nil
	}
	r.restored = core.Restored{
		HardState: r.state.hard,
		Snapshot:  snapshot,
		Members:   r.members,
		Base:      r.state.base,
		Entries:   r.entries,
	}
	return nil
}

// brokenAfter says whether a snapshot newer than this one cannot be read.
func (r *recovery) brokenAfter(snapshot core.SnapshotMeta) bool {
	return len(r.broken) > 0 && compareMeta(r.broken[len(r.broken)-1], snapshot) > 0
}

// refuseSnapshot names what is missing below the log: a snapshot that cannot
// be read, or one that is not there.
func (r *recovery) refuseSnapshot(base core.SnapshotMeta) error {
	if len(r.broken) > 0 {
		_, _, err := readSnapshot(r.fs, r.dir, r.broken[len(r.broken)-1])
		return err
	}
	return &CorruptError{File: r.path(r.segments[0].number), Reason: fmt.Sprintf(
		"the log begins after entry %d and no snapshot covers what was before", base.Index)}
}

// sweep removes what the log does not need: void segments, older snapshots,
// and broken ones that the log makes up for.
func (r *recovery) sweep() error {
	for _, number := range r.numbers[:r.first] {
		if err := r.remove(segmentName(number)); err != nil {
			return err
		}
	}
	for _, meta := range r.broken {
		name := snapshotName(meta)
		r.repaired(Repair{File: filepath.Join(r.dir, name), Reason: "the snapshot cannot be read; the log holds all that it covers"})
		if err := r.remove(name); err != nil {
			return err
		}
	}
	for _, old := range r.publish(r.newest()) {
		if err := r.remove(snapshotName(old)); err != nil {
			return err
		}
	}
	return nil
}

func (r *recovery) path(number uint64) string { return filepath.Join(r.dir, segmentName(number)) }
