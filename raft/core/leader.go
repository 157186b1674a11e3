package core

// mode is how a leader feeds a follower.
type mode uint8

const (
	// probing: where the follower's log agrees is not known; one Append at a time.
	probing mode = iota
	// replicating: the follower accepts; Appends are sent without waiting.
	replicating
	// installing: the follower needs entries that are gone; a snapshot is on its way.
	installing
)

// String gives the mode as it stands in reports.
func (m mode) String() string {
	switch m {
	case probing:
		return "probing"
	case replicating:
		return "replicating"
	case installing:
		return "installing"
	}
	return "unknown mode"
}

// progress is what a leader knows of a follower, and has sent it.
type progress struct {
	id    NodeID
	mode  mode
	match Index // highest entry known to be durable there and equal to ours
	next  Index // next entry to send

	asked    bool         // probing: an Append is under way
	inflight []sent       // replicating: the Appends under way
	bytes    int          // replicating: data in those
	moved    bool         // an answer came since the last heartbeat tick
	waited   int          // installing: heartbeat ticks since its last piece was sent
	shipped  SnapshotMeta // installing: what the snapshot covers
	offset   uint64       // installing: how many bytes of it have arrived
	resent   uint8        // installing: how often the piece at offset was sent again

	commit Index  // highest commit index sent
	round  uint64 // highest heartbeat round acknowledged
	heard  bool   // anything was heard since the last check for a quorum
	active bool   // something was heard before that check
}

// sent is an Append under way: its last entry and how much data it has.
type sent struct {
	last  Index
	bytes int
}

// leadership is what only a leader has. It begins empty with every term led.
type leadership struct {
	peers []progress // every other member, in order of ID
	round uint64     // the latest heartbeat round sent in this term
	reads []readRequest

	uncommitted int // bytes of data in entries of this term that are not committed
	transfer    transfer

	stamps  []stamp // of rounds that no quorum has acknowledged
	leased  Instant // the lease is counted from here; 0: none
	yielded bool    // another was asked to stand: no lease in this term any more
}

// takeLead begins a leader's term (§5.2). A no-op of the term makes whatever
// earlier terms left behind committable (§5.4.2, §8).
func (c *Core) takeLead() {
	c.role = Leader
	c.setLeader(c.cfg.ID, "election won")
	c.reason = "election won"
	c.loyal = false
	c.lead = leadership{}
	c.track()
	if !c.cfg.NoNoop {
		c.extend(Noop, nil)
	}
	c.setElectionTimer(c.cfg.ElectionTimeout)
	c.emit(SetTimer{HeartbeatTimer, c.cfg.Heartbeat})
	c.startRound()
	for i := range c.lead.peers {
		c.feed(&c.lead.peers[i])
	}
}

// resign forgets what only a leader has. Reads that were not confirmed are
// refused, here and at the followers that asked for them. A transfer has succeeded
// if a later term has begun.
func (c *Core) resign(termRose bool) {
	c.emit(StopTimer{HeartbeatTimer})
	c.endTransfer(termRose)
	reads := c.lead.reads
	c.lead = leadership{}
	for _, r := range reads {
		c.refuseRead(r)
	}
}

// checkQuorum makes a leader that no quorum answered for an election timeout
// step down (thesis §6.2), so that its clients go elsewhere.
func (c *Core) checkQuorum() {
	heard := tally{}.record(c.cfg.ID, true)
	for i := range c.lead.peers {
		p := &c.lead.peers[i]
		heard = heard.record(p.id, p.heard)
		p.active, p.heard = p.heard, false
	}
	if heard.outcome(c.members()) == won {
		c.setElectionTimer(c.cfg.ElectionTimeout)
		return
	}
	c.follow(c.hard.Term, None, "no quorum heard")
	c.setElectionTimer(c.cfg.ElectionTimeout + c.jitter())
}

