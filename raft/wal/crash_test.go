package wal

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"partita/raft/core"
	"partita/raft/wal/memfs"
)

// testDir is where the logs of the tests are.
const testDir = "/data"

// reopen opens a log on the next incarnation of the disk and reads its
// snapshot, whole and as a single piece.
func reopen(disk *memfs.Disk, opts Options) (*Log, []byte, error) {
	l, err := Open(disk.Mount(), testDir, opts)
	if err != nil {
		return nil, nil, err
	}
	meta, members, data, err := l.Snapshot()
	if r := l.Restored(); err == nil && (meta != r.Snapshot || !members.Equal(r.Members)) {
		err = fmt.Errorf("the snapshot is %+v with %v, restored was %+v with %v", meta, members, r.Snapshot, r.Members)
	}
	if err == nil && meta.Index > 0 {
		err = assembled(l, Chunk{Snapshot: meta, Members: members, Data: data}, len(data)+1)
	}
	return l, data, err
}

// assembled says how a snapshot that is read in pieces of some size differs from
// what it is.
func assembled(l *Log, whole Chunk, size int) error {
	var data []byte
	for {
		chunk, err := l.SnapshotChunk(whole.Snapshot, uint64(len(data)), size)
		if err != nil {
			return err
		}
		if chunk.Snapshot != whole.Snapshot || !chunk.Members.Equal(whole.Members) || chunk.Offset != uint64(len(data)) {
			return fmt.Errorf("a piece of %+v with %v at %d, asked was %d", chunk.Snapshot, chunk.Members, chunk.Offset, len(data))
		}
		if data = append(data, chunk.Data...); chunk.Done {
			break
		}
		if len(chunk.Data) != size {
			return fmt.Errorf("a piece of %d bytes at %d, which is not the last; want %d", len(chunk.Data), chunk.Offset, size)
		}
	}
	if !bytes.Equal(data, whole.Data) {
		return fmt.Errorf("the pieces make %d bytes that are not the %d of the whole", len(data), len(whole.Data))
	}
	return nil
}

// match finds the model that a log restored, the latest that fits.
func match(l *Log, data []byte, candidates []model) (model, error) {
	var why string
	for i := len(candidates) - 1; i >= 0; i-- {
		if why = candidates[i].differs(l.Restored(), data); why == "" {
			return candidates[i].recovered(), nil
		}
	}
	return model{}, fmt.Errorf("none of %d models fits; the first: %s", len(candidates), why)
}

