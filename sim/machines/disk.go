package machines

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"partita/harness/trace"
	"partita/nemesis/wire"
	"partita/raft/core"
	"partita/raft/wal"
	"partita/raft/wal/memfs"
	"partita/sim/engine"
)

// errDisk is what a disk in trouble answers.
var errDisk = errors.New("input/output error")

// diskCountdown says which call of a kind fails, of those that begin after it
// was asked for: 1 is the next, 0 none.
type diskCountdown struct {
	sync, write int
	asked       uint64 // numbers the countdowns
}

// powerCut is a loss of power that has been asked for.
type powerCut struct {
	calls int // how many calls of the disk until it comes; 0: none is asked for
	torn  bool
	off   bool // it has come
	done  func()
	asked uint64 // numbers the cuts
}

// call is the hook of a machine's disk: every call of the file system passes
// here, in the task that makes it. Syncs take time, as do writes when they are
// slow; power may fail in the middle. A call that was under way when a fault was
// asked for does not count.
func (m *machine) call(c memfs.Call) memfs.Fate {
	isSync := c.Op == memfs.OpSync || c.Op == memfs.OpSyncDir
	cut, countdown := m.power.asked, m.failing.asked
	if boots := m.boots; isSync {
		if m.wait(); m.boots != boots || m.pid() == 0 {
			return memfs.Fate{} // the process ended meanwhile, and its file system with it
		}
	}
	if m.power.calls > 0 && m.power.asked == cut {
		if m.power.calls--; m.power.calls == 0 {
			return memfs.Fate{Crash: true, Loss: m.powerFails()}
		}
	}
	switch {
	case c.Op == memfs.OpCreate && strings.HasSuffix(c.Name, ".log"):
		m.cluster.count(segmentsBegun)
	case m.failing.asked != countdown:
	case isSync && m.failing.sync > 0:
		if m.failing.sync--; m.failing.sync == 0 {
			m.diskDid.FailedSyncs++
			m.cluster.count(syncFailures)
			return memfs.Fate{Err: errDisk}
		}
	case c.Op == memfs.OpWrite && m.failing.write > 0:
		if m.failing.write--; m.failing.write == 0 {
			m.diskDid.FailedWrites++
			m.cluster.count(writeFailures)
			return memfs.Fate{Err: errDisk}
		}
	}
	return memfs.Fate{}
}

// wait is how long a sync takes. A task that a pause has caught in the middle
// goes on after it.
func (m *machine) wait() {
	t := m.engine.Running()
	if t == nil {
		return
	}
	took := m.cluster.cfg.Disk.draw(m.diskRNG)
	if m.trouble.Slow > 0 {
		took += time.Duration(m.trouble.Slow)
		m.diskDid.Slowed++
		m.cluster.count(slowSyncs)
	}
	for t.Sleep(took); m.paused; t.Park() {
		m.waiting = append(m.waiting, t.Wake)
	}
}

// powerFails ends the process because its machine has lost power, and says
// what becomes of what was not synced. The disk itself loses it afterwards.
func (m *machine) powerFails() memfs.Loss {
	loss := memfs.LoseAll
	if m.power.torn {
		loss = memfs.Tear
		m.losses.Torn++
	}
	m.losses.Losses++
	m.cluster.count(powerLosses)
	done := m.power.done
	m.power = powerCut{off: true, asked: m.power.asked}
	before := m.disk.Taken()
	m.engine.After(0, func() {
		taken := m.disk.Taken()
		m.losses.Writes += taken.Writes - before.Writes
		m.losses.Names += taken.Names - before.Names
		m.cluster.coverage[writesTaken] += taken.Writes - before.Writes
		m.cluster.coverage[namesTaken] += taken.Names - before.Names
		m.end(wire.Exit{Code: -1, Signal: wire.SignalPower, Asked: true})
		done()
	})
	return loss
}

// enqueue queues work for the log.
func (p *process) enqueue(e core.Effect) {
	p.writes = append(p.writes, e)
	if p.idle {
		p.idle = false
		p.writer.Wake()
	}
}

// write is the task that changes the log: appends that are queued one after
// the other become durable by one sync.
func (p *process) write(t *engine.Task) {
	for !p.ended {
		if len(p.writes) == 0 {
			p.idle = true
			t.Park()
			continue
		}
		p.m.guard(func() {
			if err := p.writeSome(); err != nil && !p.ended {
				p.m.storageFailed(err)
			}
		})
	}
}

// writeSome carries out the appends at the front, or one other effect.
func (p *process) writeSome() error {
	m := p.m
	switch e := p.writes[0].(type) {
	case core.ResetLog:
		p.writes = p.writes[1:]
		m.cluster.watch.Resetting(m.id, e.Snapshot)
		if err := p.log.Reset(e.Snapshot, e.Members, e.Data); err != nil {
			return fmt.Errorf("install the snapshot of %d: %w", e.Snapshot.Index, err)
		}
		m.cluster.count(snapshotsInstalled)
		m.cluster.watch.Reset(m.id, e.Snapshot, e.Members)
		p.done(core.SnapshotSaved{Snapshot: e.Snapshot}, fmt.Sprintf("a snapshot up to %d, in place of the log", e.Snapshot.Index))
		return nil
	case core.CutLog:
		p.writes = p.writes[1:]
		return p.log.Cut(e.To)
	}
	var batches []wal.Batch
	var appends []core.AppendLog
	for len(p.writes) > 0 {
		a, ok := p.writes[0].(core.AppendLog)
		if !ok {
			break
		}
		batches = append(batches, wal.Batch{HardState: a.HardState, From: a.From, Entries: a.Entries})
		appends = append(appends, a)
		p.writes = p.writes[1:]
	}
	if err := p.log.Append(batches...); err != nil {
		return fmt.Errorf("append %d batches: %w", len(batches), err)
	}
	if len(batches) > 1 {
		m.cluster.count(syncsShared)
	}
	number, text := appends[len(appends)-1].Number, ""
	if m.cluster.cfg.Trace {
		text = describeWritten(m.cluster, p.saved, appends)
	}
	p.saved = appends[len(appends)-1].HardState
	m.cluster.watch.Durable(m.id, number)
	p.done(core.Appended{Number: number}, text)
	return nil
}

// done tells the core of a completion, as an event of its own.
func (p *process) done(ev core.Event, what string) {
	m := p.m
	m.engine.After(0, func() {
		m.whenRunning(func() {
			if p.ended {
				return
			}
			if m.cluster.cfg.Trace {
				m.note(trace.Step{Kind: trace.Durable, Text: what})
			}
			p.step(ev)
			m.stateNote(p)
		})
	})
}

// save is the task that saves snapshots beside the log.
func (p *process) save(t *engine.Task) {
	for !p.ended {
		if len(p.saves) == 0 {
			t.Park()
			continue
		}
		s := p.saves[0]
		p.saves = p.saves[1:]
		p.m.guard(func() {
			if err := p.log.SaveSnapshot(s.Snapshot, s.Members, s.Data); err != nil {
				if !p.ended {
					p.m.storageFailed(fmt.Errorf("save the snapshot of %d: %w", s.Snapshot.Index, err))
				}
				return
			}
			p.m.cluster.count(snapshotsTaken)
			p.done(core.SnapshotSaved{Snapshot: s.Snapshot}, fmt.Sprintf("a snapshot up to %d", s.Snapshot.Index))
		})
	}
}