// extend appends an entry of this term to the leader's log.
func (c *Core) extend(kind EntryKind, data []byte) Index {
	index := c.log.last().Index + 1
	c.log.append(Entry{Index: index, Term: c.hard.Term, Kind: kind, Data: data})
	c.lead.uncommitted += len(data)
	c.changeLog(index)
	if kind == Configuration {
		c.noteConfigurations(index, c.log.from(index))
		c.track()
	}
	return index
}

// onHeartbeatTick sends a round of heartbeats, and sends again what nobody
// answered since the last tick.
func (c *Core) onHeartbeatTick() {
	c.emit(SetTimer{HeartbeatTimer, c.cfg.Heartbeat})
	c.startRound()
	for i := range c.lead.peers {
		p := &c.lead.peers[i]
		switch {
		case p.mode == installing:
			if p.waited++; Duration(p.waited)*c.cfg.Heartbeat >= c.cfg.ElectionTimeout<<p.resent {
				p.resent = min(p.resent+1, maxPatience)
				c.ship(p)
			}
		case p.moved:
		case p.mode == replicating && len(p.inflight) > 0:
			p.probe(p.match + 1)
		case p.mode == probing:
			p.asked = false
		}
		p.moved = false
		c.feed(p)
	}
	c.urge()
}

// maxPatience bounds how often a leader waits twice as long as before for the
// answer to a piece of a snapshot, from one election timeout on, before it sends
// that piece again. On a slow line copies would take the place of what is new; the answer to
// the last piece comes when the follower has the whole on its disk.
const maxPatience = 4

// startRound sends heartbeats of a new round. A follower is told of commits
// only as far as its log is known to agree.
func (c *Core) startRound() {
	c.lead.round++
	for i := range c.lead.peers {
		p := &c.lead.peers[i]
		commit := min(p.match, c.commit)
		p.commit = max(p.commit, commit)
		c.send(p.id, Heartbeat{Round: c.lead.round, Commit: commit})
	}
	c.stampRound()
	c.confirmReads()
}

// feed sends a follower what it lacks, as far as its mode allows.
func (c *Core) feed(p *progress) {
	for p.mode != installing {
		if p.next <= c.log.base.Index {
			p.mode, p.shipped, p.offset, p.resent = installing, c.snapshot, 0, 0
			c.ship(p)
			return
		}
		more := p.next <= c.log.last().Index
		switch p.mode {
		case probing:
			if p.asked || !more && p.match == c.log.last().Index {
				return
			}
			p.asked = true
			c.sendAppend(p, c.nextEntries(p))
			return
		case replicating:
			if !more || len(p.inflight) >= c.cfg.MaxInflight || p.bytes >= c.cfg.MaxInflightBytes {
				return
			}
			entries := c.nextEntries(p)
			c.sendAppend(p, entries)
			p.next += Index(len(entries))
			p.inflight = append(p.inflight, sent{p.next - 1, dataOf(entries)})
			p.bytes += dataOf(entries)
		}
	}
}

func (c *Core) nextEntries(p *progress) []Entry {
	return c.log.slice(p.next, c.cfg.MaxBatch, c.cfg.MaxBatchBytes)
}

// sendAppend sends one Append that goes on at the follower's next entry.
func (c *Core) sendAppend(p *progress, entries []Entry) {
	prev := SnapshotMeta{p.next - 1, c.log.mustTerm(p.next - 1)}
	p.commit = max(p.commit, min(c.commit, prev.Index+Index(len(entries))))
	c.send(p.id, Append{Prev: prev, Entries: entries, Commit: c.commit})
}

// probe goes back to one Append at a time.
func (p *progress) probe(next Index) {
	p.mode, p.next, p.asked, p.inflight, p.bytes = probing, next, false, nil, 0
}

func dataOf(entries []Entry) int {
	sum := 0
	for i := range entries {
		sum += len(entries[i].Data)
	}
	return sum
}