// scripts are short lives of a log, every call of which is crashed. Segments
// are small, so that they rotate.
func scripts() map[string][]step {
	return map[string][]step{
		"append": {
			appendStep(batch(hard(1, 1, 1), 1, 1, 1, 10)),
			appendStep(batch(hard(1, 1, 1), 2, 1, 3, 700), batch(hard(2, 0, 1), 5, 2, 1, 1)),
			appendStep(batch(hard(3, 2, 1), 0, 0, 0, 0)),
		},
		"truncate over segments": {
			appendStep(batch(hard(1, 1, 1), 1, 1, 3, 600)),
			appendStep(batch(hard(1, 1, 1), 4, 1, 3, 600)),
			appendStep(batch(hard(2, 2, 1), 2, 2, 2, 600)),
			appendStep(batch(hard(3, 3, 1), 4, 3, 1, 5), batch(hard(3, 3, 1), 4, 4, 2, 5)),
		},
		"snapshot and cut": {
			appendStep(batch(hard(1, 1, 1), 1, 1, 3, 600)),
			appendStep(batch(hard(1, 1, 1), 4, 2, 3, 600)),
			saveStep(core.SnapshotMeta{Index: 5, Term: 2}, "five"),
			cutStep(3),
			appendStep(batch(hard(2, 0, 1), 7, 2, 3, 600)),
			saveStep(core.SnapshotMeta{Index: 8, Term: 2}, "eight"),
			cutStep(8),
			appendStep(batch(hard(2, 0, 1), 10, 2, 1, 6)),
		},
		"cut segments that cannot come first": {
			appendStep(batch(hard(1, 1, 1), 1, 1, 3, 600)),
			appendStep(batch(hard(1, 1, 1), 4, 1, 3, 600)),
			appendStep(batch(hard(2, 1, 1), 3, 2, 3, 600)),
			appendStep(batch(hard(3, 1, 1), 6, 3, 3, 600)),
			saveStep(core.SnapshotMeta{Index: 5, Term: 2}, "five"),
			cutStep(5),
			appendStep(batch(hard(3, 1, 1), 9, 3, 3, 600)),
		},
		"cut segments that go on after reaching back": {
			appendStep(batch(hard(1, 1, 1), 1, 1, 3, 600)),
			appendStep(batch(hard(2, 1, 1), 2, 2, 2, 100)),
			appendStep(batch(hard(2, 1, 1), 4, 2, 2, 600)),
			appendStep(batch(hard(3, 1, 1), 6, 3, 3, 600)),
			saveStep(core.SnapshotMeta{Index: 5, Term: 2}, "five"),
			cutStep(5),
			appendStep(batch(hard(3, 1, 1), 9, 3, 1, 6)),
		},
		"reset": {
			appendStep(batch(hard(1, 1, 1), 1, 1, 3, 600)),
			appendStep(batch(hard(1, 1, 1), 4, 1, 3, 600)),
			resetStep(core.SnapshotMeta{Index: 100, Term: 4}, "hundred"),
			appendStep(batch(hard(4, 1, 1), 101, 4, 2, 600)),
			resetStep(core.SnapshotMeta{Index: 101, Term: 4}, "in the log"),
			appendStep(batch(hard(5, 1, 1), 102, 5, 1, 6)),
			resetStep(core.SnapshotMeta{Index: 102, Term: 6}, "another term"),
		},
	}
}

// smallSegments makes every script rotate.
func smallSegments() Options { return Options{SegmentBytes: 1000} }

// play runs a script until it ends or fails, and gives the models that may be
// found afterwards.
func play(disk *memfs.Disk, script []step) ([]model, error) {
	l, err := Open(disk.Mount(), testDir, smallSegments())
	if err != nil {
		return []model{{}}, err
	}
	m := model{}
	for _, s := range script {
		results := s.may(m)
		if err := s.run(l); err != nil {
			return append([]model{m}, results...), fmt.Errorf("%s: %w", s.name, err)
		}
		m = results[len(results)-1]
	}
	return []model{m}, l.Close()
}

// at makes a hook that lets one call, counted from now, have a fate.
func at(disk *memfs.Disk, number int, fate memfs.Fate) {
	number += disk.Calls()
	disk.SetHook(func(call memfs.Call) memfs.Fate {
		if call.Number == number {
			return fate
		}
		return memfs.Fate{}
	})
}

// crashed runs a script that crashes at a call.
func crashed(t *testing.T, script []step, seed uint64, number int, loss memfs.Loss) (*memfs.Disk, []model) {
	t.Helper()
	disk := memfs.New(seed)
	at(disk, number, memfs.Fate{Crash: true, Loss: loss})
	candidates, err := play(disk, script)
	if !errors.Is(err, memfs.ErrCrashed) {
		t.Fatalf("call %d: %v, want a crash", number, err)
	}
	disk.SetHook(nil)
	return disk, candidates
}

// goesOn checks that a recovered log takes an append and keeps it.
func goesOn(disk *memfs.Disk, l *Log, m model) error {
	next := batch(hard(m.hard.Term+1, 9, m.hard.Boot+1), m.last()+1, m.hard.Term+1, 2, 300)
	if err := l.Append(next); err != nil {
		return fmt.Errorf("append after recovery: %w", err)
	}
	disk.Crash(memfs.LoseAll)
	l, data, err := reopen(disk, smallSegments())
	if err != nil {
		return fmt.Errorf("reopen after an append: %w", err)
	}
	if why := m.append(next).differs(l.Restored(), data); why != "" {
		return fmt.Errorf("after an append: %s", why)
	}
	return nil
}

