package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"partita/raft/core"
)

func TestLogOnTheRealFileSystem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "open")
	m := model{}
	steps := append(rotated(),
		saveStep(core.SnapshotMeta{Index: 5, Term: 1}, "five"),
		cutStep(5),
		appendStep(batch(hard(2, 1, 1), 6, 2, 3, 600)),
		resetStep(core.SnapshotMeta{Index: 20, Term: 3}, "twenty"),
		appendStep(batch(hard(3, 1, 1), 21, 3, 3, 600)),
	)
	for i, s := range steps {
		l, err := Open(OS{}, dir, smallSegments())
		if err != nil {
			t.Fatalf("open %d: %v", i, err)
		}
		_, _, data, err := l.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if why := m.differs(l.Restored(), data); why != "" {
			t.Fatalf("before %s: %s", s.name, why)
		}
		if err := s.run(l); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		results := s.may(m)
		m = results[len(results)-1]
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTornEndOnTheRealFileSystem(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(OS{}, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(batch(hard(1, 1, 1), 1, 1, 2, 100)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, segmentName(1))
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, append(before, "torn"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if l, err = Open(OS{}, dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(name); err != nil || len(after) != len(before) {
		t.Fatalf("%d bytes after the cut, want %d: %v", len(after), len(before), err)
	}
}

func TestDirectoryIsForOne(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(OS{}, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(OS{}, dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second open: %v, want ErrLocked", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Open(OS{}, dir, Options{}); err != nil {
		t.Fatalf("open after close: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFileSystemErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	closed, err := OS{}.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "none")
	cases := []struct {
		name string
		call func() error
		want error
	}{
		{"directory below a file", func() error { return OS{}.MakeDir(filepath.Join(file, "a", "b")) }, nil},
		{"lock in no directory", func() error { _, err := OS{}.Lock(none); return err }, fs.ErrNotExist},
		{"list no directory", func() error { _, err := OS{}.List(none); return err }, fs.ErrNotExist},
		{"open no file", func() error { _, err := OS{}.Open(none); return err }, fs.ErrNotExist},
		{"create in no directory", func() error { _, err := OS{}.Create(filepath.Join(none, "a")); return err }, fs.ErrNotExist},
		{"sync no directory", func() error { return OS{}.SyncDir(none) }, fs.ErrNotExist},
		{"size of a closed file", func() error { _, err := closed.Size(); return err }, nil},
		{"sync of a closed file", closed.Sync, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := c.call(); err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
		})
	}
}

// BenchmarkAppend says how many appends a second, each with one fdatasync,
// the file system of the temporary directory takes.
func BenchmarkAppend(b *testing.B) {
	for _, count := range []int{1, 64} {
		b.Run(fmt.Sprintf("%d entries of 256 B", count), func(b *testing.B) {
			l, err := Open(OS{}, b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			next := batch(hard(1, 1, 1), 1, 1, count, 256)
			b.SetBytes(batchSize(next))
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Append(next); err != nil {
					b.Fatal(err)
				}
				next.From += core.Index(count)
				for i := range next.Entries {
					next.Entries[i].Index += core.Index(count)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
