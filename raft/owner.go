package raft

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"partita/raft/core"
)

const (
	// maxMessages is how many received messages are handled before the owner
	// looks after everything else.
	maxMessages = 256

	// proposalBatches is how many times MaxBatch proposals become one event,
	// and so one append.
	proposalBatches = 4

	timers = int(core.TransferTimer) + 1
)

// owner is what belongs to the owner's goroutine alone.
type owner struct {
	core *core.Core
	role core.Role // as of the last Changed effect

	timer [timers]*time.Timer
	ran   [timers]bool // the timer ran out and the core has not been told

	nextID    uint64
	proposals map[uint64]func(Accepted, error)
	reads     map[uint64]func(ReadPoint, error)
	changes   map[uint64]*change
	transfers map[uint64]func(error)

	// configurations are those handed to the service that it may not have
	// received yet, in order.
	configurations []configuration

	applied core.Index    // the last that the core was told of
	compact *core.Compact // waits until the core knows that it has been applied

	spareRequests []request
	spareEvents   []core.Event
}

func newOwner(c *core.Core) owner {
	o := owner{
		core:      c,
		proposals: make(map[uint64]func(Accepted, error)),
		reads:     make(map[uint64]func(ReadPoint, error)),
		changes:   make(map[uint64]*change),
		transfers: make(map[uint64]func(error)),
	}
	for i := range o.timer {
		o.timer[i] = time.NewTimer(time.Hour)
		o.timer[i].Stop()
	}
	return o
}

// own is the owner's life.
func (r *Raft) own() {
	defer r.end()
	o := &r.owner
	for !r.isBroken() {
		select {
		case <-r.stopping:
			return
		case <-r.broken:
			return
		case e := <-r.transport.Receive():
			r.receive(e)
		case <-r.events.wake:
		case <-r.pieces.wake:
		case <-r.requests.wake:
		case <-o.timer[core.ElectionTimer].C:
			o.ran[core.ElectionTimer] = true
		case <-o.timer[core.HeartbeatTimer].C:
			o.ran[core.HeartbeatTimer] = true
		case <-o.timer[core.TransferTimer].C:
			o.ran[core.TransferTimer] = true
		}
		r.turn()
	}
}

// turn handles everything that has come. Messages go before timers: after a
// pause, the heartbeat that is waiting comes before the timeout that it
// would have prevented.
func (r *Raft) turn() {
	r.takeEvents()
	r.takeMessages()
	r.takePieces()
	for i, ran := range r.owner.ran {
		if ran && r.owner.ran[i] {
			r.owner.ran[i] = false
			r.step(core.TimerFired{Timer: core.Timer(i), Now: r.now()})
		}
	}
	r.takeRequests()
	r.publish()
}

// end lets everything else end, and ends every request.
func (r *Raft) end() {
	close(r.quit)
	o := &r.owner
	for _, t := range o.timer {
		t.Stop()
	}
	last := *r.status.Load()
	last.Role, last.Leader, last.Peers = core.Follower, core.None, nil
	r.status.Store(&last)
	lost := fmt.Errorf("%w: the member stopped", ErrLost)
	for _, id := range slices.Sorted(maps.Keys(o.proposals)) {
		o.proposals[id](Accepted{}, lost)
	}
	for _, id := range slices.Sorted(maps.Keys(o.reads)) {
		o.reads[id](ReadPoint{}, ErrStopped)
	}
	for _, id := range slices.Sorted(maps.Keys(o.changes)) {
		o.changes[id].done(core.Membership{}, lost)
	}
	for _, id := range slices.Sorted(maps.Keys(o.transfers)) {
		o.transfers[id](lost)
	}
	for _, q := range r.requests.close() {
		q.refuse(ErrStopped)
	}
	r.announce()
}

// publish makes the core's status visible to everybody.
func (r *Raft) publish() {
	s := r.owner.core.Status()
	r.status.Store(&s)
}

