package core

// installation is a leader's snapshot on its way to disk. While it is under
// way the log does not change and the member does not stand for election.
type installation struct {
	snapshot SnapshotMeta
	from     NodeID
	term     Term
}

func (i installation) under() bool { return i.snapshot.Index > 0 }

// onCompact saves a snapshot that the state machine offers (§7).
func (c *Core) onCompact(ev Compact) {
	if ev.Index > c.applied || ev.Index <= max(c.snapshot.Index, c.saving) || c.install.under() {
		return
	}
	c.saving = ev.Index
	c.emit(SaveSnapshot{Snapshot: SnapshotMeta{ev.Index, c.log.mustTerm(ev.Index)}, Data: ev.Data})
}

// onSnapshotSaved cuts the log, which may not be done before the snapshot
// that covers it is durable.
func (c *Core) onSnapshotSaved(ev SnapshotSaved) {
	if c.install.under() && ev.Snapshot == c.install.snapshot {
		c.installed()
		return
	}
	if ev.Snapshot.Index <= c.snapshot.Index {
		return
	}
	c.snapshot = ev.Snapshot
	if c.install.under() || c.snapshot.Index <= c.log.base.Index+c.cfg.CompactTail {
		return // a log that is being replaced is not cut as well
	}
	to := c.snapshot.Index - c.cfg.CompactTail
	c.log.cut(to)
	c.emit(CutLog{to})
}

// onInstallSnapshot is the receiver's side of InstallSnapshot (figure 13). A
// log that has the snapshot's last entry equals the leader's up to there and
// needs only to be told that it is committed.
func (c *Core) onInstallSnapshot(e Envelope, m InstallSnapshot) {
	c.heed(e.From)
	switch {
	case c.install.under():
	case m.Snapshot.Index <= c.commit:
		c.reply(e.From, SnapshotReply{Asked: e.Term, Match: c.commit}, c.commit)
	case c.log.holds(m.Snapshot):
		c.commitTo(m.Snapshot.Index)
		c.reply(e.From, SnapshotReply{Asked: e.Term, Match: m.Snapshot.Index}, m.Snapshot.Index)
	default:
		c.install = installation{m.Snapshot, e.From, e.Term}
		c.emit(ResetLog{m.Snapshot, m.Members, m.Data})
	}
}

// installed goes on from a snapshot that has replaced the log on disk.
func (c *Core) installed() {
	in := c.install
	c.install = installation{}
	c.snapshot = in.snapshot
	c.log.reset(in.snapshot)
	c.disk.durable = in.snapshot.Index
	for i := range c.disk.writes {
		c.disk.writes[i].last = 0
	}
	c.commit = in.snapshot.Index
	c.applying = in.snapshot.Index
	c.emit(RestoreSnapshot{Snapshot: in.snapshot})
	if in.term == c.hard.Term {
		c.send(in.from, SnapshotReply{Asked: in.term, Match: in.snapshot.Index})
	}
}

func (c *Core) onSnapshotReply(e Envelope, m SnapshotReply) {
	p := c.answered(e.From, m.Asked)
	if p == nil {
		return
	}
	p.moved = true
	p.accept(m.Match, c.log.base.Index)
	if p.mode == installing && m.Match >= p.shipped {
		p.probe(p.match + 1) // the log was cut again meanwhile: the next one, at once
	}
	c.advanceCommit()
	c.feed(p)
}
