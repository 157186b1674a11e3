package core

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// diary is all that a follower was told to have in its log, and what its disk
// has of that.
type diary struct {
	core    *Core
	entries []Entry // entries[i] has index i+1; none is ever forgotten
	commit  Index
	term    Term
	disk    Restored
}

// step gives the follower an event, and to its disk and its state machine
// what it asks for, at once.
func (d *diary) step(events ...Event) {
	for len(events) > 0 {
		effects := slices.Clone(d.core.Step(events[0]))
		events = events[1:]
		for _, e := range effects {
			switch e := e.(type) {
			case AppendLog:
				d.disk.HardState = e.HardState
				if len(e.Entries) > 0 {
					d.disk.Entries = slices.Concat(d.disk.Entries[:e.From-d.disk.Base.Index-1], e.Entries)
				}
				events = append(events, Appended{e.Number})
			case Apply:
				events = append(events, Applied{e.Entries[len(e.Entries)-1].Index})
			case RestoreSnapshot:
				events = append(events, Applied{e.Snapshot.Index})
			case SaveSnapshot:
				d.disk.Snapshot, d.disk.Members = e.Snapshot, e.Members
				events = append(events, SnapshotSaved{e.Snapshot})
			case CutLog:
				rest := d.disk.Entries[e.To-d.disk.Base.Index-1:]
				d.disk.Base, d.disk.Entries = SnapshotMeta{e.To, rest[0].Term}, slices.Clone(rest[1:])
			}
		}
	}
}

// scan gives the configuration as of an index by looking through all entries.
func (d *diary) scan(to Index) Membership {
	m := Membership{Voters: []NodeID{1, 2, 3}}
	for _, e := range d.entries[:to] {
		if e.Kind == Configuration {
			m, _ = DecodeMembership(e.Data)
		}
	}
	return m
}

func (d *diary) at(index Index) SnapshotMeta {
	if index == 0 {
		return SnapshotMeta{}
	}
	return SnapshotMeta{index, d.entries[index-1].Term}
}

// TestConfigurationsLikeScanOfLog lets leaders of rising terms append to a
// follower's log and replace what is not committed there, and lets it take
// snapshots and restart. The configuration in force, and that as of any entry which
// is not below its snapshot, is what a look through the whole log gives (§6).
func TestConfigurationsLikeScanOfLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := goodConfig()
		cfg.CompactTail = draw(t, "tail", 0, 3)
		d := &diary{}
		start := func() {
			core, err := New(cfg, d.disk)
			if err != nil {
				t.Fatal(err)
			}
			d.core = core
			d.step(Started{})
		}
		start()
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				d.term++
				prev := draw(t, "prev", d.commit, Index(len(d.entries)))
				var batch []Entry
				for range rapid.IntRange(1, 3).Draw(t, "count") {
					e := Entry{Index: prev + 1 + Index(len(batch)), Term: d.term}
					if rapid.Bool().Draw(t, "a configuration") {
						e.Kind, e.Data = Configuration, drawMembership(t).AppendTo(nil)
					}
					batch = append(batch, e)
				}
				d.step(from(2, d.term, Append{Prev: d.at(prev), Entries: batch, Commit: d.commit}))
				d.entries = slices.Concat(d.entries[:prev], batch)
			},
			"commit": func(t *rapid.T) {
				last := Index(len(d.entries))
				d.commit = draw(t, "commit", d.commit, last)
				d.step(from(2, max(d.term, 1), Append{Prev: d.at(last), Commit: d.commit}))
			},
			"compact": func(t *rapid.T) { d.step(Compact{Index: draw(t, "index", 0, d.commit)}) },
			"restart": func(*rapid.T) { start() },
			"": func(t *rapid.T) {
				if want := d.scan(Index(len(d.entries))); !d.core.members().Equal(want) {
					t.Fatalf("members are %v, want %v", d.core.members(), want)
				}
				above := 0
				for i := d.core.snapshot.Index; i <= Index(len(d.entries)); i++ {
					if want := d.scan(i); !d.core.configs.at(i).members.Equal(want) {
						t.Fatalf("as of %d they are %v, want %v", i, d.core.configs.at(i).members, want)
					}
					if i > d.core.snapshot.Index && d.entries[i-1].Kind == Configuration {
						above++
					}
				}
				if len(d.core.configs) != 1+above {
					t.Fatalf("%d are kept; the log has %d above its snapshot", len(d.core.configs), above)
				}
				if s := d.disk.Snapshot.Index; s > 0 && !d.disk.Members.Equal(d.scan(s)) {
					t.Fatalf("the snapshot of %d has %v, want %v", s, d.disk.Members, d.scan(s))
				}
			},
		})
	})
}
