package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"partita/raft/core"
	"partita/raft/wal/memfs"
)

// troubled are disks that Open has to repair or sweep, made anew each time.
func troubled(t *testing.T) map[string]func() (*memfs.Disk, model) {
	t.Helper()
	end := position{segment: 1, offset: startRecordBytes + 3*156}
	five, two := core.SnapshotMeta{Index: 5, Term: 1}, core.SnapshotMeta{Index: 2, Term: 1}
	return map[string]func() (*memfs.Disk, model){
		"torn end": func() (*memfs.Disk, model) {
			disk, m := grown(t, smallSegments(), threeBatches()...)
			write(t, disk, segmentName(1), make([]byte, 700))
			return disk, m
		},
		"torn end before a torn segment": func() (*memfs.Disk, model) {
			disk, m := grown(t, smallSegments(), threeBatches()...)
			write(t, disk, segmentName(1), []byte("half a record"))
			write(t, disk, segmentName(2), appendStart(nil, kindContinue, start{hard: m.hard}, 2, end)[:70])
			return disk, m
		},
		"next segment torn": func() (*memfs.Disk, model) {
			disk, m := grown(t, smallSegments(), threeBatches()...)
			write(t, disk, segmentName(2), nil)
			return disk, m
		},
		"broken snapshot that the log makes up for": func() (*memfs.Disk, model) {
			disk, m := grown(t, smallSegments(), append(rotated(), saveStep(five, "five"))...)
			edit(t, disk, snapshotName(five), flip(3))
			m.snapshot, m.members, m.data = core.SnapshotMeta{}, core.Membership{}, nil
			return disk, m
		},
		"older snapshot and a save that never ended": func() (*memfs.Disk, model) {
			disk, m := grown(t, smallSegments(), append(rotated(), saveStep(five, "five"))...)
			write(t, disk, snapshotName(two), encodeSnapshotHead(two, membersOf(two), nil))
			write(t, disk, snapshotName(five)+".7"+tempSuffix, []byte("half"))
			return disk, m
		},
		"reset that was not begun anew": func() (*memfs.Disk, model) {
			disk, m := grown(t, smallSegments(), rotated()...)
			ten := core.SnapshotMeta{Index: 10, Term: 2}
			write(t, disk, snapshotName(ten), append(encodeSnapshotHead(ten, membersOf(ten), []byte("ten")), "ten"...))
			return disk, m.save(ten, []byte("ten"))
		},
		"nothing": func() (*memfs.Disk, model) { return memfs.New(1), model{} },
	}
}

// TestFailureAtEveryCallOfRecovery: whatever call of Open fails, Open says so,
// and the next one restores the same as if nothing had happened.
func TestFailureAtEveryCallOfRecovery(t *testing.T) {
	broken := errors.New("input/output error")
	for name, grow := range troubled(t) {
		t.Run(name, func(t *testing.T) {
			disk, _ := grow()
			before := disk.Calls()
			if _, err := Open(disk.Mount(), testDir, smallSegments()); err != nil {
				t.Fatal(err)
			}
			for number := disk.Calls() - before; number > 0; number-- {
				disk, m := grow()
				at(disk, number, memfs.Fate{Err: broken})
				if _, err := Open(disk.Mount(), testDir, smallSegments()); !errors.Is(err, broken) {
					t.Fatalf("call %d: %v, want the failure", number, err)
				}
				disk.SetHook(nil)
				disk.Crash(memfs.LoseAll)
				l, data, err := reopen(disk, smallSegments())
				if err != nil {
					t.Fatalf("call %d: the next open: %v", number, err)
				}
				if why := m.differs(l.Restored(), data); why != "" {
					t.Fatalf("call %d: the next open: %s", number, why)
				}
			}
		})
	}
}

// TestRepairIsDoneOnce: what Open repaired is durable, so the next finds nothing
// to repair.
func TestRepairIsDoneOnce(t *testing.T) {
	for name, grow := range troubled(t) {
		t.Run(name, func(t *testing.T) {
			disk, m := grow()
			if _, err := Open(disk.Mount(), testDir, smallSegments()); err != nil {
				t.Fatal(err)
			}
			disk.Crash(memfs.LoseAll)
			opts := smallSegments()
			opts.OnRepair = func(r Repair) { t.Errorf("repaired again: %+v", r) }
			l, data, err := reopen(disk, opts)
			if err != nil {
				t.Fatal(err)
			}
			if why := m.differs(l.Restored(), data); why != "" {
				t.Fatal(why)
			}
		})
	}
}

