package raft

import (
	"time"

	"partita/raft/core"
)

// owner is the goroutine that owns the core. It does no I/O and waits for
// nothing but its inputs, which it drains in batches.
type owner struct {
	r         *Raft
	member    *core.Core
	timers    [2]*time.Timer // by core.Timer
	nextID    uint64
	proposals map[uint64]func(Accepted, error)
	reads     map[uint64]func(core.Index, error)
}

// drainLimit bounds how many messages are taken in before the owner looks at
// its other inputs.
const drainLimit = 256

func newOwner(r *Raft, member *core.Core) *owner {
	o := &owner{r: r, member: member, proposals: map[uint64]func(Accepted, error){}, reads: map[uint64]func(core.Index, error){}}
	for i := range o.timers {
		o.timers[i] = time.NewTimer(time.Hour)
		o.timers[i].Stop()
	}
	return o
}

func (o *owner) run() {
	defer o.end()
	o.step(core.Started{})
	for {
		o.publish()
		select {
		case <-o.r.stop:
			return
		case <-o.r.failed:
			return // nothing is promised any more
		case e, open := <-o.r.transport.Receive():
			if !open {
				return
			}
			o.step(core.Received{Envelope: e})
			o.drainMessages()
		case ev := <-o.r.events:
			o.step(ev)
		case q := <-o.r.requests:
			o.serve(q)
		case <-o.timers[core.ElectionTimer].C:
			o.step(core.TimerFired{Timer: core.ElectionTimer})
		case <-o.timers[core.HeartbeatTimer].C:
			o.step(core.TimerFired{Timer: core.HeartbeatTimer})
		}
	}
}

func (o *owner) drainMessages() {
	for range drainLimit {
		select {
		case e, open := <-o.r.transport.Receive():
			if !open {
				return
			}
			o.step(core.Received{Envelope: e})
		default:
			return
		}
	}
}

// serve takes a request and all that wait behind it, proposals as one event
// and reads as one: they share an append, a message and a round of heartbeats.
func (o *owner) serve(q request) {
	var proposals core.Propose
	var reads core.Read
	for more := true; more; {
		switch {
		case q.compact != nil:
			o.step(*q.compact)
		case q.read != nil:
			o.nextID++
			o.reads[o.nextID] = q.read
			reads.IDs = append(reads.IDs, o.nextID)
		case q.start && o.member.Status().Role != core.Leader:
			q.proposed(Accepted{}, ErrNotAccepted)
		default:
			o.nextID++
			o.proposals[o.nextID] = q.proposed
			proposals.Requests = append(proposals.Requests, core.Proposal{ID: o.nextID, Data: q.command})
		}
		if more = len(proposals.Requests)+len(reads.IDs) < o.r.cfg.QueueLimit; more {
			select {
			case q = <-o.r.requests:
			default:
				more = false
			}
		}
	}
	if len(proposals.Requests) > 0 {
		o.step(proposals)
	}
	if len(reads.IDs) > 0 {
		o.step(reads)
	}
}

// step gives the core an event and executes its effects, in order.
func (o *owner) step(ev core.Event) {
	for _, e := range o.member.Step(ev) {
		switch e := e.(type) {
		case core.Send:
			o.r.transport.Send(e.Envelope)
		case core.AppendLog:
			for i := range e.Entries {
				o.r.backlog.Add(int64(len(e.Entries[i].Data)))
			}
			o.r.logs.put(e)
		case core.ResetLog, core.CutLog:
			o.r.logs.put(e)
		case core.SaveSnapshot, core.SendSnapshot:
			o.r.snapshots.put(e)
		case core.Apply, core.RestoreSnapshot:
			o.r.applies.put(e)
		case core.Proposed:
			o.proposed(e.ID, Accepted{e.Index, e.Term}, nil)
		case core.ReadReady:
			o.read(e.ID, e.Index, nil)
		case core.Refused:
			if _, isRead := o.reads[e.ID]; isRead {
				o.read(e.ID, 0, reasonError(e.Reason))
			} else {
				o.proposed(e.ID, Accepted{}, reasonError(e.Reason))
			}
		case core.SetTimer:
			o.timers[e.Timer].Reset(time.Duration(e.After))
		case core.StopTimer:
			o.timers[e.Timer].Stop()
		case core.Changed:
			o.publish()
			if o.r.cfg.OnChange != nil {
				o.r.cfg.OnChange(e)
			}
		}
	}
}

func (o *owner) proposed(id uint64, a Accepted, err error) {
	done := o.proposals[id]
	delete(o.proposals, id)
	done(a, err)
}

func (o *owner) read(id uint64, index core.Index, err error) {
	done := o.reads[id]
	delete(o.reads, id)
	done(index, err)
}

func (o *owner) publish() {
	status := o.member.Status()
	o.r.status.Store(&status)
}

// end answers everything that waits and lets the other goroutines end. After a
// failure of the storage it goes on refusing until Stop.
func (o *owner) end() {
	for _, t := range o.timers {
		t.Stop()
	}
	for id := range o.proposals {
		o.proposed(id, Accepted{}, ErrLost)
	}
	for id := range o.reads {
		o.read(id, 0, ErrStopped)
	}
	o.r.logs.close()
	o.r.snapshots.close()
	o.r.applies.close()
	for stopping := false; ; {
		if !stopping {
			select {
			case q := <-o.r.requests:
				refuse(q)
				continue
			case <-o.r.events:
				continue
			case <-o.r.transport.Receive():
				continue
			case <-o.r.stop:
				stopping = true
			}
		}
		select {
		case q := <-o.r.requests: // nothing is added once stop is closed
			refuse(q)
		default:
			return
		}
	}
}

func refuse(q request) {
	switch {
	case q.read != nil:
		q.read(0, ErrStopped)
	case q.proposed != nil:
		q.proposed(Accepted{}, ErrStopped)
	}
}
