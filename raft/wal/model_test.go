package wal

import (
	"bytes"
	"fmt"
	"slices"

	"partita/raft/core"
)

// model is what a log must hold: a plain slice and the rule of recovery,
// written without the log's own code.
type model struct {
	hard     core.HardState
	snapshot core.SnapshotMeta
	members  core.Membership
	data     []byte
	base     core.SnapshotMeta // of the last restart
	entries  []core.Entry      // all since the last restart
	cut      core.Index        // entries up to here may be gone
}

// at gives the entry at an index, or at the base.
func (m model) at(index core.Index) (core.SnapshotMeta, bool) {
	if index == m.base.Index {
		return m.base, true
	}
	for _, entry := range m.entries {
		if entry.Index == index {
			return core.SnapshotMeta{Index: index, Term: entry.Term}, true
		}
	}
	return core.SnapshotMeta{}, false
}

func (m model) last() core.Index { return m.base.Index + core.Index(len(m.entries)) }

func (m model) append(batch Batch) model {
	if batch.HardState != (core.HardState{}) {
		m.hard = batch.HardState
	}
	if len(batch.Entries) > 0 {
		m.entries = append(slices.Clone(m.entries[:batch.From-1-m.base.Index]), batch.Entries...)
	}
	return m
}

func (m model) save(meta core.SnapshotMeta, data []byte) model {
	m.snapshot, m.members, m.data = meta, membersOf(meta), data
	return m
}

func (m model) restart(base core.SnapshotMeta) model {
	m.base, m.entries = base, nil
	return m
}

// recovered is what a restart makes of the model.
func (m model) recovered() model {
	if found, ok := m.at(m.snapshot.Index); !ok || found != m.snapshot {
		return m.restart(m.snapshot)
	}
	return m
}

// differs says how what a log restored differs from the model, or nothing.
func (m model) differs(restored core.Restored, data []byte) string {
	m = m.recovered()
	base, found := m.at(restored.Base.Index)
	switch {
	case restored.HardState != m.hard:
		return fmt.Sprintf("hard state %+v, want %+v", restored.HardState, m.hard)
	case restored.Snapshot != m.snapshot:
		return fmt.Sprintf("snapshot %+v, want %+v", restored.Snapshot, m.snapshot)
	case !restored.Members.Equal(m.members):
		return fmt.Sprintf("configuration %v, want %v", restored.Members, m.members)
	case !bytes.Equal(data, m.data):
		return fmt.Sprintf("snapshot data %q, want %q", data, m.data)
	case !found || base != restored.Base:
		return fmt.Sprintf("base %+v, want %+v", restored.Base, base)
	case restored.Base.Index > max(m.base.Index, m.cut):
		return fmt.Sprintf("base %+v, cut up to %d", restored.Base, m.cut)
	case !slices.EqualFunc(restored.Entries, m.entries[restored.Base.Index-m.base.Index:], sameEntry):
		return fmt.Sprintf("%d entries after %d, want those up to %d", len(restored.Entries), restored.Base.Index, m.last())
	}
	return ""
}

func sameEntry(a, b core.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Kind == b.Kind && bytes.Equal(a.Data, b.Data)
}

// step is one call of a log, with all the models that a crash in it may
// leave, in order; the last is what it must be once acknowledged.
type step struct {
	name string
	run  func(*Log) error
	may  func(model) []model
}

func appendStep(batches ...Batch) step {
	return step{
		name: fmt.Sprintf("append %d batches", len(batches)),
		run:  func(l *Log) error { return l.Append(batches...) },
		may: func(m model) (all []model) {
			for _, batch := range batches {
				m = m.append(batch)
				all = append(all, m)
			}
			return all
		},
	}
}

func saveStep(meta core.SnapshotMeta, data string) step {
	return step{
		name: fmt.Sprintf("save %+v", meta),
		run:  func(l *Log) error { return l.SaveSnapshot(meta, membersOf(meta), []byte(data)) },
		may:  func(m model) []model { return []model{m.save(meta, []byte(data))} },
	}
}

func resetStep(meta core.SnapshotMeta, data string) step {
	return step{
		name: fmt.Sprintf("reset %+v", meta),
		run:  func(l *Log) error { return l.Reset(meta, membersOf(meta), []byte(data)) },
		may: func(m model) []model {
			m = m.save(meta, []byte(data))
			return []model{m, m.restart(meta)}
		},
	}
}

func cutStep(to core.Index) step {
	return step{
		name: fmt.Sprintf("cut %d", to),
		run:  func(l *Log) error { return l.Cut(to) },
		may: func(m model) []model {
			m.cut = max(m.cut, to)
			return []model{m}
		},
	}
}

// membersOf is the configuration that the tests save with a snapshot: another
// one for each, some of them joint.
func membersOf(meta core.SnapshotMeta) core.Membership {
	m := core.Membership{Voters: []core.NodeID{1, 2, 3}, Learners: []core.NodeID{core.NodeID(meta.Index) + 9}}
	if meta.Index%2 == 0 {
		m.Outgoing = []core.NodeID{1, core.NodeID(meta.Term) + 3}
	}
	return m
}

// batch makes a batch of count entries of one term with data of size bytes.
func batch(hard core.HardState, from core.Index, term core.Term, count, size int) Batch {
	b := Batch{HardState: hard, From: from}
	for i := range count {
		index := from + core.Index(i)
		entry := core.Entry{Index: index, Term: term, Kind: core.EntryKind(index % 3)}
		if size > 0 {
			entry.Data = bytes.Repeat([]byte{byte(index), byte(term)}, (size+1)/2)[:size]
		}
		b.Entries = append(b.Entries, entry)
	}
	return b
}

// hard makes a hard state.
func hard(term core.Term, vote core.NodeID, boot uint64) core.HardState {
	return core.HardState{Term: term, Vote: vote, Boot: boot}
}
