package core

// maxRemote bounds the requests that wait for a leader elsewhere, and those
// of others that wait here. Past it the oldest is given up.
const maxRemote = 4096

// requests are this member's own clients' proposals and reads that a leader
// elsewhere is to answer, and what it needs to take those of others once.
type requests struct {
	number   uint64 // of the latest ReadIndex or Forward sent in this boot
	forwards []remote
	reads    []remote
	taken    []forwarder // of each member, in order of first arrival: the last Forward seen
}

// remote is one message to the leader and the requests that it carries.
type remote struct {
	id  RequestID
	ids []uint64
}

// forwarder remembers the latest Forward of a member in this term.
type forwarder struct {
	from NodeID
	last RequestID
}

// readRequest is a read that waits at the leader: for the first commit of the
// term while round is 0, then for its round to be acknowledged by a quorum.
type readRequest struct {
	ids    []uint64  // of this member's own clients
	from   NodeID    // or: the follower that asked
	remote RequestID // and under what ID
	index  Index
	round  uint64
}

// mayTake says whether the leader can take commands of this size, and why not.
func (c *Core) mayTake(bytes int) (Reason, bool) {
	switch {
	case c.lead.transfer.to != None:
		return Transferring, false
	case c.lead.uncommitted > 0 && c.lead.uncommitted+bytes > c.cfg.MaxUncommittedBytes:
		return Overloaded, false
	}
	return 0, true
}

// onPropose appends commands, or forwards them to the leader.
func (c *Core) onPropose(ev Propose) {
	switch {
	case c.role == Leader:
		reason, ok := Reason(0), true
		for _, p := range ev.Requests {
			if ok { // after one that is refused none is taken: they may depend on each other
				reason, ok = c.mayTake(len(p.Data))
			}
			if ok {
				c.emit(Proposed{p.ID, c.extend(Command, p.Data), c.hard.Term})
			} else {
				c.emit(Refused{p.ID, reason})
			}
		}
		c.feedAll()
	case !c.served():
		for _, p := range ev.Requests {
			c.emit(Refused{p.ID, NoLeader})
		}
	default:
		f := remote{id: c.nextRequest()}
		var m Forward
		for _, p := range ev.Requests {
			f.ids = append(f.ids, p.ID)
			m.Commands = append(m.Commands, p.Data)
		}
		m.ID = f.id
		c.client.forwards = c.bounded(c.client.forwards, f, Lost)
		c.send(c.leader, m)
	}
}

// served says whether this member has a leader to ask. Who is no member, or does
// not know that it is, could ask one and would never hear what became of that.
func (c *Core) served() bool { return c.leader != None && c.members().Has(c.cfg.ID) }

func (c *Core) feedAll() {
	for i := range c.lead.peers {
		c.feed(&c.lead.peers[i])
	}
}

// onForward appends a follower's commands, once. A copy of a Forward seen
// before gets no answer, since the one that was given stands. The memory of
// what was seen lasts as long as the term, also when the lead does not. A
// restart ends it: who voted for itself before, in this term, may have led
// and taken the first copy, and gives no answer, since a refusal is definite.
func (c *Core) onForward(e Envelope, m Forward) {
	if c.seen(e.From, m.ID) {
		return
	}
	if c.role != Leader {
		if c.hard.Term > c.booted || c.hard.Vote != c.cfg.ID {
			c.send(e.From, ForwardReply{ID: m.ID, Refused: true, Reason: NotAccepted})
		}
		return
	}
	bytes := 0
	for _, data := range m.Commands {
		bytes += len(data)
	}
	if reason, ok := c.mayTake(bytes); !ok {
		c.send(e.From, ForwardReply{ID: m.ID, Refused: true, Reason: reason})
		return
	}
	first := c.log.last().Index + 1
	for _, data := range m.Commands {
		c.extend(Command, data)
	}
	c.send(e.From, ForwardReply{ID: m.ID, First: first})
	c.feedAll()
}

// seen says whether a Forward's ID does not rise over those seen in this
// term, and remembers it.
func (c *Core) seen(from NodeID, id RequestID) bool {
	for i := range c.client.taken {
		if f := &c.client.taken[i]; f.from == from {
			if id.Boot < f.last.Boot || id.Boot == f.last.Boot && id.Number <= f.last.Number {
				return true
			}
			f.last = id
			return false
		}
	}
	c.client.taken = append(c.client.taken, forwarder{from, id})
	return false
}

func (c *Core) onForwardReply(e Envelope, m ForwardReply) {
	ids := take(&c.client.forwards, m.ID)
	for i, id := range ids {
		if m.Refused {
			c.emit(Refused{id, m.Reason})
		} else {
			c.emit(Proposed{id, m.First + Index(i), e.Term})
		}
	}
}

// onRead begins a linearizable read (thesis §6.4), or asks the leader to.
func (c *Core) onRead(ev Read) {
	ids := append([]uint64(nil), ev.IDs...)
	switch {
	case c.role == Leader:
		c.enqueueRead(readRequest{ids: ids}, ev.Lease)
	case !c.served():
		for _, id := range ids {
			c.emit(Refused{id, NoLeader})
		}
	default:
		r := remote{c.nextRequest(), ids}
		c.client.reads = c.bounded(c.client.reads, r, NotAccepted)
		c.send(c.leader, ReadIndex{ID: r.id, Lease: ev.Lease})
	}
}

