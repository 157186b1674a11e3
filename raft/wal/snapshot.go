package wal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"partita/raft/core"
)

const (
	snapshotPrefix = "snapshot-"
	snapshotSuffix = ".snap"
	tempSuffix     = ".tmp"
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

// newest is the newest durable snapshot.
func (l *Log) newest() core.SnapshotMeta {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.snapshots[len(l.snapshots)-1]
}

// Snapshot is the newest saved snapshot: the configuration as of it and its
// data. All is zero if there is none.
func (l *Log) Snapshot() (core.SnapshotMeta, core.Membership, []byte, error) {
	for {
		if err := l.usable(); err != nil {
			return core.SnapshotMeta{}, core.Membership{}, nil, err
		}
		meta := l.newest()
		if meta == (core.SnapshotMeta{}) {
			return meta, core.Membership{}, nil, nil
		}
		members, data, err := readSnapshot(l.fs, l.dir, meta)
		if l.superseded(meta, err) {
			continue
		}
		if err != nil {
			return core.SnapshotMeta{}, core.Membership{}, nil, err
		}
		return meta, members, data, nil
	}
}

// superseded says whether a snapshot could not be read because a newer one
// took its place meanwhile.
func (l *Log) superseded(meta core.SnapshotMeta, err error) bool {
	return errors.Is(err, fs.ErrNotExist) && l.newest() != meta
}

// SaveSnapshot makes a snapshot durable beside the log, which stays as it is;
// members is the configuration as of meta. One that is older than the newest is
// not needed and not written.
func (l *Log) SaveSnapshot(meta core.SnapshotMeta, members core.Membership, data []byte) error {
	if err := l.takes(meta, members); err != nil {
		return err
	}
	if meta.Index < l.newest().Index {
		return nil
	}
	if err := l.saveSnapshot(meta, members, data); err != nil {
		return l.fail(fmt.Errorf("wal: save snapshot %d: %w", meta.Index, err))
	}
	return nil
}

// takes says why a snapshot cannot be saved. What could not be read again is not
// written either.
func (l *Log) takes(meta core.SnapshotMeta, members core.Membership) error {
	if err := l.usable(); err != nil {
		return err
	}
	if meta.Index == 0 {
		return errEmptySnapshot
	}
	if err := members.Validate(); err != nil {
		return fmt.Errorf("wal: save snapshot %d: %w", meta.Index, err)
	}
	return nil
}

// saveSnapshot writes, syncs, renames, syncs the directory, and only then
// lets older snapshots go. Each save has a temporary file of its own: two may
// run at once, and none waits for another.
func (l *Log) saveSnapshot(meta core.SnapshotMeta, members core.Membership, data []byte) error {
	l.mu.Lock()
	l.saves++
	temp := filepath.Join(l.dir, fmt.Sprintf("%s.%d%s", snapshotName(meta), l.saves, tempSuffix))
	l.mu.Unlock()
	file, err := l.fs.Create(temp)
	if err != nil {
		return err
	}
	head := encodeSnapshotHead(meta, members, data)
	if _, err = file.WriteAt(head, 0); err == nil {
		_, err = file.WriteAt(data, int64(len(head)))
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
	return l.loans.age(l.newest())
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
