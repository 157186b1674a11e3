package invariant

import (
	"slices"

	"partita/raft/core"
)

// Sent checks what a node promises by a message: the term that it speaks in,
// a vote given or claimed, entries taken. All of it is on its disk (figure 2,
// "updated on stable storage before responding to RPCs").
func (w *Watch) Sent(id core.NodeID, e core.Envelope) {
	n := w.at(id)
	if n.hard.Term < e.Term {
		w.fail(DurablePromises, []core.NodeID{id}, "%s speaks in term %d, and its disk says %d", w.name(id), e.Term, n.hard.Term)
	}
	switch m := e.Message.(type) {
	case core.Append, core.Heartbeat:
		if e.Term == n.leads {
			w.governs(id)
		}
	case core.Vote:
		if n.hard.Term == e.Term && n.hard.Vote != id {
			w.fail(DurablePromises, []core.NodeID{id}, "%s asks for votes in term %d before its own vote is on its disk", w.name(id), e.Term)
		}
	case core.VoteReply:
		if m.Granted && (n.hard.Term != e.Term || n.hard.Vote != e.To) {
			w.fail(DurablePromises, []core.NodeID{id}, "%s grants its vote of term %d to %s, and its disk does not say so", w.name(id), e.Term, w.name(e.To))
		}
	case core.AppendReply:
		if m.Accepted {
			w.acknowledged(id, m.Match)
		}
	case core.SnapshotReply:
		w.acknowledged(id, m.Match)
	}
}

// acknowledged checks that a node's disk holds its log up to an entry.
func (w *Watch) acknowledged(id core.NodeID, match core.Index) {
	n := w.at(id)
	want, inMemory := n.memory.term(match)
	got, onDisk := n.disk.term(match)
	switch {
	case match <= n.disk.base.Index || match == 0:
	case !onDisk:
		w.fail(DurablePromises, []core.NodeID{id}, "%s acknowledges entry %d, and its disk holds entries up to %d", w.name(id), match, n.disk.last().Index)
	case inMemory && want != got:
		w.fail(DurablePromises, []core.NodeID{id}, "%s acknowledges entry (%d, term %d), and its disk still holds one of term %d", w.name(id), match, want, got)
	}
}

// Resetting takes note that a node's log is being replaced by a snapshot: a
// crash may fall before or after.
func (w *Watch) Resetting(id core.NodeID, snapshot core.SnapshotMeta) { w.at(id).replaced = snapshot }

// Reset takes note that a snapshot has replaced a node's log.
func (w *Watch) Reset(id core.NodeID, snapshot core.SnapshotMeta, members core.Membership) {
	n := w.at(id)
	w.covered(id, snapshot)
	w.carries(id, snapshot, members)
	n.memory.reset(snapshot, configurationOf(members))
	n.disk.reset(snapshot, configurationOf(members))
	n.replaced = core.SnapshotMeta{}
	n.agree = snapshot.Index
	w.agreement(n)
	w.held(id)
}

// covered checks that a snapshot speaks of what is committed.
func (w *Watch) covered(id core.NodeID, snapshot core.SnapshotMeta) {
	i := snapshot.Index
	if i > core.Index(len(w.committed)) || i > 0 && w.committed[i-1].term != snapshot.Term {
		w.fail(StateMachineSafety, []core.NodeID{id}, "the snapshot %s of %s ends with an entry that was never committed", pos(snapshot), w.name(id))
	}
}

// Saving checks the configuration of a snapshot that a node takes itself.
func (w *Watch) Saving(id core.NodeID, snapshot core.SnapshotMeta, members core.Membership) {
	w.carries(id, snapshot, members)
}

// Restored takes note that a node's state machine was given a snapshot.
func (w *Watch) Restored(id core.NodeID, snapshot core.SnapshotMeta) {
	n := w.at(id)
	n.handed = max(n.handed, snapshot.Index)
}

// Snapshot checks that every node's state after an entry is the same.
func (w *Watch) Snapshot(id core.NodeID, index core.Index, data []byte) {
	digest := slotOf(core.Entry{Data: data}).digest
	if known, seen := w.snapshots[index]; seen && known != digest {
		w.fail(StateMachineSafety, []core.NodeID{id}, "the state of %s after entry %d is not that of another node", w.name(id), index)
	}
	w.snapshots[index] = digest
}

