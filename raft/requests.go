package raft

import (
	"context"
	"errors"
	"fmt"

	"partita/raft/core"
)

// request is something that a caller asks of the owner; which, is told by
// the one field that is set.
type request struct {
	propose  *proposal
	read     func(ReadPoint, error)
	lease    bool // of a read: the leader's lease may confirm it
	change   *change
	transfer *transfer
	compact  *core.Compact
}

// refuse ends a request that the core has not seen.
func (q request) refuse(err error) {
	switch {
	case q.propose != nil:
		q.propose.done(Accepted{}, err)
	case q.read != nil:
		q.read(ReadPoint{}, err)
	case q.change != nil:
		q.change.done(core.Membership{}, err)
	case q.transfer != nil:
		q.transfer.done(err)
	}
}

// proposal is a command and where its fate is told.
type proposal struct {
	command    []byte
	leaderOnly bool // never forwarded: refused unless this member leads
	done       func(Accepted, error)
}

// Start proposes a command if this member leads, and says where in the log it
// was put. It does not wait for consensus, a disk or the network. False means
// that the command is in no log: the member does not lead, too much is
// waiting, the command is too large, or the member has stopped. The command
// must not be changed afterwards.
func (r *Raft) Start(command []byte) (core.Index, core.Term, bool) {
	term, _ := r.GetState()
	type answer struct {
		at  Accepted
		err error
	}
	answers := make(chan answer, 1)
	err := r.propose(proposal{command, true, func(at Accepted, err error) { answers <- answer{at, err} }})
	if err != nil {
		return 0, term, false
	}
	if a := <-answers; a.err == nil {
		return a.at.Index, a.at.Term, true
	}
	term, _ = r.GetState()
	return 0, term, false
}

// Propose brings a command into the leader's log, from any member, and says
// where it was put. Errors: the package's, of which Definite tells which are
// definite, and the context's, which leaves the command's fate open. The
// command must not be changed afterwards.
func (r *Raft) Propose(ctx context.Context, command []byte) (Accepted, error) {
	type answer struct {
		at  Accepted
		err error
	}
	answers := make(chan answer, 1)
	err := r.ProposeAsync(command, func(at Accepted, err error) { answers <- answer{at, err} })
	if err != nil {
		return Accepted{}, err
	}
	select {
	case a := <-answers:
		return a.at, a.err
	case <-ctx.Done():
		return Accepted{}, fmt.Errorf("raft: propose: %w", ctx.Err())
	}
}

// ProposeAsync is Propose without the wait. When it returns an error, which
// is definite, the command was not taken and done is never called; otherwise
// done is called once, by the owner: it must return at once and must not wait
// for the Raft. On the leader it is called before the entry can be applied.
// For a command that was forwarded, the entry may have come through the apply
// channel already.
func (r *Raft) ProposeAsync(command []byte, done func(Accepted, error)) error {
	return r.propose(proposal{command: command, done: done})
}

func (r *Raft) propose(p proposal) error {
	if len(p.command) > r.cfg.MaxCommandBytes {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(p.command), r.cfg.MaxCommandBytes)
	}
	if r.backlog.Load() > r.cfg.MaxBacklogBytes {
		r.counters.overloaded.Add(1)
		return ErrOverloaded
	}
	return r.request(request{propose: &p})
}

// ReadIndex gives an index such that a state machine which has applied
// everything up to it answers a read linearizably (thesis §6.4). It works on
// any member. A read that fails did nothing.
func (r *Raft) ReadIndex(ctx context.Context) (core.Index, error) {
	point, err := r.awaitRead(ctx, false)
	return point.Index, err
}

// LeaseRead is a ReadIndex that the leader's lease may confirm, without a round
// of heartbeats (thesis §6.4.1). Where the leader has no lease, or Config.Lease is
// not set there, it is a ReadIndex: the ReadPoint says which.
func (r *Raft) LeaseRead(ctx context.Context) (ReadPoint, error) {
	return r.awaitRead(ctx, true)
}

func (r *Raft) awaitRead(ctx context.Context, lease bool) (ReadPoint, error) {
	type answer struct {
		point ReadPoint
		err   error
	}
	answers := make(chan answer, 1)
	if err := r.ReadAsync(lease, func(point ReadPoint, err error) { answers <- answer{point, err} }); err != nil {
		return ReadPoint{}, err
	}
	select {
	case a := <-answers:
		return a.point, a.err
	case <-ctx.Done():
		return ReadPoint{}, fmt.Errorf("raft: read: %w", ctx.Err())
	}
}

// ReadAsync is ReadIndex, or LeaseRead, without the wait, by the rules of
// ProposeAsync.
func (r *Raft) ReadAsync(lease bool, done func(ReadPoint, error)) error {
	return r.request(request{read: done, lease: lease})
}

// Snapshot offers the state machine's state after the entry at index, so that
// the log below can be let go (§7). Everything up to index must have been
// received from the apply channel. Data must not be changed afterwards. One
// that is older than what there is is ignored. An error, ErrOverloaded or
// ErrStopped, says that it was not taken.
func (r *Raft) Snapshot(index core.Index, data []byte) error {
	return r.request(request{compact: &core.Compact{Index: index, Data: data}})
}

func (r *Raft) request(q request) error {
	err := r.requests.push(q, r.cfg.QueueLimit)
	if errors.Is(err, ErrOverloaded) {
		r.counters.overloaded.Add(1)
	}
	return err
}
