package wal

import (
	"errors"
	"path/filepath"
	"testing"

	"partita/raft/core"
)

func TestTornEndIsCut(t *testing.T) {
	end := position{segment: 1, offset: startRecordBytes + 3*156}
	one := appendBatch(nil, batch(hard(3, 1, 1), 4, 3, 1, 700), end, end)
	second := position{segment: 1, offset: end.offset + int64(len(one))}
	// Two batches of one Append, of which the second reached the disk whole
	// and the first lost a sector.
	both := appendBatch(append([]byte(nil), one...), batch(hard(3, 1, 1), 5, 3, 1, 100), second, end)
	clear(both[200:300])
	beginning := appendStart(nil, kindContinue, start{hard: hard(2, 1, 1), base: core.SnapshotMeta{Index: 3, Term: 2}}, 2, end)
	cases := []struct {
		name string
		file uint64
		tail []byte
		want Repair
	}{
		{"zeros", 1, make([]byte, 5000), Repair{Offset: end.offset, Bytes: 5000}},
		{"half a header", 1, one[:20], Repair{Offset: end.offset, Bytes: 20}},
		{"half a body", 1, one[:400], Repair{Offset: end.offset, Bytes: 400}},
		{"first of two batches torn", 1, both, Repair{Offset: end.offset, Bytes: int64(len(both))}},
		{"next segment empty", 2, nil, Repair{}},
		{"next segment's start torn", 2, beginning[:70], Repair{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			disk, m := grown(t, Options{}, threeBatches()...)
			write(t, disk, segmentName(c.file), c.tail)
			var repairs []Repair
			l, err := Open(disk.Mount(), testDir, Options{OnRepair: func(r Repair) { repairs = append(repairs, r) }})
			if err != nil {
				t.Fatal(err)
			}
			if len(repairs) != 1 || repairs[0].Reason == "" {
				t.Fatalf("repairs %+v", repairs)
			}
			c.want.Reason, c.want.File = repairs[0].Reason, filepath.Join(testDir, segmentName(c.file))
			if repairs[0] != c.want {
				t.Fatalf("repair %+v, want %+v", repairs[0], c.want)
			}
			if why := m.differs(l.Restored(), nil); why != "" {
				t.Fatal(why)
			}
			if err := goesOn(disk, l, m); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestBrokenSnapshotIsMadeUpForByTheLog(t *testing.T) {
	meta := core.SnapshotMeta{Index: 5, Term: 1}
	disk, m := grown(t, smallSegments(), append(rotated(), saveStep(meta, "five"))...)
	edit(t, disk, snapshotName(meta), flip(3))
	var repairs []Repair
	opts := smallSegments()
	opts.OnRepair = func(r Repair) { repairs = append(repairs, r) }
	l, err := Open(disk.Mount(), testDir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if len(repairs) != 1 || repairs[0].File != filepath.Join(testDir, snapshotName(meta)) {
		t.Fatalf("repairs %+v", repairs)
	}
	m.snapshot, m.members, m.data = core.SnapshotMeta{}, core.Membership{}, nil
	if why := m.differs(l.Restored(), nil); why != "" {
		t.Fatal(why)
	}
}

// TestBrokenSnapshotOfAnotherLog: the older snapshot is not of this log, the
// newer one that might be cannot be read. Starting again at the older could
// forget what was promised on the newer.
func TestBrokenSnapshotOfAnotherLog(t *testing.T) {
	newer := core.SnapshotMeta{Index: 60, Term: 2}
	disk, _ := grown(t, smallSegments(), rotated()...)
	for meta, data := range map[core.SnapshotMeta]string{{Index: 50, Term: 2}: "fifty", newer: "sixty"} {
		write(t, disk, snapshotName(meta), append(encodeSnapshotHead(meta, membersOf(meta), []byte(data)), data...))
	}
	edit(t, disk, snapshotName(newer), flip(44))
	_, err := Open(disk.Mount(), testDir, smallSegments())
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || corrupt.File != filepath.Join(testDir, snapshotName(newer)) {
		t.Fatalf("open: %v, want corruption of the newer snapshot", err)
	}
}
