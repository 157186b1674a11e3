package core

import "fmt"

// onAppend is the receiver's side of AppendEntries (figure 2). What it accepts
// is acknowledged once it is durable.
func (c *Core) onAppend(e Envelope, m Append) {
	c.heed(e.From)
	if c.install.resetting {
		return
	}
	if m.Prev.Index < c.log.base.Index {
		// Everything up to base is committed, so it equals the leader's.
		skip := min(c.log.base.Index-m.Prev.Index, Index(len(m.Entries)))
		m.Entries = m.Entries[skip:]
		if m.Prev.Index += skip; m.Prev.Index < c.log.base.Index {
			c.reply(e.From, AppendReply{Asked: e.Term, Prev: m.Prev.Index, Accepted: true, Match: m.Prev.Index}, m.Prev.Index)
			return
		}
		m.Prev.Term = c.log.base.Term
	}
	if !c.log.holds(m.Prev) {
		hint := c.log.agreeable(m.Prev.Index, m.Prev.Term)
		c.send(e.From, AppendReply{Asked: e.Term, Prev: m.Prev.Index, Hint: hint})
		return
	}
	c.take(m.Entries)
	match := m.Prev.Index + Index(len(m.Entries))
	c.reply(e.From, AppendReply{Asked: e.Term, Prev: m.Prev.Index, Accepted: true, Match: match}, match)
	// The leader may have committed more than this Append speaks of, where this
	// log may still differ.
	c.commitTo(min(m.Commit, match))
}

// take appends the entries that the log lacks. One that conflicts removes its
// predecessor at that index and all that follow (figure 2, steps 3 and 4);
// one that is there already changes nothing, so that an old Append cannot
// undo a newer one.
func (c *Core) take(entries []Entry) {
	for i, e := range entries {
		if c.log.holds(SnapshotMeta{e.Index, e.Term}) {
			continue
		}
		if e.Index <= c.commit {
			panic(fmt.Sprintf("core: invariant broken: leader completeness: entry %d of term %d would replace a committed one of term %d", e.Index, e.Term, c.log.mustTerm(e.Index)))
		}
		if e.Index <= c.log.last().Index {
			c.log.truncate(e.Index)
		}
		c.log.append(entries[i:]...)
		c.changeLog(e.Index)
		c.noteConfigurations(e.Index, entries[i:])
		return
	}
}

// onHeartbeat keeps this member loyal and tells it of commits.
func (c *Core) onHeartbeat(e Envelope, m Heartbeat) {
	c.heed(e.From)
	c.send(e.From, HeartbeatReply{Asked: e.Term, Round: m.Round})
	if !c.install.resetting {
		c.commitTo(min(m.Commit, c.log.last().Index))
	}
}

func (c *Core) commitTo(index Index) {
	if index > c.commit {
		c.commit = index
		if c.install.snapshot.Index <= index {
			c.receiveNoMore()
		}
		c.applyCommitted()
	}
}

// applyCommitted hands the state machine what is committed and locally
// durable, one batch at a time.
func (c *Core) applyCommitted() {
	end := min(c.commit, c.disk.durable)
	if c.applied < c.applying || end <= c.applying {
		return
	}
	entries := c.log.slice(c.applying+1, c.cfg.MaxBatch, c.cfg.MaxBatchBytes)
	entries = entries[:min(len(entries), int(end-c.applying))]
	c.applying = entries[len(entries)-1].Index
	c.emit(Apply{entries})
}

func (c *Core) onApplied(ev Applied) {
	c.applied = max(c.applied, min(ev.Index, c.applying))
	c.applyCommitted()
}
