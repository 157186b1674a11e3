package service

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"partita/node/api"
	"partita/node/kv"
	"partita/raft/core"
)

// Config says how a Service behaves.
type Config struct {
	// Node is the name that replies carry.
	Node string
	// SnapshotEvery is after how many applied entries a snapshot is offered.
	SnapshotEvery core.Index
	// MaxPending bounds the requests without an answer; one more is Overloaded.
	MaxPending int
	// MaxOutcomes bounds the outcomes remembered for unplaced proposals. A
	// proposal whose outcome was forgotten is Lost.
	MaxOutcomes int
	// Sessions bounds the clients' sessions, alike on every node.
	Sessions kv.Limits
	// Lease is how reads that do not say otherwise are confirmed.
	Lease bool
}

// Validate says what is wrong with a configuration.
func (c Config) Validate() error {
	switch {
	case c.Node == "":
		return errors.New("service: no node name")
	case c.SnapshotEvery < 1:
		return errors.New("service: snapshot-every is below 1")
	case c.MaxPending < 1 || c.MaxOutcomes < 1:
		return errors.New("service: limits are below 1")
	}
	return c.Sessions.Validate()
}

// Service owns the state machine and everyone who waits for it. One goroutine
// uses it at a time.
type Service struct {
	cfg   Config
	store *kv.Store

	applied     core.Index
	appliedTerm core.Term
	snapshot    core.Index // what the newest snapshot, offered or restored, covers
	stopping    bool

	pending  map[uint64]request
	unplaced int                     // writes in pending that have no index yet
	waiting  map[core.Index][]uint64 // writes and reads by the index they wait for
	outcomes []outcome               // of the entries up to applied, without gaps
}

// request is one that has no answer yet. Index is zero until it is known.
type request struct {
	op    api.Op
	key   string
	index core.Index
	term  core.Term // of a write with an index
	lease bool      // of a read with an index: a lease confirmed it
}

// outcome is what an applied entry did.
type outcome struct {
	term   core.Term
	kind   core.EntryKind
	result kv.Result
}

// New gives a Service with an empty state machine that has applied nothing.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Service{
		cfg:     cfg,
		store:   kv.New(cfg.Sessions),
		pending: map[uint64]request{},
		waiting: map[core.Index][]uint64{},
	}, nil
}

// AppliedIndex is the last entry that the state machine has taken.
func (s *Service) AppliedIndex() core.Index { return s.applied }

// Sessions is how many sessions are open.
func (s *Service) Sessions() int { return s.store.Sessions() }

// SessionCounts is what became of sessions since the service was made.
func (s *Service) SessionCounts() kv.Counts { return s.store.Counts() }

// Pending is how many requests have no answer yet.
func (s *Service) Pending() int { return len(s.pending) }

// Request takes a client's request under an ID never used before.
func (s *Service) Request(id uint64, r api.Request) []Effect {
	if _, used := s.pending[id]; used {
		panic(fmt.Sprintf("service: request IDs are unique: %d is pending", id))
	}
	if err := kv.Validate(r); err != nil {
		return fail(id, api.BadRequest, true, err.Error())
	}
	if s.stopping {
		return fail(id, api.Stopping, true, "the node is stopping and takes no more requests")
	}
	if len(s.pending) >= s.cfg.MaxPending {
		return fail(id, api.Overloaded, true, fmt.Sprintf("%d requests wait already", len(s.pending)))
	}
	if r.Op == api.Get {
		return s.read(id, r)
	}
	data, err := kv.Encode(r)
	if err != nil {
		return fail(id, api.BadRequest, true, err.Error())
	}
	s.pending[id] = request{op: r.Op, key: r.Key}
	s.unplaced++
	return []Effect{Propose{ID: id, Data: data}}
}

