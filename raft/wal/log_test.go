package wal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"partita/raft/core"
	"partita/raft/wal/memfs"
)

func TestWhatWasAcknowledgedIsRestored(t *testing.T) {
	five := core.SnapshotMeta{Index: 5, Term: 1}
	ten := core.SnapshotMeta{Index: 10, Term: 2}
	cases := []struct {
		name  string
		steps []step
		base  core.Index
		last  core.Index
		hard  core.HardState
	}{
		{"nothing", nil, 0, 0, core.HardState{}},
		{"hard state alone", []step{appendStep(batch(hard(3, 2, 1), 0, 0, 0, 0))}, 0, 0, hard(3, 2, 1)},
		{"empty hard state changes nothing", append(threeBatches(), appendStep(batch(core.HardState{}, 4, 2, 1, 1))), 0, 4, hard(2, 1, 1)},
		{"a From without entries changes nothing", append(threeBatches(), appendStep(batch(hard(4, 0, 1), 2, 0, 0, 0))), 0, 3, hard(4, 0, 1)},
		{"entries replace", append(threeBatches(), appendStep(batch(hard(4, 0, 1), 2, 4, 1, 0))), 0, 2, hard(4, 0, 1)},
		{"all entries replaced", append(threeBatches(), appendStep(batch(hard(4, 0, 1), 1, 4, 1, 0))), 0, 1, hard(4, 0, 1)},
		{"segments", rotated(), 0, 7, hard(1, 1, 1)},
		{"snapshot beside the log", append(rotated(), saveStep(five, "five")), 0, 7, hard(1, 1, 1)},
		{"cut at a segment's end", append(rotated(), saveStep(five, "five"), cutStep(3)), 3, 7, hard(1, 1, 1)},
		{"cut inside a segment", append(rotated(), saveStep(five, "five"), cutStep(5)), 3, 7, hard(1, 1, 1)},
		{"cut too little", append(rotated(), saveStep(five, "five"), cutStep(2)), 0, 7, hard(1, 1, 1)},
		{"cut twice", append(rotated(), saveStep(five, "five"), cutStep(3), cutStep(5)), 3, 7, hard(1, 1, 1)},
		{"cut of everything", append(rotated(), saveStep(core.SnapshotMeta{Index: 7, Term: 1}, "seven"), cutStep(7)), 6, 7, hard(1, 1, 1)},
		{"reset beyond", append(rotated(), resetStep(ten, "ten")), 10, 10, hard(1, 1, 1)},
		{"reset inside", append(rotated(), resetStep(five, "five")), 5, 5, hard(1, 1, 1)},
		{"reset and go on", append(rotated(), resetStep(ten, "ten"), appendStep(batch(hard(3, 0, 2), 11, 3, 2, 600))), 10, 12, hard(3, 0, 2)},
		{"reset of an empty log", []step{resetStep(ten, "ten")}, 10, 10, core.HardState{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			disk, m := grown(t, smallSegments(), c.steps...)
			disk.Crash(memfs.LoseAll)
			l, data, err := reopen(disk, smallSegments())
			if err != nil {
				t.Fatal(err)
			}
			if why := m.differs(l.Restored(), data); why != "" {
				t.Fatal(why)
			}
			r := l.Restored()
			last := r.Base.Index + core.Index(len(r.Entries))
			if r.Base.Index != c.base || last != c.last || r.HardState != c.hard {
				t.Fatalf("base %d, last %d, %+v; want %d, %d, %+v", r.Base.Index, last, r.HardState, c.base, c.last, c.hard)
			}
		})
	}
}

