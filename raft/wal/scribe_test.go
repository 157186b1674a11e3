package wal

import (
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"partita/raft/core"
	"partita/raft/wal/memfs"
)

// TestAnyRecordsAreOpened: all checksums are right; what the records say mostly
// follows what was before, and is anything now and then.
func TestAnyRecordsAreOpened(t *testing.T) { rapid.Check(t, anyRecordsAreOpened) }

// FuzzRecords is the same, led by the coverage of recovery.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("any bytes are choices"))
	f.Fuzz(rapid.MakeFuzz(anyRecordsAreOpened))
}

func anyRecordsAreOpened(t *rapid.T) {
	disk := memfs.New(1)
	fsys := disk.Mount()
	if err := fsys.MakeDir(testDir); err != nil {
		t.Fatal(err)
	}
	w := &scribe{T: t, fs: fsys}
	for range rapid.IntRange(1, 4).Draw(t, "segments") {
		w.segment()
	}
	for range rapid.IntRange(0, 2).Draw(t, "snapshots") {
		meta := w.meta()
		w.file(snapshotName(meta), append(encodeSnapshotHead(meta, membersOf(meta), []byte("state")), "state"...))
	}
	if err := opens(disk); err != nil {
		t.Fatal(err)
	}
}

// scribe writes segments of drawn records.
type scribe struct {
	*rapid.T
	fs   FS
	at   position // the end of what was written
	hard core.HardState
	last core.SnapshotMeta
}

// odd says, now and then, that something does not follow what was before.
func (w *scribe) odd(label string) bool { return rapid.IntRange(0, 9).Draw(w.T, label) == 9 }

func (w *scribe) meta() core.SnapshotMeta {
	return core.SnapshotMeta{
		Index: core.Index(rapid.Uint64Range(1, 12).Draw(w.T, "index")),
		Term:  core.Term(rapid.Uint64Range(1, 3).Draw(w.T, "term")),
	}
}

// mark is up to where the log was durable, or less.
func (w *scribe) mark(durable position) position {
	if w.odd("mark is low") {
		return position{segment: 1, offset: rapid.Int64Range(0, 300).Draw(w.T, "mark")}
	}
	return durable
}

// segment writes one, and its records.
func (w *scribe) segment() {
	s := start{hard: w.hard, base: w.last}
	if w.odd("begins elsewhere") {
		s.base = w.meta()
	}
	if w.odd("another hard state") {
		s.hard = hard(7, 7, 7)
	}
	number, kind := w.at.segment+1, kindContinue
	if number == 1 || w.odd("restarts") {
		kind = kindRestart
	}
	b := appendStart(nil, kind, s, number, w.mark(w.at))
	w.hard, w.last = s.hard, s.base
	for range rapid.IntRange(0, 3).Draw(w.T, "records") {
		at := position{segment: number, offset: int64(len(b))}
		if w.odd("no batch") {
			b = append(b, sealed(recordKind(rapid.Uint32Range(0, 4).Draw(w.T, "kind")), []byte("body"), at, w.mark(at))...)
			continue
		}
		b = appendBatch(b, w.batch(), at, w.mark(at))
	}
	if w.odd("torn") {
		b = append(b, make([]byte, 20)...)
	}
	w.at = position{segment: number, offset: int64(len(b))}
	w.file(segmentName(number), b)
}

// batch draws a batch that follows, replaces, or cannot be.
func (w *scribe) batch() Batch {
	term := core.Term(rapid.Uint64Range(1, 3).Draw(w.T, "term"))
	from := w.last.Index + 1
	switch {
	case w.odd("anywhere"):
		from = core.Index(rapid.Uint64Range(0, 12).Draw(w.T, "from"))
	case rapid.Bool().Draw(w.T, "replaces"):
		from -= min(w.last.Index, core.Index(rapid.Uint64Range(0, 3).Draw(w.T, "reaches back")))
	}
	count := rapid.IntRange(0, 3).Draw(w.T, "entries")
	b := batch(hard(term, 1, 1), from, term, count, 3)
	w.hard = b.HardState
	if count > 0 {
		w.last = core.SnapshotMeta{Index: from + core.Index(count) - 1, Term: term}
	}
	return b
}

func (w *scribe) file(name string, content []byte) {
	file, err := w.fs.Create(filepath.Join(testDir, name))
	if err == nil {
		_, err = file.WriteAt(content, 0)
	}
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = w.fs.SyncDir(testDir)
	}
	if err != nil {
		w.Fatal(err)
	}
}
