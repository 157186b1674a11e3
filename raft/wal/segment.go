package wal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"partita/raft/core"
)

// segmentSuffix ends the name of a segment: its number in 16 hexadecimal
// digits and this.
const segmentSuffix = ".log"

// segment is what the log remembers of one of its segments.
type segment struct {
	number uint64
	base   core.SnapshotMeta // the entry before the segment's first
	// low is the lowest entry that the segment's batches leave standing. While
	// it is below the base of a segment, that one cannot become the first.
	low core.Index
}

func segmentName(number uint64) string { return fmt.Sprintf("%016x%s", number, segmentSuffix) }

// parseSegmentName gives the number in a segment's name.
func parseSegmentName(name string) (uint64, bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	if !found || len(digits) != 16 {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 16, 64)
	return number, err == nil && segmentName(number) == name
}

// readAll reads a file whole.
func readAll(fs FS, name string) ([]byte, error) { return readHead(fs, name, -1) }

// readHead reads the first bytes of a file, or all if limit is negative or
// beyond its end.
func readHead(fs FS, name string, limit int64) ([]byte, error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, fmt.Errorf("wal: open %s: %w", name, err)
	}
	size, err := file.Size()
	if limit >= 0 {
		size = min(size, limit)
	}
	var content []byte
	if err == nil {
		content, err = readPiece(file, 0, size)
	}
	if err = cmp.Or(err, file.Close()); err != nil {
		return nil, fmt.Errorf("wal: read %s: %w", name, err)
	}
	return content, nil
}

// readPiece reads size bytes of a file from offset on, all of which must be
// there.
func readPiece(file File, offset, size int64) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	content := make([]byte, size)
	if n, err := file.ReadAt(content, offset); err != nil && (n < len(content) || !errors.Is(err, io.EOF)) {
		return nil, err
	}
	return content, nil
}

// startSegment makes a segment and goes on in it. Its first record and its
// name are durable before anything else is written to it.
func (l *Log) startSegment(kind recordKind, base core.SnapshotMeta) error {
	number := l.at.segment + 1
	name := filepath.Join(l.dir, segmentName(number))
	file, err := l.fs.Create(name)
	if err != nil {
		return fmt.Errorf("wal: create %s: %w", name, err)
	}
	record := appendStart(nil, kind, start{hard: l.state.hard, base: base}, number, l.at)
	if _, err = file.WriteAt(record, 0); err == nil {
		err = file.Sync()
	}
	if err = cmp.Or(err, l.fs.SyncDir(l.dir)); err != nil {
		return errors.Join(fmt.Errorf("wal: start %s: %w", name, err), file.Close())
	}
	if l.file != nil {
		if err := l.file.Close(); err != nil {
			return errors.Join(fmt.Errorf("wal: close segment %d: %w", l.at.segment, err), file.Close())
		}
	}
	l.file = file
	l.at = position{segment: number, offset: int64(len(record))}
	l.segments = append(l.segments, segment{number: number, base: base, low: base.Index})
	return nil
}

// dropSegments removes the first count segments, the oldest first. Each
// removal is durable before the next, so that no crash leaves a gap.
func (l *Log) dropSegments(count int) error {
	for range count {
		if err := l.remove(segmentName(l.segments[0].number)); err != nil {
			return err
		}
		l.segments = append([]segment(nil), l.segments[1:]...)
	}
	return nil
}

// remove removes a file of the log durably.
func (l *Log) remove(name string) error {
	path := filepath.Join(l.dir, name)
	if err := l.fs.Remove(path); err != nil {
		return fmt.Errorf("wal: remove %s: %w", path, err)
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return fmt.Errorf("wal: remove %s: sync %s: %w", path, l.dir, err)
	}
	return nil
}
