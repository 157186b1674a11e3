package service

import (
	"fmt"
	"maps"
	"slices"

	"partita/node/api"
	"partita/raft/core"
)

// Refused says that Raft ended a proposal or a read without an index.
func (s *Service) Refused(id uint64, reason core.Reason) []Effect {
	r, found := s.pending[id]
	if !found || r.index != 0 {
		return nil
	}
	s.forget(id)
	switch {
	case reason == core.NoLeader:
		return fail(id, api.NoLeader, true, "no leader is known")
	case r.op == api.Get:
		return fail(id, api.NotServed, true, "no leader confirmed the read")
	case reason == core.NotAccepted:
		return fail(id, api.NotAccepted, true, "the leader it went to is none any more")
	}
	return []Effect{lost(id, "it was forwarded, and the leader changed before it answered")}
}

// Declined says that a proposal or a read was not even handed to Raft, or was
// refused by it for a reason of the host's: code and message say which. It is
// definite.
func (s *Service) Declined(id uint64, code api.Code, message string) []Effect {
	if r, found := s.pending[id]; !found || r.index != 0 {
		return nil
	}
	s.forget(id)
	return fail(id, code, true, message)
}

// Expire ends a request whose time is up. A read did not happen as far as
// anybody can tell; a write may happen yet.
func (s *Service) Expire(id uint64) []Effect {
	r, found := s.pending[id]
	if !found {
		return nil
	}
	s.forget(id)
	if r.op == api.Get {
		return fail(id, api.Timeout, true, "the read was not confirmed in time")
	}
	return fail(id, api.Timeout, false, "the write was not applied in time; it may be yet")
}

// Drain lets what waits go on and refuses every later request as Stopping.
func (s *Service) Drain() { s.stopping = true }

// Abandon ends everything that waits, in order of ID: nothing will be applied
// any more.
func (s *Service) Abandon() []Effect {
	s.stopping = true
	var effects []Effect
	for _, id := range slices.Sorted(maps.Keys(s.pending)) {
		if s.pending[id].op == api.Get {
			effects = append(effects, fail(id, api.NotServed, true, "the node stopped before the read was confirmed")...)
		} else {
			effects = append(effects, lost(id, "the node stopped before the write was applied"))
		}
		s.forget(id)
	}
	return effects
}

// complete ends who waited for the entry at an index, now applied.
func (s *Service) complete(effects []Effect, index core.Index, o outcome) []Effect {
	ids, found := s.waiting[index]
	if !found {
		return effects
	}
	delete(s.waiting, index)
	for _, id := range ids {
		r := s.pending[id]
		delete(s.pending, id)
		if r.op == api.Get {
			effects = append(effects, s.answer(id, r))
		} else {
			effects = append(effects, s.settle(id, r.term, index, o))
		}
	}
	return effects
}

// settle ends a write that was put at (term, index), where an entry with this
// outcome was applied. It is the same entry if, and only if, the terms agree.
func (s *Service) settle(id uint64, term core.Term, index core.Index, o outcome) Effect {
	if o.term != term {
		return Fail{ID: id, Error: api.Error{Code: api.Overwritten, Definite: true,
			Message: fmt.Sprintf("it stood at index %d in term %d; an entry of term %d took its place", index, term, o.term)}}
	}
	if o.kind != core.Command {
		panic(fmt.Sprintf("service: one entry has one (index, term): a command and an entry of kind %d stand at %d in term %d", o.kind, index, term))
	}
	if o.result.Code != "" {
		return Fail{ID: id, Error: api.Error{Code: o.result.Code, Definite: true, Message: o.result.Refused}}
	}
	return Reply{ID: id, Reply: api.Reply{
		Value: o.result.Value, Found: o.result.Found, Swapped: o.result.Swapped,
		Session: o.result.Session, Duplicate: o.result.Duplicate,
		Node: s.cfg.Node, Term: uint64(term), Index: uint64(index),
	}}
}

// answer reads the state machine as it is now.
func (s *Service) answer(id uint64, r request) Reply {
	value, found := s.store.Get(r.key)
	return Reply{ID: id, Reply: api.Reply{
		Value: value, Found: found, Lease: r.lease,
		Node: s.cfg.Node, Term: uint64(s.appliedTerm), Index: uint64(s.applied),
	}}
}

// remember keeps the outcome of the entry at applied while a proposal is
// unplaced. Without one, no answer can name an entry that is applied already.
func (s *Service) remember(o outcome) {
	if s.unplaced == 0 {
		return
	}
	if len(s.outcomes) >= s.cfg.MaxOutcomes {
		// Half at a time, so that copying stays cheap.
		s.outcomes = append([]outcome(nil), s.outcomes[(len(s.outcomes)+1)/2:]...)
	}
	s.outcomes = append(s.outcomes, o)
}

// placed says that one proposal fewer is unplaced.
func (s *Service) placed() {
	s.unplaced--
	if s.unplaced == 0 {
		clear(s.outcomes)
		s.outcomes = s.outcomes[:0]
	}
}

// forget takes a request out of everything it stands in.
func (s *Service) forget(id uint64) {
	r := s.pending[id]
	delete(s.pending, id)
	if r.index == 0 {
		if r.op != api.Get {
			s.placed()
		}
		return
	}
	rest := slices.DeleteFunc(s.waiting[r.index], func(other uint64) bool { return other == id })
	if len(rest) == 0 {
		delete(s.waiting, r.index)
	} else {
		s.waiting[r.index] = rest
	}
}

func fail(id uint64, code api.Code, definite bool, message string) []Effect {
	return []Effect{Fail{ID: id, Error: api.Error{Code: code, Message: message, Definite: definite}}}
}

func lost(id uint64, message string) Effect {
	return Fail{ID: id, Error: api.Error{Code: api.Lost, Message: message}}
}
