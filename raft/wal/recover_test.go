package wal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"partita/raft/core"
	"partita/raft/wal/memfs"
)

// grown makes a disk with a log that the steps have made, closed properly.
func grown(t testing.TB, opts Options, steps ...step) (*memfs.Disk, model) {
	t.Helper()
	disk := memfs.New(1)
	l, err := Open(disk.Mount(), testDir, opts)
	if err != nil {
		t.Fatal(err)
	}
	m := model{}
	for _, s := range steps {
		if err := s.run(l); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		results := s.may(m)
		m = results[len(results)-1]
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return disk, m
}

// edit changes a file of the disk, durably.
func edit(t *testing.T, disk *memfs.Disk, name string, change func(File) error) {
	t.Helper()
	file, err := disk.Mount().Open(filepath.Join(testDir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmp.Or(change(file), file.Sync(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// flip flips a bit.
func flip(offset int64) func(File) error {
	return func(file File) error {
		b := make([]byte, 1)
		if _, err := file.ReadAt(b, offset); err != nil {
			return err
		}
		b[0] ^= 0x10
		_, err := file.WriteAt(b, offset)
		return err
	}
}

func erase(t *testing.T, disk *memfs.Disk, names ...string) {
	t.Helper()
	fsys := disk.Mount()
	for _, name := range names {
		if err := cmp.Or(fsys.Remove(filepath.Join(testDir, name)), fsys.SyncDir(testDir)); err != nil {
			t.Fatal(err)
		}
	}
}

// threeBatches fill one segment: records begin at 96, then every 156 bytes.
func threeBatches() []step {
	return []step{
		appendStep(batch(hard(1, 1, 1), 1, 1, 1, 51)),
		appendStep(batch(hard(1, 1, 1), 2, 1, 1, 51)),
		appendStep(batch(hard(2, 1, 1), 3, 2, 1, 51)),
	}
}

// TestEveryFlippedByte flips each byte of a log of three batches in one
// segment. All but the last lie below the mark of a later header: refused,
// with the offset of their record. The last was synced too, but nothing in
// the log says so; it is cut like a torn one. No member can tell the two
// apart by its own disk.
func TestEveryFlippedByte(t *testing.T) {
	records := []int64{0, startRecordBytes, startRecordBytes + 156, startRecordBytes + 312, startRecordBytes + 468}
	for i, begin := range records[:len(records)-1] {
		for offset := begin; offset < records[i+1]; offset++ {
			disk, m := grown(t, Options{}, threeBatches()...)
			edit(t, disk, segmentName(1), flip(offset))
			var repairs []Repair
			l, err := Open(disk.Mount(), testDir, Options{OnRepair: func(r Repair) { repairs = append(repairs, r) }})
			if i < 3 {
				var corrupt *CorruptError
				if !errors.As(err, &corrupt) || corrupt.Offset != begin || corrupt.File != filepath.Join(testDir, segmentName(1)) {
					t.Fatalf("flip at %d: %v, want corruption at %d", offset, err, begin)
				}
				continue
			}
			if err != nil {
				t.Fatalf("flip at %d: %v, want a cut", offset, err)
			}
			if len(repairs) != 1 || repairs[0].Offset != begin || repairs[0].Bytes != 156 {
				t.Fatalf("flip at %d: repairs %+v", offset, repairs)
			}
			m.hard, m.entries = hard(1, 1, 1), m.entries[:2]
			if why := m.differs(l.Restored(), nil); why != "" {
				t.Fatalf("flip at %d: %s", offset, why)
			}
		}
	}
}

// rotated is a log of several segments, the first with entries 1 to 3, the
// second with 4 to 6, the third with 7.
func rotated() []step {
	return []step{
		appendStep(batch(hard(1, 1, 1), 1, 1, 3, 600)),
		appendStep(batch(hard(1, 1, 1), 4, 1, 3, 600)),
		appendStep(batch(hard(1, 1, 1), 7, 1, 1, 600)),
	}
}

func TestDamageIsRefused(t *testing.T) {
	snapshot := core.SnapshotMeta{Index: 5, Term: 1}
	withSnapshot := append(rotated(), saveStep(snapshot, "five"))
	cutBelow := append(rotated(), saveStep(snapshot, "five"), cutStep(5))
	reset := append(rotated(), resetStep(core.SnapshotMeta{Index: 50, Term: 2}, "fifty"))
	cases := []struct {
		name   string
		steps  []step
		damage func(t *testing.T, disk *memfs.Disk)
		file   string
		offset int64
		reason string
	}{
		{"flip in an old segment", rotated(), flipIn(segmentName(1), 200), segmentName(1), startRecordBytes, "below the mark at 96 of segment 3"},
		{"flip in an old segment's start", rotated(), flipIn(segmentName(2), 60), segmentName(2), 0, "below the mark"},
		{"old segment cut inside a record", rotated(), truncateTo(segmentName(1), 1000), segmentName(1), startRecordBytes, "of the body are missing"},
		{"old segment cut between records", rotated(), truncateTo(segmentName(1), startRecordBytes), segmentName(1), startRecordBytes, "the segment ends here"},
		{"old segment emptied", rotated(), truncateTo(segmentName(1), 0), segmentName(1), 0, "below the mark"},
		{"old segment grown", rotated(), growBy(segmentName(1), 2027), segmentName(1), 2027, "no record begins here"},
		{"segment missing in the middle", rotated(), removal(segmentName(2)), segmentName(2), 0, "missing"},
		{"first segment missing", rotated(), removal(segmentName(1)), segmentName(2), 0, "begins after entry 3"},
		{"all segments missing beside a snapshot", withSnapshot, removal(segmentName(1), segmentName(2), segmentName(3)), segmentName(1), 0, "no segment"},
		{"snapshot flipped below a cut log", cutBelow, flipIn(snapshotName(snapshot), dataBegin(snapshot)), snapshotName(snapshot), 0, "data's checksum is wrong"},
		{"snapshot's configuration flipped below a cut log", cutBelow, flipIn(snapshotName(snapshot), snapshotHeaderBytes), snapshotName(snapshot), 0, "configuration's checksum"},
		{"snapshot's checksums flipped below a cut log", cutBelow, flipIn(snapshotName(snapshot), dataBegin(snapshot)-1), snapshotName(snapshot), 0, "checksum of the data's checksums"},
		{"snapshot missing below a cut log", cutBelow, removal(snapshotName(snapshot)), segmentName(2), 0, "no snapshot covers"},
		{"only start flipped after a reset", reset, flipIn(segmentName(4), 60), segmentName(4), 0, "begun before"},
		{"only start emptied beside a snapshot", []step{saveStep(core.SnapshotMeta{Index: 1, Term: 1}, "one")}, truncateTo(segmentName(1), 0), segmentName(1), 0, "begun before"},
		{"first segment missing that a later batch reaches back to", []step{
			appendStep(batch(hard(1, 1, 1), 1, 1, 3, 600)),
			appendStep(batch(hard(2, 1, 1), 2, 2, 3, 600)),
			saveStep(core.SnapshotMeta{Index: 4, Term: 2}, "four"),
		}, removal(segmentName(1)), segmentName(2), startRecordBytes, "cannot follow"},
		{"snapshot of another name", cutBelow, func(t *testing.T, disk *memfs.Disk) {
			fsys := disk.Mount()
			other := snapshotName(core.SnapshotMeta{Index: 6, Term: 1})
			if err := fsys.Rename(filepath.Join(testDir, snapshotName(snapshot)), filepath.Join(testDir, other)); err != nil {
				t.Fatal(err)
			}
		}, snapshotName(core.SnapshotMeta{Index: 6, Term: 1}), 0, "it is of index 5 and term 1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			disk, _ := grown(t, smallSegments(), c.steps...)
			c.damage(t, disk)
			_, err := Open(disk.Mount(), testDir, smallSegments())
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatalf("open: %v, want corruption", err)
			}
			if corrupt.File != filepath.Join(testDir, c.file) || corrupt.Offset != c.offset || !strings.Contains(corrupt.Reason, c.reason) {
				t.Fatalf("%v, want %s at %d: %s", err, c.file, c.offset, c.reason)
			}
			if !strings.Contains(err.Error(), fmt.Sprintf("%s is corrupt at offset %d", corrupt.File, c.offset)) {
				t.Fatalf("the message %q does not name file and offset", err)
			}
		})
	}
}

func flipIn(name string, offset int64) func(*testing.T, *memfs.Disk) {
	return func(t *testing.T, disk *memfs.Disk) { edit(t, disk, name, flip(offset)) }
}

// dataBegin is where the data of a short snapshot of the tests begins.
func dataBegin(meta core.SnapshotMeta) int64 {
	return int64(len(encodeSnapshotHead(meta, membersOf(meta), []byte("short"))))
}

func truncateTo(name string, size int64) func(*testing.T, *memfs.Disk) {
	return func(t *testing.T, disk *memfs.Disk) {
		edit(t, disk, name, func(file File) error { return file.Truncate(size) })
	}
}

func growBy(name string, size int64) func(*testing.T, *memfs.Disk) {
	return func(t *testing.T, disk *memfs.Disk) {
		edit(t, disk, name, func(file File) error { return file.Truncate(size + 100) })
	}
}

func removal(names ...string) func(*testing.T, *memfs.Disk) {
	return func(t *testing.T, disk *memfs.Disk) { erase(t, disk, names...) }
}

// write puts bytes at the end of a segment or, if it is not there, in a new
// one.
func write(t *testing.T, disk *memfs.Disk, name string, b []byte) {
	t.Helper()
	fsys := disk.Mount()
	path := filepath.Join(testDir, name)
	file, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = fsys.Create(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	size, err := file.Size()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(b, size); err != nil {
		t.Fatal(err)
	}
	if err := cmp.Or(file.Sync(), file.Close(), fsys.SyncDir(testDir)); err != nil {
		t.Fatal(err)
	}
}

// TestImpossibleRecordsAreRefused: checksums are right, so these were written
// like that; cutting them would hide a fault.
func TestImpossibleRecordsAreRefused(t *testing.T) {
	end := position{segment: 1, offset: startRecordBytes + 3*156}
	next := position{segment: 2}
	last := core.SnapshotMeta{Index: 3, Term: 2}
	state := hard(2, 1, 1)
	cases := []struct {
		name   string
		file   uint64
		record []byte
		reason string
	}{
		{"gap in the entries", 1, appendBatch(nil, batch(state, 5, 2, 1, 1), end, end), "cannot follow"},
		{"entry zero", 1, appendBatch(nil, batch(state, 0, 2, 1, 1), end, end), "cannot follow"},
		{"kind unknown", 1, sealed(9, make([]byte, 3), end, end), "kind 9 inside a segment"},
		{"body of no batch", 1, sealed(kindBatch, make([]byte, 3), end, end), "too short"},
		{"segment begins with a batch", 2, appendBatch(nil, batch(state, 4, 2, 1, 1), next, end), "kind 1"},
		{"start of another length", 2, sealed(kindContinue, make([]byte, 3), next, end), "want 40"},
		{"start after another entry", 2, appendStart(nil, kindContinue, start{hard: state, base: core.SnapshotMeta{Index: 2, Term: 1}}, 2, end), "does not go on"},
		{"start with another hard state", 2, appendStart(nil, kindContinue, start{hard: hard(1, 1, 1), base: last}, 2, end), "does not go on"},
		{"start that marks too little", 2, appendStart(nil, kindContinue, start{hard: state, base: last}, 2, position{segment: 1, offset: 96}), "the segment ends here"},
		{"restart of an unreadable kind", 2, sealed(kindRestart, make([]byte, 3), next, end), "want 40"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			disk, _ := grown(t, Options{}, threeBatches()...)
			write(t, disk, segmentName(c.file), c.record)
			_, err := Open(disk.Mount(), testDir, Options{})
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || !strings.Contains(corrupt.Reason, c.reason) {
				t.Fatalf("open: %v, want %q", err, c.reason)
			}
		})
	}
}

func sealed(kind recordKind, body []byte, at, mark position) []byte {
	record := append(make([]byte, headerBytes), body...)
	seal(record, kind, at, mark)
	return record
}

func TestOldFilesAreSweptAway(t *testing.T) {
	meta := core.SnapshotMeta{Index: 5, Term: 1}
	older := core.SnapshotMeta{Index: 2, Term: 1}
	disk, m := grown(t, smallSegments(), append(rotated(), saveStep(meta, "five"))...)
	write(t, disk, snapshotName(older), encodeSnapshotHead(older, core.Membership{}, nil))
	write(t, disk, snapshotName(meta)+".7"+tempSuffix, []byte("half"))
	write(t, disk, "notes", []byte("not ours"))
	fsys := disk.Mount()
	l, err := Open(fsys, testDir, smallSegments())
	if err != nil {
		t.Fatal(err)
	}
	if why := m.differs(l.Restored(), []byte("five")); why != "" {
		t.Fatal(why)
	}
	names, err := fsys.List(testDir)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{segmentName(1), segmentName(2), segmentName(3), "notes", snapshotName(meta)}
	if fmt.Sprint(names) != fmt.Sprint(want) {
		t.Fatalf("files %v, want %v", names, want)
	}
}

func TestOpenOnABadPlace(t *testing.T) {
	if _, err := Open(memfs.New(1).Mount(), testDir, Options{SegmentBytes: -1}); err == nil {
		t.Error("a negative segment size was accepted")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(OS{}, file, Options{}); err == nil {
		t.Error("a file was taken for a directory")
	}
}
