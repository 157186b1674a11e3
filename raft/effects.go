package raft

import (
	"fmt"
	"time"

	"partita/raft/core"
)

// step gives the core an event and executes what comes out, in order.
func (r *Raft) step(ev core.Event) {
	for _, e := range r.owner.core.Step(ev) {
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
	case core.Apply, core.RestoreSnapshot:
		delegate[core.Effect](r.applies, e)
	case core.SendSnapshot:
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
		o.settleProposal(e.ID, Accepted{e.Index, e.Term}, nil)
	case core.ReadReady:
		o.settleRead(e.ID, e.Index, nil)
	case core.Refused:
		if !o.settleProposal(e.ID, Accepted{}, refusal(e.Reason)) {
			o.settleRead(e.ID, 0, refusal(e.Reason))
		}
	case core.Changed:
		o.role = e.Role
		if r.cfg.OnChange != nil {
			r.cfg.OnChange(e)
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

func (o *owner) settleProposal(id uint64, at Accepted, err error) bool {
	done, ok := o.proposals[id]
	if ok {
		delete(o.proposals, id)
		done(at, err)
	}
	return ok
}

func (o *owner) settleRead(id uint64, index core.Index, err error) {
	if done, ok := o.reads[id]; ok {
		delete(o.reads, id)
		done(index, err)
	}
}

func bytesOf(entries []core.Entry) int64 {
	sum := 0
	for _, e := range entries {
		sum += len(e.Data)
	}
	return int64(sum)
}