// accept notes that the follower's log agrees up to an entry, durably. A
// follower that is behind the leader's base still needs the snapshot.
func (p *progress) accept(match, base Index) {
	p.match = max(p.match, match)
	if p.mode == installing && p.match < base {
		return
	}
	p.next = max(p.next, p.match+1)
	switch {
	case p.mode != replicating && p.next == p.match+1:
		p.mode, p.asked, p.inflight, p.bytes = replicating, false, nil, 0
	case p.mode == replicating:
		done := 0
		for done < len(p.inflight) && p.inflight[done].last <= p.match {
			p.bytes -= p.inflight[done].bytes
			done++
		}
		p.inflight = append([]sent(nil), p.inflight[done:]...)
	}
}

// onAppendReply judges an answer against the Append it answers, never against
// what the log has become since.
func (c *Core) onAppendReply(e Envelope, m AppendReply) {
	p := c.answered(e.From, m.Asked)
	switch {
	case p == nil:
		return
	case m.Accepted:
		p.moved = true
		p.accept(m.Match, c.log.base.Index)
		c.accepted(e.From)
		return
	case m.Prev <= p.match, p.mode == installing, p.mode == probing && m.Prev != p.next-1:
		return // about an Append that has been overtaken
	}
	p.moved = true
	next := c.log.agreeable(m.Hint.Index, m.Hint.Term)
	if p.match < c.log.base.Index && (m.Hint.Index < c.log.base.Index || next.Term > m.Hint.Term) {
		p.probe(c.log.base.Index) // only entries that are gone could agree
	} else {
		p.probe(max(p.match, next.Index) + 1)
	}
	c.feed(p)
}

// answered finds who sent a reply of this term and notes that it was heard.
func (c *Core) answered(from NodeID, asked Term) *progress {
	if c.role != Leader || asked != c.hard.Term {
		return nil
	}
	p := c.peer(from)
	if p != nil {
		p.heard = true
	}
	return p
}

// peer finds what is known of a member, nil if it is none.
func (c *Core) peer(id NodeID) *progress {
	for i := range c.lead.peers {
		if c.lead.peers[i].id == id {
			return &c.lead.peers[i]
		}
	}
	return nil
}

// accepted goes on after a member has made progress. A commit may end the
// lead, or the membership of who was heard.
func (c *Core) accepted(from NodeID) {
	c.advanceCommit()
	if p := c.peer(from); p != nil {
		c.feed(p)
	}
	c.urge()
}

// matched gives up to where a member's log is known to be durable and equal to
// this one.
func (c *Core) matched(id NodeID) Index {
	if id == c.cfg.ID {
		return c.disk.durable
	}
	if p := c.peer(id); p != nil {
		return p.match
	}
	return 0
}

func (c *Core) onHeartbeatReply(e Envelope, m HeartbeatReply) {
	p := c.answered(e.From, m.Asked)
	if p == nil {
		return
	}
	p.round = max(p.round, m.Round)
	c.confirmReads()
}

// ownOf gives those of some entries that are of this term. What a leader found
// in its log does not count against what it may take: without a no-op only a new
// command commits it.
func (c *Core) ownOf(entries []Entry) []Entry {
	for len(entries) > 0 && entries[0].Term < c.hard.Term {
		entries = entries[1:]
	}
	return entries
}

// advanceCommit commits what a quorum holds durably, if it is of this term:
// entries of earlier terms are committed by those that follow them (§5.4.2).
func (c *Core) advanceCommit() {
	at := reached(c.members(), c.matched)
	if at <= c.commit || c.log.mustTerm(at) != c.hard.Term {
		return
	}
	c.lead.uncommitted -= dataOf(c.ownOf(c.log.from(c.commit + 1)[:at-c.commit]))
	c.commit = at
	c.settleMembers()
	for i := range c.lead.peers {
		p := &c.lead.peers[i]
		c.feed(p)
		if p.mode == replicating && p.commit < min(c.commit, p.next-1) {
			c.sendAppend(p, nil) // nothing left to send that would carry it
		}
	}
	c.applyCommitted()
	c.openReads()
}
