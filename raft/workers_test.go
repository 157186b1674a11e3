package raft

import (
	"errors"
	"fmt"
	"testing"

	"partita/raft/core"
)

// snapshotStorage has a newest snapshot and nothing else.
type snapshotStorage struct {
	Storage
	meta core.SnapshotMeta
	err  error
}

func (s snapshotStorage) Snapshot() (core.SnapshotMeta, core.Membership, []byte, error) {
	return s.meta, core.Membership{}, []byte("loaded"), s.err
}

// TestServiceNeverGoesBack: a snapshot on disk may be newer than the one to
// be restored. What it covers is not applied a second time.
func TestServiceNeverGoesBack(t *testing.T) {
	entries := func(from, to core.Index) core.Effect {
		var a core.Apply
		for i := from; i <= to; i++ {
			a.Entries = append(a.Entries, core.Entry{Index: i})
		}
		return a
	}
	restore := func(index core.Index, data []byte) core.Effect {
		return core.RestoreSnapshot{Snapshot: core.SnapshotMeta{Index: index}, Data: data}
	}
	tests := []struct {
		name   string
		effect core.Effect
		last   core.Index
		want   string
		to     core.Index
	}{
		{"entries that follow", entries(4, 6), 3, "entries 4 to 6", 6},
		{"entries that are partly covered", entries(4, 6), 5, "entries 6 to 6", 6},
		{"entries that are covered", entries(4, 6), 9, "nothing", 6},
		{"a snapshot with its data", restore(7, []byte("given")), 3, "snapshot 7 given", 7},
		{"a snapshot on disk, where a newer one is", restore(7, nil), 3, "snapshot 9 loaded", 7},
		{"a snapshot that is covered", restore(7, nil), 9, "nothing", 7},
	}
	r := &Raft{storage: snapshotStorage{meta: core.SnapshotMeta{Index: 9}}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			msg, to, err := r.applyMsg(test.effect, test.last)
			got := "nothing"
			if n := len(msg.Entries); n > 0 {
				got = fmt.Sprintf("entries %d to %d", msg.Entries[0].Index, msg.Entries[n-1].Index)
			}
			if s := msg.Snapshot; s != nil {
				got = fmt.Sprintf("snapshot %d %s", s.Meta.Index, s.Data)
			}
			if err != nil || got != test.want || to != test.to {
				t.Errorf("got %s up to %d (%v), want %s up to %d", got, to, err, test.want, test.to)
			}
		})
	}
}

func TestLoadRefusesWhatIsMissing(t *testing.T) {
	gone := errors.New("gone")
	tests := []struct {
		name    string
		storage snapshotStorage
		fails   bool
	}{
		{"the very snapshot", snapshotStorage{meta: core.SnapshotMeta{Index: 7}}, false},
		{"an older one", snapshotStorage{meta: core.SnapshotMeta{Index: 6}}, true},
		{"an error", snapshotStorage{meta: core.SnapshotMeta{Index: 7}, err: gone}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := &Raft{storage: test.storage}
			_, _, err := r.load(core.SnapshotMeta{Index: 7})
			if (err != nil) != test.fails || test.storage.err != nil && !errors.Is(err, gone) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestQueue(t *testing.T) {
	q := newQueue[int]()
	for i := range 3 {
		if err := q.push(i, 2); errors.Is(err, ErrOverloaded) != (i == 2) {
			t.Errorf("item %d of a queue of two: %v", i, err)
		}
	}
	<-q.wake
	if got := q.take(nil); fmt.Sprint(got) != "[0 1]" {
		t.Errorf("took %v", got)
	}
	if err := q.push(7, 2); err != nil {
		t.Error(err)
	}
	if got := q.close(); fmt.Sprint(got) != "[7]" {
		t.Errorf("left over: %v", got)
	}
	if err := q.push(8, 2); !errors.Is(err, ErrStopped) {
		t.Errorf("a closed queue: %v", err)
	}
}

// TestSnapshotWaitsForNewsOfItsApply: the service may offer a snapshot before
// the owner has heard that its last entry was received, and it is not lost.
func TestSnapshotWaitsForNewsOfItsApply(t *testing.T) {
	c, err := core.New(DefaultConfig(1, []core.NodeID{1}).core(), core.Restored{})
	if err != nil {
		t.Fatal(err)
	}
	r := &Raft{
		owner: newOwner(c), events: newQueue[core.Event](), disk: newQueue[core.Effect](),
		applies: newQueue[core.Effect](), saves: newQueue[core.SaveSnapshot](),
	}
	r.step(core.Started{})
	r.step(core.TimerFired{Timer: core.ElectionTimer})
	for number := range uint64(5) { // boot, vote and no-op become durable
		r.step(core.Appended{Number: number})
	}
	if applies := r.applies.take(nil); len(applies) != 1 {
		t.Fatalf("%d applies, want that of the no-op", len(applies))
	}
	r.offer(core.Compact{Index: 1, Data: []byte("state")})
	r.takeEvents()
	if saves := r.saves.take(nil); len(saves) != 0 {
		t.Fatalf("saved before its entry was applied: %+v", saves)
	}
	r.report(core.Applied{Index: 1})
	r.takeEvents()
	if saves := r.saves.take(nil); len(saves) != 1 || saves[0].Snapshot.Index != 1 || string(saves[0].Data) != "state" {
		t.Errorf("saved %+v, want the snapshot of 1", saves)
	}
}