func (r *Raft) takeMessages() {
	for range maxMessages {
		select {
		case e := <-r.transport.Receive():
			r.receive(e)
		default:
			return
		}
	}
}

// receive hands a message to the core. While the disk lags too far behind,
// entries and forwarded commands are dropped as the network might have done.
func (r *Raft) receive(e core.Envelope) {
	if r.backlog.Load() > r.cfg.MaxBacklogBytes && forTheDisk(e.Message) {
		r.counters.shed.Add(1)
		return
	}
	r.step(core.Received{Envelope: e, Now: r.now()})
}

// forTheDisk says whether a message brings what would have to be written.
func forTheDisk(m core.Message) bool {
	switch m := m.(type) {
	case core.Append:
		return len(m.Entries) > 0
	case core.Forward:
		return true
	}
	return false
}

// takeEvents tells the core of what was completed.
func (r *Raft) takeEvents() {
	o := &r.owner
	events := r.events.take(o.spareEvents)
	for _, ev := range events {
		r.step(ev)
		if applied, ok := ev.(core.Applied); ok {
			o.applied = max(o.applied, applied.Index)
			if len(o.changes) > 0 {
				r.publish() // so that who asked finds what came of it
			}
			o.settleChanges()
		}
	}
	o.spareEvents = events
	if o.compact != nil && o.compact.Index <= o.applied {
		ev := *o.compact
		o.compact = nil
		r.step(ev)
	}
}

// takePieces sends the chunks of snapshots that were read.
func (r *Raft) takePieces() {
	for _, e := range r.pieces.take(nil) {
		if !r.isBroken() {
			r.transport.Send(e)
		}
	}
}

// takeRequests makes one event of all reads of a kind, and of all proposals as
// many as their number and size ask for.
func (r *Raft) takeRequests() {
	o := &r.owner
	requests := r.requests.take(o.spareRequests)
	var reads, leaseReads []uint64
	batch, size := []core.Proposal(nil), 0
	for _, q := range requests {
		switch {
		case q.propose != nil && q.propose.leaderOnly && o.role != core.Leader:
			q.propose.done(Accepted{}, ErrNoLeader)
		case q.propose != nil:
			if len(batch) > 0 && size+len(q.propose.command) > r.cfg.MaxBatchBytes || len(batch) >= proposalBatches*r.cfg.MaxBatch {
				r.step(core.Propose{Requests: batch})
				batch, size = nil, 0
			}
			o.nextID++
			o.proposals[o.nextID] = q.propose.done
			batch, size = append(batch, core.Proposal{ID: o.nextID, Data: q.propose.command}), size+len(q.propose.command)
		case q.read != nil:
			o.nextID++
			o.reads[o.nextID] = q.read
			if q.lease {
				leaseReads = append(leaseReads, o.nextID)
			} else {
				reads = append(reads, o.nextID)
			}
		case q.change != nil:
			o.nextID++
			o.changes[o.nextID] = q.change
			r.step(core.ChangeMembers{ID: o.nextID, Changes: q.change.changes})
		case q.transfer != nil:
			o.nextID++
			o.transfers[o.nextID] = q.transfer.done
			r.step(core.TransferLeadership{ID: o.nextID, To: q.transfer.to})
		case q.compact != nil:
			r.offer(*q.compact)
		}
	}
	if len(batch) > 0 {
		r.step(core.Propose{Requests: batch})
	}
	if len(reads) > 0 {
		r.step(core.Read{IDs: reads, Now: r.now()})
	}
	if len(leaseReads) > 0 {
		r.step(core.Read{IDs: leaseReads, Lease: true, Now: r.now()})
	}
	o.spareRequests = requests
}

// offer passes a snapshot on once the core knows that it was applied so far:
// the service may be faster with its snapshot than the news of the apply.
func (r *Raft) offer(c core.Compact) {
	switch o := &r.owner; {
	case c.Index <= o.applied:
		r.step(c)
	case o.compact == nil || o.compact.Index < c.Index:
		o.compact = &c
	}
}
