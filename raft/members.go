package raft

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"partita/raft/core"
)

// change is a change of the configuration and where its fate is told. It is
// refused at once, or is put at a place in the log like a command.
type change struct {
	changes []core.Change
	done    func(core.Membership, error)
	at      Accepted // zero until the core has put it somewhere
}

// transfer is a wish that another member lead.
type transfer struct {
	to   core.NodeID
	done func(error)
}

// configuration is an entry with one.
type configuration struct {
	index   core.Index
	members core.Membership
}

// ChangeMembers changes the configuration (§6), if this member leads, and waits
// until the final one is applied here: it is committed then, and the change of
// voters by way of the joint configuration is over. All changes take effect
// together. Who is new is added as a learner first, and made a voter when it has
// caught up; ErrCatchingUp says that it has not. Errors: the
// package's, of which Definite tells which are definite, and the context's; after
// one that is not the change may still come about.
func (r *Raft) ChangeMembers(ctx context.Context, changes ...core.Change) (core.Membership, error) {
	type answer struct {
		members core.Membership
		err     error
	}
	answers := make(chan answer, 1)
	err := r.ChangeMembersAsync(changes, func(members core.Membership, err error) { answers <- answer{members, err} })
	if err != nil {
		return core.Membership{}, err
	}
	select {
	case a := <-answers:
		return a.members, a.err
	case <-ctx.Done():
		return core.Membership{}, fmt.Errorf("raft: change the members: %w", ctx.Err())
	}
}

// ChangeMembersAsync is ChangeMembers without the wait, by the rules of
// ProposeAsync.
func (r *Raft) ChangeMembersAsync(changes []core.Change, done func(core.Membership, error)) error {
	return r.request(request{change: &change{changes: slices.Clone(changes), done: done}})
}

// TransferLeadership lets another voter lead, if this member does (thesis
// §3.10), and waits until it leads no more. Until then the leader takes no
// commands: they are ErrTransferring. After ErrAbandoned it usually leads on, but
// the other may have been asked to stand, and do so late. Errors are as those of
// ChangeMembers.
func (r *Raft) TransferLeadership(ctx context.Context, to core.NodeID) error {
	answers := make(chan error, 1)
	if err := r.request(request{transfer: &transfer{to, func(err error) { answers <- err }}}); err != nil {
		return err
	}
	select {
	case err := <-answers:
		return err
	case <-ctx.Done():
		return fmt.Errorf("raft: transfer the lead to %d: %w", to, ctx.Err())
	}
}

func (o *owner) settleChange(id uint64, members core.Membership, err error) bool {
	c, ok := o.changes[id]
	if ok {
		delete(o.changes, id)
		c.done(members, err)
	}
	return ok
}

func (o *owner) settleTransfer(id uint64, err error) bool {
	done, ok := o.transfers[id]
	if ok {
		delete(o.transfers, id)
		done(err)
	}
	return ok
}

// noteEntries looks through what is committed and about to be applied: a change
// at whose place there is an entry of another term is lost for good, and a
// configuration may be the end of one.
func (o *owner) noteEntries(entries []core.Entry) {
	first := entries[0].Index
	for _, id := range o.changeIDs() {
		at := o.changes[id].at
		if at.Index < first || at.Index-first >= core.Index(len(entries)) {
			continue
		}
		if e := entries[at.Index-first]; e.Term != at.Term {
			o.settleChange(id, core.Membership{}, fmt.Errorf("%w: one of term %d stands at %d", ErrOverwritten, e.Term, e.Index))
		}
	}
	for _, e := range entries {
		if e.Kind != core.Configuration {
			continue
		}
		members, err := core.DecodeMembership(e.Data)
		if err != nil {
			panic(fmt.Sprintf("raft: invariant broken: a committed configuration is one: entry %d: %v", e.Index, err))
		}
		o.configurations = append(o.configurations, configuration{e.Index, members})
	}
}

// noteSnapshot ends the changes whose places a snapshot covers: nobody knows
// here what became of them.
func (o *owner) noteSnapshot(to core.Index) {
	for _, id := range o.changeIDs() {
		if at := o.changes[id].at; at.Index > 0 && at.Index <= to {
			o.settleChange(id, core.Membership{}, fmt.Errorf("%w: a snapshot took its place", ErrLost))
		}
	}
}

// settleChanges ends the changes whose final configuration has been applied.
func (o *owner) settleChanges() {
	for len(o.configurations) > 0 && o.configurations[0].index <= o.applied {
		c := o.configurations[0]
		o.configurations = o.configurations[1:]
		if c.members.Joint() {
			continue
		}
		for _, id := range o.changeIDs() {
			if at := o.changes[id].at; at.Index > 0 && at.Index <= c.index {
				o.settleChange(id, c.members, nil)
			}
		}
	}
}

// changeIDs lists the changes under way, in order. There are hardly any, ever.
func (o *owner) changeIDs() []uint64 {
	if len(o.changes) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(o.changes))
}
