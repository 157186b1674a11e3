package machines

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"partita/harness/trace"
	"partita/node/api"
	"partita/node/service"
	"partita/raft/core"
)

// call is a client's request under way in a process.
type call struct {
	done func(reply *api.Reply, err *api.Error) // both nil: the process ended
}

func (c *call) finish(reply *api.Reply, err *api.Error) { c.done(reply, err) }

func sortedIDs(calls map[uint64]*call) []uint64 { return slices.Sorted(maps.Keys(calls)) }

// request takes a client's request.
func (p *process) request(r api.Request, done func(*api.Reply, *api.Error)) {
	p.nextID++
	id := p.nextID
	p.calls[id] = &call{done: done}
	p.deadlines = append(p.deadlines, deadline{id, p.m.mono.at(p.m.engine.Now()) + p.m.cluster.cfg.OperationTimeout})
	if len(p.deadlines) == 1 {
		p.awaitExpiry()
	}
	p.m.guard(func() { p.serve(p.service.Request(id, r)) })
}

// deadline is when a request is given up, on the process's own clock. All wait
// equally long, so they are in order.
type deadline struct {
	id uint64
	at time.Duration
}

// awaitExpiry waits for the first deadline.
func (p *process) awaitExpiry() {
	left := p.deadlines[0].at - p.m.mono.at(p.m.engine.Now())
	p.m.engine.After(p.m.mono.until(max(0, left)), func() {
		p.m.whenRunning(func() {
			if !p.ended {
				p.m.guard(p.expire)
			}
		})
	})
}

// expire gives up the requests whose time is over, and waits for the next.
func (p *process) expire() {
	now := p.m.mono.at(p.m.engine.Now())
	for len(p.deadlines) > 0 {
		d := p.deadlines[0]
		if _, waits := p.calls[d.id]; waits {
			if d.at > now {
				p.awaitExpiry()
				return
			}
			p.m.cluster.watch.ReadEnded(p.m.id, d.id)
			p.serve(p.service.Expire(d.id))
		}
		p.deadlines = p.deadlines[1:]
	}
}

// serve carries out the effects of the service, in order.
func (p *process) serve(effects []service.Effect) {
	m := p.m
	for _, e := range effects {
		switch e := e.(type) {
		case service.Propose:
			p.proposals = append(p.proposals, core.Proposal{ID: e.ID, Data: e.Data})
			p.awaitTurn()
		case service.Read:
			m.cluster.watch.ReadAsked(m.id, e.ID, e.Lease)
			if e.Lease {
				p.leaseReads = append(p.leaseReads, e.ID)
			} else {
				p.reads = append(p.reads, e.ID)
			}
			p.awaitTurn()
		case service.Reply:
			p.answer(e.ID, &e.Reply, nil)
		case service.Fail:
			e.Error.Leader = m.cluster.name(p.leader)
			switch e.Error.Code {
			case api.Overwritten:
				m.cluster.count(overwritten)
			case api.Lost:
				m.cluster.count(lostForwards)
			}
			p.answer(e.ID, nil, &e.Error)
		case service.Compact:
			m.logged("INFO", "snapshot taken", map[string]any{"index": uint64(e.Index), "bytes": len(e.Data)})
			// The core hears first that the entries were applied.
			p.m.engine.After(0, func() {
				m.whenRunning(func() {
					if !p.ended {
						p.step(core.Compact{Index: e.Index, Data: e.Data})
					}
				})
			})
		}
	}
}

// awaitTurn lets requests wait for the owner's turn: all that have come by
// then are one event, as in raft, where what waits grows with what the owner has
// to do.
func (p *process) awaitTurn() {
	if p.turning {
		return
	}
	p.turning = true
	wait := time.Duration(p.m.diskRNG.Int64N(int64(p.m.cluster.cfg.Turn) + 1))
	p.m.engine.After(wait, func() {
		p.m.whenRunning(func() {
			if !p.ended {
				p.turn()
				p.m.stateNote(p)
			}
		})
	})
}

