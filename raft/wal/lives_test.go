package wal

import (
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"partita/raft/core"
	"partita/raft/wal/memfs"
)

// errBroken is what a call of a random life fails with.
var errBroken = errors.New("input/output error")

// life is a log that is used, crashes and comes back, beside the model of what
// it must hold.
type life struct {
	disk *memfs.Disk
	opts Options
	log  *Log
	m    model
}

// TestRandomLives lets rapid choose steps, crashes and failures, also while the
// log comes back, and shrink what goes wrong.
func TestRandomLives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &life{
			disk: memfs.New(rapid.Uint64().Draw(t, "seed")),
			opts: Options{SegmentBytes: rapid.Int64Range(1, 3000).Draw(t, "segment bytes")},
		}
		f.comeBack(t, []model{{}})
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			f.step(t)
		}
		f.disk.Crash(memfs.LoseAll)
		f.comeBack(t, []model{f.m})
	})
}

// step takes one step, in which one call may crash or fail.
func (f *life) step(t *rapid.T) {
	s := drawStep(t, f.m)
	results := s.may(f.m)
	switch rapid.SampledFrom([]string{"well", "well", "well", "crash", "failure", "kill", "power loss"}).Draw(t, "ends") {
	case "crash":
		f.upset(t, memfs.Fate{Crash: true, Loss: drawLoss(t)})
	case "failure":
		f.upset(t, memfs.Fate{Err: errBroken})
	case "kill":
		f.disk.Kill()
		f.comeBack(t, []model{f.m})
	case "power loss":
		f.disk.Crash(drawLoss(t))
		f.comeBack(t, []model{f.m})
	}
	err := s.run(f.log)
	f.disk.SetHook(nil)
	switch {
	case err == nil:
		f.m = results[len(results)-1]
		return
	case errors.Is(err, errBroken):
		if again := f.log.Append(); !errors.Is(again, ErrFailed) {
			t.Fatalf("%s failed with %v and the log went on: %v", s.name, err, again)
		}
		if rapid.Bool().Draw(t, "and power fails") {
			f.disk.Crash(drawLoss(t))
		}
	case !errors.Is(err, memfs.ErrCrashed):
		t.Fatalf("%s: %v", s.name, err)
	}
	f.comeBack(t, append([]model{f.m}, results...))
}

// upset lets one of the next calls, if there are so many, have a fate.
func (f *life) upset(t *rapid.T, fate memfs.Fate) {
	at(f.disk, rapid.IntRange(1, 12).Draw(t, "call"), fate)
}

// comeBack opens the log, perhaps crashing or failing on the way, finds what it
// restored among the candidates, and makes sure that no power loss takes it.
func (f *life) comeBack(t *rapid.T, candidates []model) {
	for range rapid.IntRange(0, 2).Draw(t, "vain attempts") {
		fate := memfs.Fate{Err: errBroken}
		if rapid.Bool().Draw(t, "crashes") {
			fate = memfs.Fate{Crash: true, Loss: drawLoss(t)}
		}
		f.upset(t, fate)
		if _, _, err := reopen(f.disk, f.opts); err != nil && !errors.Is(err, memfs.ErrCrashed) && !errors.Is(err, errBroken) {
			t.Fatalf("a vain attempt: %v", err)
		}
		f.disk.SetHook(nil)
	}
	l, _, err := reopen(f.disk, f.opts)
	if err != nil {
		t.Fatalf("reopen: %v", err)
	}
	if err := swept(l); err != nil {
		t.Fatal(err)
	}
	restored := l.Restored()
	f.disk.Crash(drawLoss(t))
	l, data, err := reopen(f.disk, f.opts)
	if err != nil {
		t.Fatalf("reopen after a power loss: %v", err)
	}
	if !reflect.DeepEqual(l.Restored(), restored) {
		t.Fatalf("a power loss made %+v of %+v", l.Restored(), restored)
	}
	if f.m, err = match(l, data, candidates); err != nil {
		t.Fatal(err)
	}
	if restored.Snapshot.Index > 0 {
		whole := Chunk{Snapshot: restored.Snapshot, Members: restored.Members, Data: data}
		if err := assembled(l, whole, rapid.IntRange(len(data)/5+1, len(data)+1).Draw(t, "piece")); err != nil {
			t.Fatal(err)
		}
	}
	f.log = l
}

func drawLoss(t *rapid.T) memfs.Loss { return rapid.SampledFrom(memfs.Losses()).Draw(t, "loss") }

// drawState draws a snapshot's data, of more than one block now and then.
func drawState(t *rapid.T, meta core.SnapshotMeta) string {
	size := rapid.OneOf(rapid.IntRange(0, 900), rapid.IntRange(0, 900), rapid.IntRange(blockBytes-2, blockBytes+2)).Draw(t, "state")
	return string(stateOf(byte(meta.Index), size))
}

// drawStep draws a step that a member could take: entries that a snapshot
// covers are committed and never replaced.
func drawStep(t *rapid.T, m model) step {
	committed := max(m.base.Index, m.snapshot.Index)
	switch rapid.SampledFrom([]string{"append", "append", "append", "save", "cut", "reset"}).Draw(t, "kind") {
	case "save":
		if m.last() > committed {
			index := core.Index(rapid.Uint64Range(uint64(committed)+1, uint64(m.last())).Draw(t, "index"))
			meta, _ := m.at(index)
			return saveStep(meta, drawState(t, meta))
		}
	case "cut":
		return cutStep(core.Index(rapid.Uint64Range(0, uint64(m.snapshot.Index)).Draw(t, "to")))
	case "reset":
		meta := core.SnapshotMeta{
			Index: committed + core.Index(rapid.Uint64Range(1, 6).Draw(t, "beyond")),
			Term:  core.Term(rapid.Uint64Range(1, 5).Draw(t, "term")),
		}
		return resetStep(meta, drawState(t, meta))
	}
	var batches []Batch
	for range rapid.IntRange(1, 3).Draw(t, "batches") {
		h := hard(m.hard.Term+core.Term(rapid.IntRange(0, 1).Draw(t, "rise")), core.NodeID(rapid.IntRange(0, 3).Draw(t, "vote")), 1)
		from := core.Index(rapid.Uint64Range(uint64(committed)+1, uint64(m.last())+1).Draw(t, "from"))
		b := batch(h, from, h.Term, rapid.IntRange(0, 4).Draw(t, "count"), rapid.IntRange(0, 900).Draw(t, "size"))
		batches = append(batches, b)
		m = m.append(b)
	}
	return appendStep(batches...)
}