func TestCrashAtEveryCall(t *testing.T) {
	for name, script := range scripts() {
		t.Run(name, func(t *testing.T) {
			disk := memfs.New(0)
			if _, err := play(disk, script); err != nil {
				t.Fatal(err)
			}
			calls := disk.Calls()
			for number := 1; number <= calls; number++ {
				for _, loss := range memfs.Losses() {
					for seed := range uint64(3) {
						crashOnce(t, script, seed, number, loss)
					}
				}
			}
		})
	}
}

func crashOnce(t *testing.T, script []step, seed uint64, number int, loss memfs.Loss) {
	t.Helper()
	disk, candidates := crashed(t, script, seed, number, loss)
	l, data, err := reopen(disk, smallSegments())
	if err != nil {
		t.Fatalf("seed %d call %d loss %d: %v", seed, number, loss, err)
	}
	m, err := match(l, data, candidates)
	if err == nil {
		err = swept(l)
	}
	if err == nil {
		err = goesOn(disk, l, m)
	}
	if err != nil {
		t.Fatalf("seed %d call %d loss %d: %v", seed, number, loss, err)
	}
}

// swept checks that no file is left that the log does not know.
func swept(l *Log) error {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return err
	}
	want := len(l.segments)
	if l.newest().Index > 0 {
		want++
	}
	if len(names) != want {
		return fmt.Errorf("files %v, want %d", names, want)
	}
	return nil
}

// TestCrashInRecovery crashes a script, and then each call of its recovery;
// what the second recovery finds must be one of the same models.
func TestCrashInRecovery(t *testing.T) {
	for name, script := range scripts() {
		t.Run(name, func(t *testing.T) {
			disk := memfs.New(0)
			if _, err := play(disk, script); err != nil {
				t.Fatal(err)
			}
			for number := disk.Calls(); number > 0; number-- {
				for inner := 1; ; inner++ {
					seed := uint64(number*1000 + inner)
					disk, candidates := crashed(t, script, seed, number, memfs.Tear)
					at(disk, inner, memfs.Fate{Crash: true, Loss: memfs.Tear})
					if _, err := Open(disk.Mount(), testDir, smallSegments()); err == nil {
						break // recovery has fewer calls
					} else if !errors.Is(err, memfs.ErrCrashed) {
						t.Fatalf("call %d: first recovery: %v", number, err)
					}
					disk.SetHook(nil)
					l, data, err := reopen(disk, smallSegments())
					if err == nil {
						_, err = match(l, data, candidates)
					}
					if err != nil {
						t.Fatalf("call %d, then call %d of recovery: %v", number, inner, err)
					}
				}
			}
		})
	}
}

// TestFailureAtEveryCall lets each call fail once. A failed fsync leaves
// bytes that can be read and are not on the disk: what the next Open restores
// must survive a power loss all the same.
func TestFailureAtEveryCall(t *testing.T) {
	broken := errors.New("input/output error")
	for name, script := range scripts() {
		t.Run(name, func(t *testing.T) {
			disk := memfs.New(0)
			if _, err := play(disk, script); err != nil {
				t.Fatal(err)
			}
			for number := disk.Calls(); number > 0; number-- {
				disk := memfs.New(uint64(number))
				at(disk, number, memfs.Fate{Err: broken})
				candidates, err := play(disk, script)
				if !errors.Is(err, broken) {
					t.Fatalf("call %d: %v, want the failure", number, err)
				}
				l, data, err := reopen(disk, smallSegments())
				if err != nil {
					t.Fatalf("call %d: reopen: %v", number, err)
				}
				if _, err := match(l, data, candidates); err != nil {
					t.Fatalf("call %d: %v", number, err)
				}
				restored := l.Restored()
				disk.Crash(memfs.LoseAll)
				if l, _, err = reopen(disk, smallSegments()); err != nil {
					t.Fatalf("call %d: after the power loss: %v", number, err)
				}
				if !reflect.DeepEqual(l.Restored(), restored) {
					t.Fatalf("call %d: a power loss took what Open had restored", number)
				}
			}
		})
	}
}