// turn hands the core the requests that wait.
func (p *process) turn() {
	proposals, reads, leases := p.proposals, p.reads, p.leaseReads
	p.proposals, p.reads, p.leaseReads, p.turning = nil, nil, nil, false
	if len(proposals) > 1 || len(reads) > 1 || len(leases) > 1 {
		p.m.cluster.count(requestsBatched)
	}
	if len(proposals) > 0 {
		p.step(core.Propose{Requests: proposals})
	}
	if len(reads) > 0 {
		p.step(core.Read{IDs: reads, Now: p.m.now()})
	}
	if len(leases) > 0 {
		p.step(core.Read{IDs: leases, Lease: true, Now: p.m.now()})
	}
}

func (p *process) answer(id uint64, reply *api.Reply, err *api.Error) {
	c := p.calls[id]
	if c == nil {
		panic(fmt.Sprintf("machines: invariant broken: every request is answered once: %d", id))
	}
	delete(p.calls, id)
	c.finish(reply, err)
}

// apply lets the state machine take what is next, if it is not busy.
func (p *process) apply() {
	if p.applying || len(p.applies) == 0 {
		return
	}
	p.applying = true
	took := time.Duration(p.m.diskRNG.Int64N(int64(applyWithin)))
	p.m.engine.After(took, func() { p.m.whenRunning(p.applyNext) })
}

// applyNext hands the state machine one batch of entries, or a snapshot.
func (p *process) applyNext() {
	if p.ended {
		return
	}
	e := p.applies[0]
	p.applies = p.applies[1:]
	p.m.guard(func() {
		to, ok := p.hand(e)
		if !ok || p.ended {
			return
		}
		p.applying = false
		if p.m.cluster.cfg.Trace {
			p.m.note(trace.Step{Kind: trace.Apply, Text: describeApply(e)})
		}
		p.step(core.Applied{Index: to})
		p.orders.applied(to)
		p.apply()
		p.m.stateNote(p)
	})
}

// hand gives the service what an effect holds. What a newer snapshot has
// covered already is not handed out again.
func (p *process) hand(e core.Effect) (to core.Index, ok bool) {
	m := p.m
	last := p.service.AppliedIndex()
	switch e := e.(type) {
	case core.Apply:
		m.cluster.watch.Applied(m.id, e.Entries)
		entries := e.Entries
		to = entries[len(entries)-1].Index
		for len(entries) > 0 && entries[0].Index <= last {
			entries = entries[1:]
		}
		effects := p.service.Applied(entries)
		p.countSessions(to)
		p.serve(effects)
		return to, true
	case core.RestoreSnapshot:
		m.cluster.watch.Restored(m.id, e.Snapshot)
		if e.Snapshot.Index <= last {
			return e.Snapshot.Index, true
		}
		meta, data := e.Snapshot, e.Data
		if data == nil {
			var err error
			if meta, _, data, err = p.log.Snapshot(); err != nil {
				m.storageFailed(err)
				return 0, false
			}
		}
		if meta.Index < e.Snapshot.Index {
			m.storageFailed(fmt.Errorf("load the snapshot of %d: the disk's newest is of %d", e.Snapshot.Index, meta.Index))
			return 0, false
		}
		effects, err := p.service.Restored(meta, data)
		if err != nil {
			m.storageFailed(err)
			return 0, false
		}
		if e.Snapshot == p.found {
			m.cluster.count(snapshotsRestored)
		}
		m.cluster.watch.Snapshot(m.id, meta.Index, data)
		m.logged("INFO", "snapshot installed", map[string]any{"index": uint64(meta.Index), "term": uint64(meta.Term), "bytes": len(data)})
		p.serve(effects)
		return e.Snapshot.Index, true
	}
	panic(fmt.Sprintf("machines: invariant broken: only applies are queued for the service, not %T", e))
}
