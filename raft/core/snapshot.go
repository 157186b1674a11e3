package core

import "slices"

// installation is a leader's snapshot on its way: first piece by piece into
// memory, then to disk. While the log is being reset it does not change otherwise and
// the member does not stand for election.
type installation struct {
	snapshot  SnapshotMeta
	members   Membership
	from      NodeID
	term      Term
	data      []byte // what has come of it
	resetting bool   // all has come, and a ResetLog is under way
}

// onCompact saves a snapshot that the state machine offers (§7).
func (c *Core) onCompact(ev Compact) {
	members := c.configs.at(ev.Index).members
	switch {
	case ev.Index > c.applied || ev.Index <= c.snapshot.Index:
		return
	case c.saving > c.snapshot.Index || c.install.resetting:
		return // one at a time, or a slow disk would let whole states pile up
	case len(members.Voters) == 0:
		return // who joins does not know the configuration until the log has come to one
	}
	c.saving = ev.Index
	c.emit(SaveSnapshot{Snapshot: SnapshotMeta{ev.Index, c.log.mustTerm(ev.Index)}, Members: members, Data: ev.Data})
}

// onSnapshotSaved cuts the log, which may not be done before the snapshot
// that covers it is durable.
func (c *Core) onSnapshotSaved(ev SnapshotSaved) {
	if c.install.resetting && ev.Snapshot == c.install.snapshot {
		c.installed()
		return
	}
	if ev.Snapshot.Index <= c.snapshot.Index {
		return
	}
	c.snapshot = ev.Snapshot
	for len(c.configs) > 1 && c.configs[1].index <= c.snapshot.Index {
		c.configs = c.configs[1:]
	}
	to := c.cutPoint()
	if c.install.resetting || to <= c.log.base.Index {
		return // a log that is being replaced is not cut as well
	}
	c.log.cut(to)
	c.emit(CutLog{to})
}

// cutPoint is the last entry that may go: below the snapshot by CompactTail.
// What followers that answer still lack stays for a while longer: if it were cut,
// they would be sent a whole snapshot, and again as long as that takes.
func (c *Core) cutPoint() Index {
	to := below(c.snapshot.Index, c.cfg.CompactTail)
	if c.role != Leader {
		return to
	}
	least := to
	for i := range c.lead.peers {
		p := &c.lead.peers[i]
		has := p.match
		if p.mode == installing {
			has = max(has, p.shipped.Index)
		}
		if p.heard || p.active {
			least = min(least, has)
		}
	}
	for room := c.cfg.MaxTailBytes; to > max(least, c.log.base.Index); to-- {
		if room -= len(c.log.entries[to-c.log.base.Index-1].Data) + entryOverhead; room < 0 {
			break
		}
	}
	return to
}

// entryOverhead is about what an entry takes in memory beside its data.
const entryOverhead = 64

func below(index, by Index) Index {
	if by >= index {
		return 0
	}
	return index - by
}

// ship sends a follower the next piece of the snapshot that it is to install: of
// the newest, as long as nothing of another has arrived.
func (c *Core) ship(p *progress) {
	if p.waited = 0; p.offset == 0 {
		p.shipped = c.snapshot
	}
	c.emit(SendChunk{To: p.id, Term: c.hard.Term, Snapshot: p.shipped, Offset: p.offset})
}

// onInstallSnapshot is the receiver's side of InstallSnapshot (figure 13). A
// log that has the snapshot's last entry equals the leader's up to there and
// needs only to be told that it is committed. Pieces are taken in order, from
// one leader in one term; what was received is told in each answer.
func (c *Core) onInstallSnapshot(e Envelope, m InstallSnapshot) {
	c.heed(e.From)
	in := &c.install
	same := in.snapshot == m.Snapshot && in.from == e.From && in.term == e.Term
	switch {
	case in.resetting:
		return
	case m.Snapshot.Index <= c.commit:
		c.receiveNoMore()
		c.reply(e.From, SnapshotReply{Asked: e.Term, Snapshot: m.Snapshot, Match: c.commit}, c.commit)
		return
	case c.log.holds(m.Snapshot):
		c.receiveNoMore()
		c.commitTo(m.Snapshot.Index)
		c.reply(e.From, SnapshotReply{Asked: e.Term, Snapshot: m.Snapshot, Match: m.Snapshot.Index}, m.Snapshot.Index)
		return
	case !same && m.Snapshot.Index < in.snapshot.Index:
		return // a copy of what this leader sent before
	case !same:
		*in = installation{snapshot: m.Snapshot, members: m.Members, from: e.From, term: e.Term}
	}
	if m.Offset != uint64(len(in.data)) {
		c.send(e.From, SnapshotReply{Asked: e.Term, Snapshot: m.Snapshot, Received: uint64(len(in.data))})
		return
	}
	in.data = append(in.data, m.Data...)
	if !m.Done {
		c.send(e.From, SnapshotReply{Asked: e.Term, Snapshot: m.Snapshot, Received: uint64(len(in.data))})
		return
	}
	in.resetting = true
	c.flush() // the term goes to disk before entries of it
	c.emit(ResetLog{in.snapshot, in.members, in.data})
	in.data = nil
}

// receiveNoMore forgets the pieces of a snapshot that will not be completed.
func (c *Core) receiveNoMore() {
	if !c.install.resetting {
		c.install = installation{}
	}
}

// installed goes on from a snapshot that has replaced the log on disk.
func (c *Core) installed() {
	in := c.install
	c.install = installation{}
	c.snapshot = in.snapshot
	c.log.reset(in.snapshot)
	c.configs = configurations{{in.snapshot.Index, in.members}}
	c.emit(MembersChanged{in.members})
	c.disk.durable = in.snapshot.Index
	for i := range c.disk.writes {
		c.disk.writes[i].last = 0
	}
	c.commit = in.snapshot.Index
	c.applying = in.snapshot.Index
	c.emit(RestoreSnapshot{Snapshot: in.snapshot})
	if in.term == c.hard.Term {
		c.send(in.from, SnapshotReply{Asked: in.term, Snapshot: in.snapshot, Match: in.snapshot.Index})
	}
}

// onSnapshotReply goes on with a snapshot after the answer to a piece of it.
func (c *Core) onSnapshotReply(e Envelope, m SnapshotReply) {
	p := c.answered(e.From, m.Asked)
	if p == nil {
		return
	}
	p.moved = true
	if m.Match < m.Snapshot.Index {
		c.received(p, m)
		return
	}
	p.accept(m.Match, c.log.base.Index)
	if p.mode == installing && m.Match >= p.shipped.Index {
		p.probe(p.match + 1) // the log was cut again meanwhile: the next one, at once
	}
	c.accepted(e.From)
}

// received sends the next piece. A follower may have been sent a newer
// snapshot than was asked for, or have lost in a restart what had come; that it has
// less is believed only after a piece had to be sent again, since it may be an old answer.
func (c *Core) received(p *progress, m SnapshotReply) {
	newer := m.Snapshot.Index > p.shipped.Index
	switch {
	case p.mode != installing || m.Snapshot.Index < p.shipped.Index:
	case newer || m.Received > p.offset || m.Received < p.offset && p.resent > 0:
		p.shipped, p.offset, p.resent = m.Snapshot, m.Received, 0
		c.ship(p)
	}
}

// clone keeps two members from appending to one array.
func (i installation) clone() installation {
	i.data = slices.Clip(i.data)
	return i
}