// Booted compares what a node found on its disk with what was there before:
// all that had been made durable, and of the writes under way the first so
// many, whole. A snapshot that was replacing the log may have done so: every
// write before it was durable by then, and those after it wait.
func (w *Watch) Booted(id core.NodeID, found core.Restored) {
	n := w.at(id)
	durable := n.hard
	last := n.disk.last().Index
	possible := n.replaced.Index > 0 && found.Base == n.replaced && len(found.Entries) == 0 && found.HardState == n.hard
	for i := 0; !possible; i++ {
		if possible = n.holds(found); possible || i >= len(n.writes) {
			break
		}
		n.reach(n.writes[i])
	}
	if !possible {
		w.fail(DurablePromises, []core.NodeID{id}, "%s comes back with term %d, vote %d and a log of %d to %d, and had made term %d, vote %d and a log to %d durable",
			w.name(id), found.HardState.Term, found.HardState.Vote, found.Base.Index, lastOf(found), durable.Term, durable.Vote, last)
	}
	n.settle(found, w.begins(id))
	w.carries(id, found.Snapshot, found.Members)
	w.voted(id, found.HardState)
	w.agreement(n)
	w.held(id)
}

// holds says whether a disk was found as the view has it. What a snapshot
// covers may be gone.
func (n *node) holds(found core.Restored) bool {
	if n.hard != found.HardState || n.disk.last().Index != lastOf(found) {
		return false
	}
	if term, ok := n.disk.term(found.Base.Index); ok && term != found.Base.Term {
		return false
	}
	for _, e := range found.Entries {
		if s, ok := n.disk.at(e.Index); ok && s != slotOf(e) {
			return false
		}
	}
	return found.Base.Index <= found.Snapshot.Index
}

// settle makes what was found the node's log, in memory and on disk.
func (n *node) settle(found core.Restored, begins placed) {
	if found.Snapshot.Index > 0 {
		begins = placed{found.Snapshot, configurationOf(found.Members)}
	}
	slots := make([]slot, len(found.Entries))
	var members []placed
	for i, e := range found.Entries {
		slots[i] = slotOf(e)
		if c, ok := readConfiguration(e.Data); ok && e.Kind == core.Configuration && e.Index > begins.at.Index {
			members = append(members, placed{meta(e.Index, slots[i]), c})
		}
	}
	n.memory = view{found.Base, slots, begins, members}
	n.disk = view{found.Base, slices.Clone(slots), begins, slices.Clone(members)}
	n.hard, n.term, n.leads, n.writes = found.HardState, found.HardState.Term, 0, nil
	n.replaced, n.agree, n.handed = core.SnapshotMeta{}, found.Base.Index, 0
	clear(n.reads)
}

func lastOf(found core.Restored) core.Index {
	return found.Base.Index + core.Index(len(found.Entries))
}

// ReadAsked takes note of a read that came to a node: it has to see all that
// is committed now.
func (w *Watch) ReadAsked(id core.NodeID, read uint64, lease bool) {
	w.at(id).reads[read] = asked{core.Index(len(w.committed)), lease}
}

// ReadReady checks the index at which a read is to be answered, and says
// whether a lease was asked for.
func (w *Watch) ReadReady(id core.NodeID, read uint64, index core.Index, lease bool) (leaseAsked bool) {
	n := w.at(id)
	r, asked := n.reads[read]
	delete(n.reads, read)
	if least := r.least; asked && index < least {
		first := w.committed[least-1].first
		rule, by := ReadRound, ""
		if lease {
			rule, by = LeaseRead, " by a lease"
		}
		w.fail(rule, []core.NodeID{id, first}, "%s answers a read%s as of entry %d, and %s had applied entry %d when it came", w.name(id), by, index, w.name(first), least)
	}
	if asked && lease && !r.lease {
		w.fail(LeaseRead, []core.NodeID{id}, "%s answers a read by a lease that was to be confirmed by a round", w.name(id))
	}
	return r.lease
}

// ReadEnded forgets a read that was refused.
func (w *Watch) ReadEnded(id core.NodeID, read uint64) { delete(w.at(id).reads, read) }