// TestLaterSegmentThatCannotBeRead: to judge a bad record, those after it are
// read; that this fails must not make the bad one look torn.
func TestLaterSegmentThatCannotBeRead(t *testing.T) {
	broken := errors.New("input/output error")
	disk, _ := grown(t, smallSegments(), rotated()...)
	edit(t, disk, segmentName(1), flip(200))
	opened := 0
	disk.SetHook(func(call memfs.Call) memfs.Fate {
		if call.Op == memfs.OpOpen && filepath.Base(call.Name) == segmentName(2) {
			if opened++; opened == 2 { // the first is by the search for the first segment
				return memfs.Fate{Err: broken}
			}
		}
		return memfs.Fate{}
	})
	if _, err := Open(disk.Mount(), testDir, smallSegments()); !errors.Is(err, broken) {
		t.Fatalf("open: %v, want the failure", err)
	}
}

// TestSnapshotOfVersion1IsRefused: it is neither swept away nor taken for a
// broken one, though the log would make up for it.
func TestSnapshotOfVersion1IsRefused(t *testing.T) {
	disk, _ := grown(t, smallSegments(), rotated()...)
	meta := core.SnapshotMeta{Index: 5, Term: 1}
	old := append([]byte(snapshotMagic1), make([]byte, 32)...)
	write(t, disk, snapshotName(meta), append(old, "five"...))
	_, err := Open(disk.Mount(), testDir, smallSegments())
	if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), snapshotName(meta)) {
		t.Fatalf("open: %v, want ErrVersion and the file's name", err)
	}
	names, err := disk.Mount().List(testDir)
	if err != nil || !slices.Contains(names, snapshotName(meta)) {
		t.Fatalf("files %v, %v: the snapshot is gone", names, err)
	}
}

func TestBadSnapshotsAreRefused(t *testing.T) {
	meta := core.SnapshotMeta{Index: 5, Term: 1}
	data := []byte("five")
	good := func() []byte { return append(encodeSnapshotHead(meta, membersOf(meta), data), data...) }
	header := func(change func([]byte)) []byte {
		b := good()
		change(b)
		binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:snapshotHeaderBytes], castagnoli))
		return b
	}
	unsorted := header(func(b []byte) {
		b[snapshotHeaderBytes+1] = 9
		length := binary.LittleEndian.Uint64(b[32:])
		binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b[snapshotHeaderBytes:snapshotHeaderBytes+length], castagnoli))
	})
	cases := []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "too few for a snapshot"},
		{"half a header", good()[:30], "too few for a snapshot"},
		{"another magic", append([]byte("PSN3"), good()[4:]...), "no snapshot"},
		{"flipped header", func() []byte { b := good(); b[17] ^= 1; return b }(), "header's checksum"},
		{"endless members", header(func(b []byte) { b[34] = 1 }), "makes no sense"},
		{"endless data", header(func(b []byte) { b[47] = 0x7f }), "makes no sense"},
		{"data cut short", good()[:len(good())-1], "bytes, want"},
		{"data too long", append(good(), 0), "bytes, want"},
		{"flipped configuration", func() []byte { b := good(); b[snapshotHeaderBytes] ^= 1; return b }(), "configuration's checksum"},
		{"configuration that is none", unsorted, "must be sorted"},
		{"flipped data", func() []byte { b := good(); b[len(b)-1] ^= 1; return b }(), "data's checksum is wrong"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, _, _, err := decodeSnapshot(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestLargeBufferIsNotKept: one large append shall not hold its memory for
// ever, a small one shall not need new memory each time.
func TestLargeBufferIsNotKept(t *testing.T) {
	l, _, err := reopen(memfs.New(1), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{100, 2 * keepBufferBytes, 100} {
		if err := l.Append(batch(hard(1, 1, 1), core.Index(i+1), 1, 1, size)); err != nil {
			t.Fatal(err)
		}
		if kept, small := cap(l.buffer) > 0, size < keepBufferBytes; kept != small || cap(l.buffer) > keepBufferBytes {
			t.Errorf("after an append of %d bytes a buffer of %d is kept", size, cap(l.buffer))
		}
	}
}