func (c *Core) onReadIndex(e Envelope, m ReadIndex) {
	r := readRequest{from: e.From, remote: m.ID}
	if c.role != Leader {
		c.refuseRead(r)
		return
	}
	c.enqueueRead(r, m.Lease)
}

func (c *Core) onReadIndexReply(m ReadIndexReply) {
	for _, id := range take(&c.client.reads, m.ID) {
		if m.Refused {
			c.emit(Refused{id, NotAccepted})
		} else {
			c.emit(ReadReady{id, m.Index, m.Lease})
		}
	}
}

// enqueueRead answers a read by the lease, if it may and there is one, or lets
// it join the next round of heartbeats, never one that was sent before the read came.
func (c *Core) enqueueRead(r readRequest, lease bool) {
	if lease && c.leaseHolds() {
		r.index = c.commit
		c.answerRead(r, true)
		return
	}
	if len(c.lead.reads) >= maxRemote {
		c.refuseRead(r)
		return
	}
	if c.committedInTerm() {
		r.index, r.round = c.commit, c.lead.round+1
	}
	c.lead.reads = append(c.lead.reads, r)
	c.hastenRound()
}

// committedInTerm says whether the leader has committed an entry of its term
// and so knows of every commit before it (§8).
func (c *Core) committedInTerm() bool { return c.log.mustTerm(c.commit) == c.hard.Term }

// openReads lets the reads that came before the first commit of the term go on,
// now that there is one.
func (c *Core) openReads() {
	for i := range c.lead.reads {
		if r := &c.lead.reads[i]; r.round == 0 {
			r.index, r.round = c.commit, c.lead.round+1
		}
	}
	c.hastenRound()
}

// hastenRound starts a round at once if reads wait for it and none is waited
// for that is under way: reads that come meanwhile share the next.
func (c *Core) hastenRound() {
	waiting := false
	for _, r := range c.lead.reads {
		if r.round > 0 && r.round <= c.lead.round {
			return
		}
		waiting = waiting || r.round > c.lead.round
	}
	if waiting {
		c.startRound()
	}
}

// confirmReads answers the reads whose round a quorum has acknowledged.
func (c *Core) confirmReads() {
	confirmed := reached(c.members(), c.acknowledgedRound)
	c.extendLease(confirmed)
	kept := c.lead.reads[:0]
	for _, r := range c.lead.reads {
		if r.round == 0 || r.round > confirmed {
			kept = append(kept, r)
			continue
		}
		c.answerRead(r, false)
	}
	clear(c.lead.reads[len(kept):])
	c.lead.reads = kept
	c.hastenRound()
}

// acknowledgedRound is the latest round of heartbeats that a member answered.
func (c *Core) acknowledgedRound(id NodeID) uint64 {
	if id == c.cfg.ID {
		return c.lead.round
	}
	if p := c.peer(id); p != nil {
		return p.round
	}
	return 0
}

func (c *Core) answerRead(r readRequest, lease bool) {
	for _, id := range r.ids {
		c.emit(ReadReady{id, r.index, lease})
	}
	if r.from != None {
		c.send(r.from, ReadIndexReply{ID: r.remote, Index: r.index, Lease: lease})
	}
}

func (c *Core) refuseRead(r readRequest) {
	reason := NotAccepted
	if c.leader == None {
		reason = NoLeader
	}
	for _, id := range r.ids {
		c.emit(Refused{id, reason})
	}
	if r.from != None {
		c.send(r.from, ReadIndexReply{ID: r.remote, Refused: true})
	}
}

func (c *Core) nextRequest() RequestID {
	c.client.number++
	return RequestID{c.hard.Boot, c.client.number}
}

// bounded appends to a queue of remote requests, giving up the oldest when it
// is full.
func (c *Core) bounded(queue []remote, r remote, reason Reason) []remote {
	if len(queue) >= maxRemote {
		for _, id := range queue[0].ids {
			c.emit(Refused{id, reason})
		}
		queue = append([]remote(nil), queue[1:]...)
	}
	return append(queue, r)
}

// loseRemote gives up what was asked of a leader that leads no more. A
// forwarded command may have been appended; a read did not happen.
func (c *Core) loseRemote() {
	for _, f := range c.client.forwards {
		for _, id := range f.ids {
			c.emit(Refused{id, Lost})
		}
	}
	for _, r := range c.client.reads {
		for _, id := range r.ids {
			c.emit(Refused{id, NotAccepted})
		}
	}
	c.client.forwards, c.client.reads = nil, nil
}

// take removes the requests of one message from a queue.
func take(queue *[]remote, id RequestID) []uint64 {
	for i, r := range *queue {
		if r.id == id {
			*queue = append((*queue)[:i], (*queue)[i+1:]...)
			return r.ids
		}
	}
	return nil
}
