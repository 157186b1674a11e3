package wal

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"partita/raft/core"
)

// A snapshot is a file of its own, written under another name, synced, and
// then renamed, so that a crash leaves it whole or not at all. Little-endian;
// the header's CRC32C covers bytes 8 to 36.
//
//	   0               4               8              12              16
//	   +---------------+---------------+---------------+---------------+
//	 0 | magic "PSN1"  | header CRC    | data CRC      | index ...     |
//	   +---------------+---------------+---------------+---------------+
//	16 |  ... index    | term                          | data length.. |
//	   +---------------+-------------------------------+---------------+
//	32 | ..data length | data ...
//	   +---------------+
const (
	snapshotMagic       = "PSN1"
	snapshotHeaderBytes = 36
	snapshotPrefix      = "snapshot-"
	snapshotSuffix      = ".snap"
	tempSuffix          = ".tmp"
)

func snapshotName(meta core.SnapshotMeta) string {
	return fmt.Sprintf("%s%016x-%016x%s", snapshotPrefix, uint64(meta.Index), uint64(meta.Term), snapshotSuffix)
}

// parseSnapshotName gives the index and term in a snapshot's name.
func parseSnapshotName(name string) (core.SnapshotMeta, bool) {
	digits, found := strings.CutPrefix(name, snapshotPrefix)
	if !found || !strings.HasSuffix(digits, snapshotSuffix) {
		return core.SnapshotMeta{}, false
	}
	first, second, _ := strings.Cut(strings.TrimSuffix(digits, snapshotSuffix), "-")
	index, err := strconv.ParseUint(first, 16, 64)
	term, err2 := strconv.ParseUint(second, 16, 64)
	meta := core.SnapshotMeta{Index: core.Index(index), Term: core.Term(term)}
	return meta, err == nil && err2 == nil && snapshotName(meta) == name
}

// encodeSnapshotHeader gives what stands before the data.
func encodeSnapshotHeader(meta core.SnapshotMeta, data []byte) []byte {
	b := make([]byte, snapshotHeaderBytes)
	copy(b, snapshotMagic)
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(data, castagnoli))
	binary.LittleEndian.PutUint64(b[12:], uint64(meta.Index))
	binary.LittleEndian.PutUint64(b[20:], uint64(meta.Term))
	binary.LittleEndian.PutUint64(b[28:], uint64(len(data)))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// decodeSnapshot reads a snapshot file. The data is not copied.
func decodeSnapshot(b []byte) (core.SnapshotMeta, []byte, error) {
	var none core.SnapshotMeta
	switch {
	case len(b) < snapshotHeaderBytes:
		return none, nil, fmt.Errorf("%d bytes are too few for a snapshot", len(b))
	case string(b[:4]) != snapshotMagic:
		return none, nil, errors.New("this is no snapshot")
	case binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:snapshotHeaderBytes], castagnoli):
		return none, nil, errors.New("the header's checksum is wrong")
	}
	data := b[snapshotHeaderBytes:]
	if length := binary.LittleEndian.Uint64(b[28:]); length != uint64(len(data)) {
		return none, nil, fmt.Errorf("%d bytes of data, want %d", len(data), length)
	}
	if binary.LittleEndian.Uint32(b[8:]) != crc32.Checksum(data, castagnoli) {
		return none, nil, errors.New("the data's checksum is wrong")
	}
	return core.SnapshotMeta{
		Index: core.Index(binary.LittleEndian.Uint64(b[12:])),
		Term:  core.Term(binary.LittleEndian.Uint64(b[20:])),
	}, data, nil
}

// readSnapshot reads and checks the snapshot of that name.
func readSnapshot(fsys FS, dir string, meta core.SnapshotMeta) ([]byte, error) {
	name := filepath.Join(dir, snapshotName(meta))
	content, err := readAll(fsys, name)
	if err != nil {
		return nil, err
	}
	found, data, err := decodeSnapshot(content)
	if err == nil && found != meta {
		err = fmt.Errorf("it is of index %d and term %d", found.Index, found.Term)
	}
	if err != nil {
		return nil, &CorruptError{File: name, Reason: err.Error()}
	}
	return data, nil
}

// newest is the newest durable snapshot.
func (l *Log) newest() core.SnapshotMeta {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.snapshots[len(l.snapshots)-1]
}

// Snapshot is the newest saved snapshot and its data, or zero if there is
// none.
func (l *Log) Snapshot() (core.SnapshotMeta, []byte, error) {
	for {
		if err := l.usable(); err != nil {
			return core.SnapshotMeta{}, nil, err
		}
		meta := l.newest()
		if meta == (core.SnapshotMeta{}) {
			return meta, nil, nil
		}
		data, err := readSnapshot(l.fs, l.dir, meta)
		if errors.Is(err, fs.ErrNotExist) && l.newest() != meta {
			continue // a newer one took its place meanwhile
		}
		if err != nil {
			return core.SnapshotMeta{}, nil, err
		}
		return meta, data, nil
	}
}

// SaveSnapshot makes a snapshot durable beside the log, which stays as it is.
// One that is older than the newest is not needed and not written.
func (l *Log) SaveSnapshot(meta core.SnapshotMeta, data []byte) error {
	if err := l.usable(); err != nil {
		return err
	}
	if meta.Index == 0 {
		return errEmptySnapshot
	}
	if meta.Index < l.newest().Index {
		return nil
	}
	if err := l.saveSnapshot(meta, data); err != nil {
		return l.fail(fmt.Errorf("wal: save snapshot %d: %w", meta.Index, err))
	}
	return nil
}

// saveSnapshot writes, syncs, renames, syncs the directory, and only then
// lets older snapshots go. Each save has a temporary file of its own: two may
// run at once, and none waits for another.
func (l *Log) saveSnapshot(meta core.SnapshotMeta, data []byte) error {
	l.mu.Lock()
	l.saves++
	temp := filepath.Join(l.dir, fmt.Sprintf("%s.%d%s", snapshotName(meta), l.saves, tempSuffix))
	l.mu.Unlock()
	file, err := l.fs.Create(temp)
	if err != nil {
		return err
	}
	if _, err = file.WriteAt(encodeSnapshotHeader(meta, data), 0); err == nil {
		_, err = file.WriteAt(data, snapshotHeaderBytes)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = cmp.Or(err, file.Close()); err != nil {
		return err
	}
	if err := l.fs.Rename(temp, filepath.Join(l.dir, snapshotName(meta))); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	for _, old := range l.publish(meta) {
		if err := l.fs.Remove(filepath.Join(l.dir, snapshotName(old))); err != nil {
			return err
		}
	}
	return nil
}

// publish adds a durable snapshot and takes out those that are older than the
// newest, which may be this one, if another save was faster.
func (l *Log) publish(meta core.SnapshotMeta) (old []core.SnapshotMeta) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.snapshots, meta) {
		l.snapshots = append(l.snapshots, meta)
		slices.SortFunc(l.snapshots, compareMeta)
	}
	newest := len(l.snapshots) - 1
	for _, meta := range l.snapshots[:newest] {
		if meta != (core.SnapshotMeta{}) {
			old = append(old, meta)
		}
	}
	l.snapshots = slices.Clone(l.snapshots[newest:])
	return old
}

func compareMeta(a, b core.SnapshotMeta) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Term, b.Term))
}
