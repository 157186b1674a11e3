package machines

import (
	"errors"
	"time"

	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/node/api"
	"partita/node/kv"
	"partita/node/service"
	"partita/raft/core"
	"partita/raft/wal"
	"partita/raft/wal/memfs"
	"partita/sim/engine"
)

// dataDir is where the log lies on a machine's disk.
const dataDir = "data"

// The limits of a node's service, as in node/server.
const (
	maxPending  = 8192
	maxOutcomes = 1 << 16
)

// applyWithin is how long a state machine may take for a batch.
const applyWithin = 500 * time.Microsecond

// process is one incarnation of a node.
type process struct {
	m       *machine
	core    *core.Core
	log     *wal.Log
	service *service.Service
	found   core.SnapshotMeta // the snapshot that it began with
	role    core.Role
	leader  core.NodeID
	ended   bool

	events   []core.Event // that wait for the core's turn
	stepping bool
	timers   [core.TransferTimer + 1]timer

	writes   []core.Effect // for the log, in order
	writer   *engine.Task
	idle     bool           // the writer waits for work
	saved    core.HardState // on the disk
	saves    []core.SaveSnapshot
	saver    *engine.Task
	applies  []core.Effect
	applying bool

	proposals  []core.Proposal // that wait for the owner's turn
	reads      []uint64
	leaseReads []uint64
	turning    bool // it has been asked for

	members core.Membership // in force
	orders  orders
	shipped map[core.NodeID]core.SendChunk // the latest to each

	nextID    uint64
	calls     map[uint64]*call
	deadlines []deadline
	sessions  kv.Counts // as far as they are in the coverage
}

// timer is one of a process's timers. Its event in the engine may come too
// soon, and is then put off: most timers are set anew long before they run out.
type timer struct {
	armed    bool
	deadline time.Duration // on the process's own clock
	awaited  time.Duration // when the engine's event comes; 0 if there is none
	number   uint64        // of that event
	ran      bool          // while the process was paused
}

// boot starts a process from what the disk holds.
func (m *machine) boot(t *engine.Task, cfg core.Config, boot int) {
	current := func() bool { return m.booting && m.boots == boot }
	if !current() {
		return // it ended before it began
	}
	m.guard(func() {
		repaired := 0
		log, err := wal.Open(m.disk.Mount(), dataDir, wal.Options{
			SegmentBytes: m.cluster.cfg.SegmentBytes, OnRepair: func(wal.Repair) { repaired++ },
		})
		m.cluster.coverage[tornTails] += repaired
		if !current() {
			return // it ended meanwhile
		}
		if err != nil {
			m.storageFailed(err)
			return
		}
		restored := log.Restored()
		m.cluster.watch.Booted(m.id, restored)
		c, err := core.New(cfg, restored)
		if err != nil {
			m.storageFailed(err)
			return
		}
		svc, err := service.New(service.Config{
			Node: m.name, SnapshotEvery: m.cluster.cfg.SnapshotEvery, MaxPending: maxPending, MaxOutcomes: maxOutcomes,
			Sessions: m.cluster.cfg.Sessions, Lease: m.cluster.cfg.LeaseReads,
		})
		if err != nil {
			panic("machines: the service's configuration: " + err.Error())
		}
		p := &process{m: m, core: c, log: log, service: svc, calls: map[uint64]*call{}, shipped: map[core.NodeID]core.SendChunk{}, saved: restored.HardState, found: restored.Snapshot}
		m.process, m.booting = p, false
		p.writer = m.engine.Go(p.write)
		p.saver = m.engine.Go(p.save)
		if m.cluster.cfg.Trace {
			m.note(trace.Step{Kind: trace.Start, Text: describeRestored(m.cluster, restored)})
		}
		p.step(core.Started{})
		m.stateNote(p)
	})
}

// storageFailed ends a process whose disk cannot be trusted: exit code 3. A
// disk whose power failed says nothing any more.
func (m *machine) storageFailed(err error) {
	if errors.Is(err, memfs.ErrCrashed) {
		return
	}
	m.logged("ERROR", "exit", map[string]any{"code": 3, "error": err.Error()})
	m.end(wire.Exit{Code: 3})
}

// end ends the process's tasks; nobody gets an answer.
func (p *process) end() {
	p.ended = true
	running := p.m.engine.Running()
	for _, t := range []*engine.Task{p.writer, p.saver} {
		if t != running { // it ends by itself: all its calls of the disk fail
			t.Stop()
		}
	}
	for _, id := range sortedIDs(p.calls) {
		p.calls[id].finish(nil, nil)
	}
	p.orders.end()
}