// TestCutSparesWhatIsReachedBack: segment 2 replaces entries of segment 1, so
// it cannot become the first; segment 3, which begins afterwards, can.
func TestCutSparesWhatIsReachedBack(t *testing.T) {
	steps := []step{
		appendStep(batch(hard(1, 1, 1), 1, 1, 3, 600)),
		appendStep(batch(hard(2, 1, 1), 2, 2, 3, 600)),
		saveStep(core.SnapshotMeta{Index: 3, Term: 2}, "three"),
		cutStep(3),
	}
	disk, m := grown(t, smallSegments(), steps...)
	l, data, err := reopen(disk, smallSegments())
	if err != nil {
		t.Fatal(err)
	}
	if why := m.differs(l.Restored(), data); why != "" || l.Restored().Base.Index != 0 {
		t.Fatalf("base %+v %s", l.Restored().Base, why)
	}
	for _, s := range []step{
		appendStep(batch(hard(2, 1, 1), 5, 2, 3, 600)),
		saveStep(core.SnapshotMeta{Index: 4, Term: 2}, "four"),
		cutStep(4),
	} {
		if err := s.run(l); err != nil {
			t.Fatal(err)
		}
		m = s.may(m)[0]
	}
	if l, data, err = reopen(disk, smallSegments()); err != nil {
		t.Fatal(err)
	}
	if why := m.differs(l.Restored(), data); why != "" || l.Restored().Base.Index != 4 {
		t.Fatalf("base %+v %s", l.Restored().Base, why)
	}
}

// TestOneSyncAnAppend: what a group commit costs.
func TestOneSyncAnAppend(t *testing.T) {
	disk := memfs.New(1)
	l, _, err := reopen(disk, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var calls []memfs.Op
	disk.SetHook(func(call memfs.Call) memfs.Fate {
		calls = append(calls, call.Op)
		return memfs.Fate{}
	})
	if err := l.Append(batch(hard(1, 1, 1), 1, 1, 64, 256), batch(hard(1, 1, 1), 65, 1, 64, 256)); err != nil {
		t.Fatal(err)
	}
	if want := []memfs.Op{memfs.OpWrite, memfs.OpSync}; !reflect.DeepEqual(calls, want) {
		t.Fatalf("calls %v, want %v", calls, want)
	}
}

// TestRefusedWithoutHarm: a wrong call is refused, writes nothing, and the
// log goes on.
func TestRefusedWithoutHarm(t *testing.T) {
	five := core.SnapshotMeta{Index: 5, Term: 1}
	six, unsorted := core.SnapshotMeta{Index: 6, Term: 1}, core.Membership{Voters: []core.NodeID{2, 1}}
	wrongIndex := batch(hard(1, 1, 1), 8, 1, 2, 1)
	wrongIndex.Entries[1].Index = 8
	cases := []struct {
		name string
		call func(*Log) error
		want string
	}{
		{"gap", func(l *Log) error { return l.Append(batch(hard(1, 1, 1), 9, 1, 1, 1)) }, "cannot follow a log of 4 to 7"},
		{"below the base", func(l *Log) error { return l.Append(batch(hard(1, 1, 1), 3, 1, 1, 1)) }, "cannot follow"},
		{"gap between batches", func(l *Log) error {
			return l.Append(batch(hard(1, 1, 1), 8, 1, 2, 1), batch(hard(1, 1, 1), 11, 1, 1, 1))
		}, "batch 2 of 2"},
		{"entry at another's place", func(l *Log) error { return l.Append(wrongIndex) }, "entry 8 stands at the place of 9"},
		{"too large", func(l *Log) error {
			b, data := batch(hard(1, 1, 1), 8, 1, 1024, 0), make([]byte, maxBodyBytes/1024)
			for i := range b.Entries {
				b.Entries[i].Data = data
			}
			return l.Append(b)
		}, "at most"},
		{"cut beyond the snapshot", func(l *Log) error { return l.Cut(6) }, ErrNotCovered.Error()},
		{"reset to before the snapshot", func(l *Log) error { return l.Reset(core.SnapshotMeta{Index: 4, Term: 1}, core.Membership{}, nil) }, "is newer"},
		{"reset to nothing", func(l *Log) error { return l.Reset(core.SnapshotMeta{}, core.Membership{}, nil) }, "at least one entry"},
		{"snapshot of an impossible configuration", func(l *Log) error { return l.SaveSnapshot(six, unsorted, nil) }, "must be sorted"},
		{"reset to an impossible configuration", func(l *Log) error { return l.Reset(six, unsorted, nil) }, "must be sorted"},
		{"snapshot of nothing", func(l *Log) error { return l.SaveSnapshot(core.SnapshotMeta{}, core.Membership{}, nil) }, "at least one entry"},
	}
	disk, m := grown(t, smallSegments(), append(rotated(), saveStep(five, "five"), cutStep(5))...)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l, data, err := reopen(disk, smallSegments())
			if err != nil {
				t.Fatal(err)
			}
			if why := m.differs(l.Restored(), data); why != "" {
				t.Fatal(why)
			}
			err = c.call(l)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrFailed) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if err := l.Append(); err != nil {
				t.Fatalf("the log does not go on: %v", err)
			}
		})
	}
}

