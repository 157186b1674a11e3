package raft

import (
	"fmt"
	"time"

	"partita/raft/core"
)

// step gives the core an event and executes what comes out, in order, as long
// as the storage has not failed: what it stops at is as after a crash.
func (r *Raft) step(ev core.Event) {
	for _, e := range r.owner.core.Step(ev) {
		if r.isBroken() {
			return
		}
		r.execute(e)
	}
}

// execute does or delegates what the core wants done. Queues behind it take
// everything: what they hold is bounded by what the core has under way.
func (r *Raft) execute(e core.Effect) {
	o := &r.owner
	switch e := e.(type) {
	case core.AppendLog:
		r.backlog.Add(bytesOf(e.Entries))
		delegate[core.Effect](r.disk, e)
	case core.ResetLog, core.CutLog:
		delegate[core.Effect](r.disk, e)
	case core.SaveSnapshot:
		delegate(r.saves, e)
	case core.Apply:
		o.noteEntries(e.Entries)
		delegate[core.Effect](r.applies, e)
	case core.RestoreSnapshot:
		o.noteSnapshot(e.Snapshot.Index)
		delegate[core.Effect](r.applies, e)
	case core.SendChunk:
		delegate(r.ships, e)
	case core.Send:
		r.transport.Send(e.Envelope)
	case core.SetTimer:
		o.ran[e.Timer] = false
		o.timer[e.Timer].Reset(time.Duration(e.After))
	case core.StopTimer:
		o.ran[e.Timer] = false
		o.timer[e.Timer].Stop()
	case core.Proposed:
		r.proposed(e)
	case core.ReadReady:
		r.readReady(e)
	case core.TransferDone:
		r.counters.transfers.Add(1)
		r.publish() // so that who asked does not find the old leader
		o.settleTransfer(e.ID, nil)
	case core.Refused:
		r.refused(e)
	case core.Changed:
		o.role = e.Role
		if r.cfg.OnChange != nil {
			r.cfg.OnChange(e)
		}
	case core.MembersChanged:
		r.members.Store(&e.Members)
		if o.role == core.Leader && e.Members.Joint() {
			r.counters.joint.Add(1)
		}
		if r.cfg.OnMembers != nil {
			r.cfg.OnMembers(e.Members)
		}
	default:
		panic(fmt.Sprintf("raft: invariant broken: every effect is executed; %T is not known", e))
	}
}

// delegate queues work for a goroutine of this Raft.
func delegate[T any](q *queue[T], work T) {
	if err := q.push(work, 0); err != nil {
		panic(fmt.Sprintf("raft: invariant broken: a queue of the owner's is never closed: %v", err))
	}
}

// proposed tells a proposal, or notes for a change, where it was put.
func (r *Raft) proposed(e core.Proposed) {
	if c := r.owner.changes[e.ID]; c != nil {
		c.at = Accepted{e.Index, e.Term}
		r.counters.changes.Add(1)
		return
	}
	r.owner.settleProposal(e.ID, Accepted{e.Index, e.Term}, nil)
}

func (r *Raft) readReady(e core.ReadReady) {
	if e.Lease {
		r.counters.leaseReads.Add(1)
	} else {
		r.counters.roundReads.Add(1)
	}
	r.owner.settleRead(e.ID, ReadPoint{Index: e.Index, Lease: e.Lease}, nil)
}

// refused ends whatever has the ID.
func (r *Raft) refused(e core.Refused) {
	if e.Reason == core.Overloaded {
		r.counters.overloaded.Add(1)
	}
	o, err := &r.owner, refusal(e.Reason)
	_ = o.settleProposal(e.ID, Accepted{}, err) || o.settleRead(e.ID, ReadPoint{}, err) ||
		o.settleTransfer(e.ID, err) || o.settleChange(e.ID, core.Membership{}, err)
}

func (o *owner) settleProposal(id uint64, at Accepted, err error) bool {
	done, ok := o.proposals[id]
	if ok {
		delete(o.proposals, id)
		done(at, err)
	}
	return ok
}

func (o *owner) settleRead(id uint64, point ReadPoint, err error) bool {
	done, ok := o.reads[id]
	if ok {
		delete(o.reads, id)
		done(point, err)
	}
	return ok
}

func bytesOf(entries []core.Entry) int64 {
	sum := 0
	for _, e := range entries {
		sum += len(e.Data)
	}
	return int64(sum)
}
