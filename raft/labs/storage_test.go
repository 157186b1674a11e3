package labs

import (
	"fmt"
	"slices"
	"sync"

	"partita/raft/core"
	"partita/raft/wal"
)

// Persister holds in memory what survives a crash: copied at that moment, it
// is what the next life begins with, and the last life cannot change it.
type Persister struct {
	mu       sync.Mutex
	restored core.Restored
	data     []byte // of the snapshot
}

// Copy is what the persister holds now.
func (p *Persister) Copy() *Persister {
	p.mu.Lock()
	defer p.mu.Unlock()
	held := p.restored
	held.Entries = slices.Clone(held.Entries)
	return &Persister{restored: held, data: p.data}
}

// RaftStateSize is how many bytes everything but the snapshot takes: what the
// labs' Raft would encode.
func (p *Persister) RaftStateSize() int {
	const hardState, entry = 48, 17
	p.mu.Lock()
	defer p.mu.Unlock()
	size := hardState
	for _, e := range p.restored.Entries {
		size += entry + len(e.Data)
	}
	return size
}

// storage is raft's side of a persister. It is as fast as memory, so that
// whatever it is given is durable at once.
type storage struct{ *Persister }

func (s storage) Restored() core.Restored { return s.Copy().restored }

func (s storage) Append(batches ...wal.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.restored
	for _, b := range batches {
		if b.HardState != (core.HardState{}) {
			r.HardState = b.HardState
		}
		if len(b.Entries) == 0 {
			continue
		}
		if b.From <= r.Base.Index || b.From > r.Base.Index+core.Index(len(r.Entries))+1 {
			return fmt.Errorf("labs: entries from %d on cannot follow %d after %d", b.From, len(r.Entries), r.Base.Index)
		}
		kept := r.Entries[:b.From-r.Base.Index-1]
		r.Entries = slices.Concat(kept, b.Entries)
	}
	return nil
}

func (s storage) SaveSnapshot(meta core.SnapshotMeta, members core.Membership, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(meta, members, data)
	return nil
}

func (s storage) Reset(meta core.SnapshotMeta, members core.Membership, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(meta, members, data)
	s.restored.Base, s.restored.Entries = meta, nil
	return nil
}

// keep takes a snapshot unless there is a newer one.
func (s storage) keep(meta core.SnapshotMeta, members core.Membership, data []byte) {
	if meta.Index >= s.restored.Snapshot.Index {
		s.restored.Snapshot, s.restored.Members, s.data = meta, members, data
	}
}

func (s storage) Cut(to core.Index) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.restored
	if to > r.Snapshot.Index || to > r.Base.Index+core.Index(len(r.Entries)) {
		return fmt.Errorf("labs: a cut up to %d, with a snapshot of %d and %d entries after %d", to, r.Snapshot.Index, len(r.Entries), r.Base.Index)
	}
	if to <= r.Base.Index {
		return nil
	}
	last := r.Entries[to-r.Base.Index-1]
	r.Entries = slices.Clone(r.Entries[to-r.Base.Index:])
	r.Base = core.SnapshotMeta{Index: last.Index, Term: last.Term}
	return nil
}

func (s storage) Snapshot() (core.SnapshotMeta, core.Membership, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restored.Snapshot, s.restored.Members, s.data, nil
}

func (s storage) SnapshotChunk(meta core.SnapshotMeta, offset uint64, size int) (wal.Chunk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.restored
	if r.Snapshot.Index == 0 {
		return wal.Chunk{}, wal.ErrNoSnapshot
	}
	if meta != r.Snapshot || offset > uint64(len(s.data)) {
		offset = 0 // that one is gone: the beginning of the newest
	}
	rest := s.data[offset:]
	piece := rest[:min(size, len(rest))]
	return wal.Chunk{Snapshot: r.Snapshot, Members: r.Members, Offset: offset, Data: piece, Done: len(piece) == len(rest)}, nil
}

func (s storage) Close() error { return nil }