// step gives the core an event, and those that come of it.
func (p *process) step(ev core.Event) {
	p.events = append(p.events, ev)
	if p.stepping || p.ended {
		return
	}
	p.stepping = true
	p.m.guard(func() {
		for i := 0; i < len(p.events) && !p.ended; i++ {
			effects := p.core.Step(p.events[i])
			p.m.changeNotes(effects)
			for _, e := range effects {
				p.execute(e)
			}
		}
	})
	clear(p.events)
	p.events = p.events[:0]
	p.stepping = false
}

// execute does or delegates what the core wants done.
func (p *process) execute(e core.Effect) {
	m := p.m
	switch e := e.(type) {
	case core.AppendLog:
		removed, configurations := m.cluster.watch.Asked(m.id, e)
		if removed > 0 {
			m.cluster.count(truncations)
		}
		m.cluster.coverage[configurationsReverted] += configurations
		p.enqueue(e)
	case core.ResetLog, core.CutLog:
		p.enqueue(e)
	case core.SaveSnapshot:
		m.cluster.watch.Saving(m.id, e.Snapshot, e.Members)
		m.cluster.watch.Snapshot(m.id, e.Snapshot.Index, e.Data)
		p.saves = append(p.saves, e)
		p.saver.Wake()
	case core.Apply:
		p.orders.entries(e.Entries)
		p.applies = append(p.applies, e)
		p.apply()
	case core.RestoreSnapshot:
		p.orders.snapshot(e.Snapshot.Index)
		p.applies = append(p.applies, e)
		p.apply()
	case core.SendChunk:
		m.engine.After(applyWithin, func() { m.whenRunning(func() { p.ship(e) }) })
	case core.Send:
		p.send(e.Envelope)
	case core.SetTimer:
		p.set(e.Timer, time.Duration(e.After))
	case core.StopTimer:
		p.timers[e.Timer].armed, p.timers[e.Timer].ran = false, false
	case core.Proposed, core.ReadReady, core.TransferDone, core.Refused:
		p.told(e)
	case core.Changed:
		p.changed(e)
	case core.MembersChanged:
		p.membersChanged(e.Members)
	default:
		panic("machines: every effect of the core is executed")
	}
}

func (p *process) send(e core.Envelope) {
	c := p.m.cluster
	c.watch.Sent(p.m.id, e)
	switch msg := e.Message.(type) {
	case core.Forward:
		c.count(forwardedWrites)
	case core.ReadIndex:
		c.count(forwardedReads)
	case core.PreVoteReply:
		if !msg.Granted {
			c.count(preVotesRefused)
		}
	case core.VoteReply:
		if !msg.Granted {
			c.count(votesRefused)
		}
	case core.AppendReply:
		if !msg.Accepted {
			c.count(appendsRefused)
		}
	}
	c.links[p.m.id-1][e.To-1].send(e)
}

// ship reads a piece of a snapshot and sends it.
func (p *process) ship(e core.SendChunk) {
	if p.ended {
		return
	}
	chunk, err := p.log.SnapshotChunk(e.Snapshot, e.Offset, p.m.core.SnapshotChunk)
	if err != nil {
		p.m.storageFailed(err)
		return
	}
	p.m.cluster.count(chunksSent)
	if before, ok := p.shipped[e.To]; ok && before.Snapshot == e.Snapshot && before.Offset >= e.Offset {
		p.m.cluster.count(chunksResent)
	}
	p.shipped[e.To] = e
	p.send(core.Envelope{From: p.m.id, To: e.To, Term: e.Term, Message: core.InstallSnapshot(chunk)})
}

// changed takes note of a change of role, term or leader, as the node logs it.
func (p *process) changed(now core.Changed) {
	m := p.m
	m.cluster.watch.Changed(m.id, now)
	if now.Role != p.role {
		switch {
		case now.Role == core.Candidate:
			m.cluster.count(elections)
		case now.Role == core.Leader:
			m.cluster.count(elected)
		case p.role == core.Leader:
			m.cluster.count(stepDowns)
		}
	}
	p.role, p.leader = now.Role, now.Leader
	m.logged("INFO", api.LogChanged, map[string]any{
		"role": now.Role.String(), "term": uint64(now.Term), "leader": m.cluster.name(now.Leader), "reason": now.Reason,
	})
}