func TestSnapshotIsTheNewest(t *testing.T) {
	disk, _ := grown(t, Options{}, threeBatches()...)
	l, data, err := reopen(disk, Options{})
	if err != nil || data != nil {
		t.Fatalf("a log without snapshot gives %q, %v", data, err)
	}
	check := func(want core.SnapshotMeta, content string) {
		t.Helper()
		meta, members, data, err := l.Snapshot()
		if err != nil || meta != want || !members.Equal(membersOf(want)) || string(data) != content {
			t.Fatalf("snapshot %+v %v %q, %v; want %+v %q", meta, members, data, err, want, content)
		}
	}
	one, two := core.SnapshotMeta{Index: 1, Term: 1}, core.SnapshotMeta{Index: 2, Term: 1}
	for _, save := range []struct {
		meta core.SnapshotMeta
		data string
		want core.SnapshotMeta
		left string
	}{
		{one, "one", one, "one"},
		{two, "two", two, "two"},
		{one, "late", two, "two"},
		{two, "two again", two, "two again"},
	} {
		if err := l.SaveSnapshot(save.meta, membersOf(save.meta), []byte(save.data)); err != nil {
			t.Fatal(err)
		}
		check(save.want, save.left)
	}
	edit(t, disk, snapshotName(two), flip(46))
	if l, _, err = reopen(disk, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := l.SaveSnapshot(two, membersOf(two), []byte("two")); err != nil {
		t.Fatal(err)
	}
	disk.SetHook(func(call memfs.Call) memfs.Fate {
		if call.Op == memfs.OpOpen {
			return memfs.Fate{Err: os.ErrPermission}
		}
		return memfs.Fate{}
	})
	if _, _, _, err := l.Snapshot(); !errors.Is(err, os.ErrPermission) {
		t.Fatalf("snapshot that cannot be opened: %v", err)
	}
}

func TestFailureIsForGood(t *testing.T) {
	broken := errors.New("input/output error")
	meta := core.SnapshotMeta{Index: 1, Term: 1}
	calls := []struct {
		name string
		call func(*Log) error
	}{
		{"append", func(l *Log) error { return l.Append(batch(hard(2, 1, 1), 4, 2, 1, 1)) }},
		{"save", func(l *Log) error { return l.SaveSnapshot(meta, core.Membership{}, nil) }},
		{"reset", func(l *Log) error { return l.Reset(meta, core.Membership{}, nil) }},
		{"cut", func(l *Log) error { return l.Cut(0) }},
		{"chunk", func(l *Log) error { _, err := l.SnapshotChunk(meta, 0, 1); return err }},
		{"snapshot", func(l *Log) error { _, _, _, err := l.Snapshot(); return err }},
		{"close", (*Log).Close},
	}
	for _, op := range []memfs.Op{memfs.OpWrite, memfs.OpSync} {
		for _, first := range calls[:3] {
			t.Run(first.name+" "+string(op), func(t *testing.T) {
				disk, _ := grown(t, Options{}, threeBatches()...)
				l, _, err := reopen(disk, Options{})
				if err != nil {
					t.Fatal(err)
				}
				disk.SetHook(func(call memfs.Call) memfs.Fate {
					if call.Op == op {
						return memfs.Fate{Err: broken}
					}
					return memfs.Fate{}
				})
				if err := first.call(l); !errors.Is(err, ErrFailed) || !errors.Is(err, broken) {
					t.Fatalf("%s: %v", first.name, err)
				}
				disk.SetHook(nil)
				for _, later := range calls {
					if err := later.call(l); !errors.Is(err, ErrFailed) || !errors.Is(err, broken) {
						t.Errorf("%s after the failure: %v", later.name, err)
					}
				}
			})
		}
	}
}

func TestClosedLogTakesNothing(t *testing.T) {
	l, _, err := reopen(memfs.New(1), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	meta := core.SnapshotMeta{Index: 1, Term: 1}
	_, _, _, snapshotErr := l.Snapshot()
	_, chunkErr := l.SnapshotChunk(meta, 0, 1)
	for name, err := range map[string]error{
		"append": l.Append(batch(hard(1, 1, 1), 1, 1, 1, 1)), "save": l.SaveSnapshot(meta, core.Membership{}, nil), "reset": l.Reset(meta, core.Membership{}, nil),
		"cut": l.Cut(0), "snapshot": snapshotErr, "chunk": chunkErr, "close": l.Close(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

// TestSlowSaveDelaysNothing holds the sync of a snapshot back and appends,
// cuts, resets and reads meanwhile. Were any of them to wait for it, the test
// would never end.
func TestSlowSaveDelaysNothing(t *testing.T) {
	disk, m := grown(t, smallSegments(), append(rotated(), saveStep(core.SnapshotMeta{Index: 3, Term: 1}, "three"))...)
	l, _, err := reopen(disk, smallSegments())
	if err != nil {
		t.Fatal(err)
	}
	syncing, release, saved := make(chan struct{}), make(chan struct{}), make(chan error)
	six := core.SnapshotMeta{Index: 6, Term: 1}
	disk.SetHook(func(call memfs.Call) memfs.Fate {
		if call.Op == memfs.OpSync && strings.Contains(call.Name, snapshotName(six)) {
			close(syncing)
			<-release
		}
		return memfs.Fate{}
	})
	go func() { saved <- l.SaveSnapshot(six, membersOf(six), []byte("six")) }()
	select {
	case <-syncing:
	case err := <-saved:
		t.Fatalf("the snapshot was saved without a sync: %v", err)
	}
	for _, s := range []step{
		appendStep(batch(hard(2, 1, 1), 8, 2, 3, 600)),
		cutStep(3),
		resetStep(core.SnapshotMeta{Index: 20, Term: 3}, "twenty"),
		appendStep(batch(hard(3, 1, 1), 21, 3, 1, 600)),
	} {
		if err := s.run(l); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		results := s.may(m)
		m = results[len(results)-1]
	}
	if meta, _, data, err := l.Snapshot(); err != nil || meta != m.snapshot || !bytes.Equal(data, m.data) {
		t.Fatalf("snapshot %+v %q, %v", meta, data, err)
	}
	close(release)
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
	disk.Crash(memfs.LoseAll)
	l, data, err := reopen(disk, smallSegments())
	if err != nil {
		t.Fatal(err)
	}
	if why := m.differs(l.Restored(), data); why != "" {
		t.Fatal(why)
	}
}

func TestSnapshotWhileANewerOneIsSaved(t *testing.T) {
	one, two := core.SnapshotMeta{Index: 1, Term: 1}, core.SnapshotMeta{Index: 2, Term: 1}
	disk, _ := grown(t, Options{}, append(threeBatches(), saveStep(one, "one"))...)
	l, _, err := reopen(disk, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The newer one takes the older's place just before that is opened.
	disk.SetHook(func(call memfs.Call) memfs.Fate {
		if call.Op == memfs.OpOpen && filepath.Base(call.Name) == snapshotName(one) {
			disk.SetHook(nil)
			if err := l.SaveSnapshot(two, membersOf(two), []byte("two")); err != nil {
				t.Error(err)
			}
		}
		return memfs.Fate{}
	})
	if meta, _, data, err := l.Snapshot(); err != nil || meta != two || string(data) != "two" {
		t.Fatalf("snapshot %+v %q, %v", meta, data, err)
	}
}
