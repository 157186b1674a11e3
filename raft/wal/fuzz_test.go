package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"partita/raft/core"
	"partita/raft/wal/memfs"
)

// filled makes a disk with files of any content.
func filled(t *testing.T, files map[string][]byte) *memfs.Disk {
	t.Helper()
	disk := memfs.New(1)
	fsys := disk.Mount()
	if err := fsys.MakeDir(testDir); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		write(t, disk, name, content)
	}
	return disk
}

// bytesOf reads a file of a disk whole.
func bytesOf(tb testing.TB, disk *memfs.Disk, name string) []byte {
	tb.Helper()
	b, err := readAll(disk.Mount(), filepath.Join(testDir, name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// FuzzRecovery opens a log of two segments and a snapshot of any bytes. Either
// it is refused as corrupt, or what it restores can be gone on with, is durable,
// and needs no repair again.
func FuzzRecovery(f *testing.F) {
	meta := core.SnapshotMeta{Index: 5, Term: 1}
	for _, steps := range [][]step{
		threeBatches(),
		rotated(),
		append(rotated(), saveStep(meta, "five")),
		append(rotated(), saveStep(meta, "five"), cutStep(3)),
		append(rotated(), appendStep(batch(hard(2, 1, 1), 2, 2, 1, 10))),
	} {
		disk, _ := grown(f, smallSegments(), steps...)
		files := make([][]byte, 3)
		names, err := disk.Mount().List(testDir)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			if number, ok := parseSegmentName(name); ok && number <= 2 {
				files[number-1] = bytesOf(f, disk, name)
			} else if !ok {
				files[2] = bytesOf(f, disk, name)
			}
		}
		f.Add(files[0], files[1], files[2])
		f.Add(files[0], files[1][:len(files[1])/2], files[2])
	}
	f.Add([]byte(nil), []byte(nil), []byte(snapshotMagic1))
	f.Fuzz(func(t *testing.T, first, second, snapshot []byte) {
		files := map[string][]byte{}
		for name, content := range map[string][]byte{segmentName(1): first, segmentName(2): second, snapshotName(meta): snapshot} {
			if len(content) > 0 {
				files[name] = content
			}
		}
		if err := opens(filled(t, files)); err != nil {
			t.Fatal(err)
		}
	})
}

// opens checks what Open makes of a disk of any content: it is refused as
// corrupt, or what is restored can be gone on with, is durable, and needs no
// repair again.
func opens(disk *memfs.Disk) error {
	l, _, err := reopen(disk, smallSegments())
	if corrupt := new(CorruptError); errors.As(err, &corrupt) || errors.Is(err, ErrVersion) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("neither corrupt nor well: %w", err)
	}
	r := l.Restored()
	for i, entry := range r.Entries {
		if want := r.Base.Index + 1 + core.Index(i); entry.Index != want {
			return fmt.Errorf("entry %d stands at the place of %d", entry.Index, want)
		}
	}
	last := r.Base.Index + core.Index(len(r.Entries))
	if r.Snapshot.Index < r.Base.Index || last < r.Snapshot.Index {
		return fmt.Errorf("a log of %d to %d with a snapshot of %d", r.Base.Index+1, last, r.Snapshot.Index)
	}
	var repairs []Repair
	opts := smallSegments()
	opts.OnRepair = func(r Repair) { repairs = append(repairs, r) }
	disk.Crash(memfs.LoseAll)
	if l, _, err = reopen(disk, opts); err != nil || len(repairs) > 0 {
		return fmt.Errorf("the second open repaired %+v: %w", repairs, err)
	}
	if !reflect.DeepEqual(l.Restored(), r) {
		return fmt.Errorf("the second open restored %+v, the first %+v", l.Restored(), r)
	}
	if last+1 == 0 {
		return nil // no index is left
	}
	next := batch(hard(9, 9, 9), last+1, 9, 1, 5)
	if err := l.Append(next); err != nil {
		return fmt.Errorf("append after recovery: %w", err)
	}
	disk.Crash(memfs.LoseAll)
	if l, _, err = reopen(disk, opts); err != nil {
		return fmt.Errorf("open after an append: %w", err)
	}
	if want := slices.Concat(r.Entries, next.Entries); !slices.EqualFunc(l.Restored().Entries, want, sameEntry) || l.Restored().HardState != next.HardState {
		return fmt.Errorf("after an append %+v, want %+v", l.Restored(), want)
	}
	return nil
}