// read asks for what the request wants of a read: a stale one asks nobody.
func (s *Service) read(id uint64, r api.Request) []Effect {
	q := request{op: r.Op, key: r.Key}
	if r.Reads == api.StaleRead {
		stale := s.answer(id, q)
		stale.Reply.Stale = true
		return []Effect{stale}
	}
	s.pending[id] = q
	return []Effect{Read{ID: id, Lease: r.Reads == api.LeaseRead || r.Reads == "" && s.cfg.Lease}}
}

// Proposed says where a leader put a proposal. That entry may have been
// applied already: a forwarded command travels with the log, and the answer
// that names its place on its own.
func (s *Service) Proposed(id uint64, index core.Index, term core.Term) []Effect {
	r, found := s.pending[id]
	if !found || r.op == api.Get || r.index != 0 {
		return nil // expired, or a repetition
	}
	if index > s.applied {
		r.index, r.term = index, term
		s.pending[id] = r
		s.waiting[index] = append(s.waiting[index], id)
		s.placed()
		return nil
	}
	effect := lost(id, "its entry was applied too long ago to know what it did")
	// outcomes[len-1] is of the entry at applied.
	if back := s.applied - index; back < core.Index(len(s.outcomes)) {
		effect = s.settle(id, term, index, s.outcomes[len(s.outcomes)-1-int(back)])
	}
	s.forget(id)
	return []Effect{effect}
}

// ReadReady says that a state machine which has applied everything up to
// index answers the read, and whether a lease confirmed that.
func (s *Service) ReadReady(id uint64, index core.Index, lease bool) []Effect {
	r, found := s.pending[id]
	if !found || r.op != api.Get || r.index != 0 {
		return nil
	}
	r.lease = lease
	if index > s.applied {
		r.index = index
		s.pending[id] = r
		s.waiting[index] = append(s.waiting[index], id)
		return nil
	}
	delete(s.pending, id)
	return []Effect{s.answer(id, r)}
}

// Applied takes committed entries, in order and without gaps.
func (s *Service) Applied(entries []core.Entry) []Effect {
	var effects []Effect
	for _, e := range entries {
		if e.Index != s.applied+1 {
			panic(fmt.Sprintf("service: entries are applied in order, without gaps: %d after %d", e.Index, s.applied))
		}
		o := outcome{term: e.Term, kind: e.Kind}
		if e.Kind == core.Command { // what else there is concerns Raft alone
			o.result = s.store.Apply(uint64(e.Index), e.Data)
		}
		s.applied, s.appliedTerm = e.Index, e.Term
		s.remember(o)
		effects = s.complete(effects, e.Index, o)
	}
	if s.applied-s.snapshot >= s.cfg.SnapshotEvery {
		s.snapshot = s.applied
		effects = append(effects, Compact{Index: s.applied, Data: s.store.Snapshot()})
	}
	return effects
}

// Restored replaces the state machine by a snapshot. Who waited for an entry
// that it covers will never see that entry applied here. After an error
// nothing has changed, and the node cannot go on.
func (s *Service) Restored(meta core.SnapshotMeta, data []byte) ([]Effect, error) {
	if meta.Index < s.applied {
		panic(fmt.Sprintf("service: a snapshot never goes back: %d after %d", meta.Index, s.applied))
	}
	if err := s.store.Restore(data); err != nil {
		return nil, fmt.Errorf("service: restore snapshot %d: %w", meta.Index, err)
	}
	s.applied, s.appliedTerm, s.snapshot = meta.Index, meta.Term, meta.Index
	s.outcomes = nil
	var effects []Effect
	for _, index := range slices.Sorted(maps.Keys(s.waiting)) {
		if index > meta.Index {
			break
		}
		for _, id := range s.waiting[index] {
			if r := s.pending[id]; r.op == api.Get {
				effects = append(effects, s.answer(id, r))
			} else {
				effects = append(effects, lost(id, "a snapshot took the place of its entry"))
			}
			delete(s.pending, id)
		}
		delete(s.waiting, index)
	}
	return effects, nil
}
