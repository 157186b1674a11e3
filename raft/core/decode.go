package core

// DecodeState makes the member whose state AppendState encoded, in the given
// configuration: the one that the member had, under its new name if it was
// renamed. An encoding that AppendState did not write is an error.
func DecodeState(cfg Config, b []byte) (*Core, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Core{cfg: cfg, rand: cfg.Seed}
	r := flatReader{b: b}
	c.started = r.bool()
	c.hard = r.hard()
	c.booted = r.term()
	c.role = Role(r.small(uint64(Leader)))
	c.leader = r.id()
	c.loyal = r.bool()
	if c.role == PreCandidate || c.role == Candidate {
		c.votes = tally{yes: r.ids(), no: r.ids()}
	}
	c.log = raftLog{base: r.at(), entries: r.entries()}
	r.disk(&c.disk)
	c.snapshot = r.at()
	c.saving = r.index()
	c.install = installation{snapshot: r.at(), members: r.members(), from: r.id(), term: r.term(), data: r.bytes(), resetting: r.bool()}
	for n := r.count(); n > 0 && !r.bad; n-- {
		c.configs = append(c.configs, configured{r.index(), r.members()})
	}
	r.bad = r.bad || len(c.configs) == 0
	c.commit = r.index()
	c.applying = r.index()
	c.applied = r.index()
	r.leadership(&c.lead)
	r.client(&c.client)
	if c.started {
		c.reported = Changed{Role: c.role, Term: c.hard.Term, Leader: c.leader}
	}
	return c, r.end()
}

func (r *flatReader) hard() HardState {
	return HardState{Term: r.term(), Vote: r.id(), Boot: r.uint()}
}

func (r *flatReader) disk(d *disk) {
	d.issued = r.uint()
	for n := r.count(); n > 0 && !r.bad; n-- {
		d.writes = append(d.writes, write{number: r.uint(), last: r.index()})
	}
	d.durable = r.index()
	d.hardAt = r.uint()
	for n := r.count(); n > 0 && !r.bad; n-- {
		d.held = append(d.held, heldSend{envelope: r.envelope(), hardAt: r.uint(), index: r.index()})
	}
}

func (r *flatReader) leadership(l *leadership) {
	for n := r.count(); n > 0 && !r.bad; n-- {
		l.peers = append(l.peers, r.progress())
	}
	l.round = r.uint()
	for n := r.count(); n > 0 && !r.bad; n-- {
		l.reads = append(l.reads, readRequest{ids: r.uints(), from: r.id(), remote: r.request(), index: r.index(), round: r.uint()})
	}
	l.uncommitted = int(r.small(1 << 62))
	l.transfer = transfer{id: r.uint(), to: r.id()}
	for n := r.count(); n > 0 && !r.bad; n-- {
		l.stamps = append(l.stamps, stamp{round: r.uint(), at: Instant(r.uint())})
	}
	l.leased = Instant(r.uint())
	l.yielded = r.bool()
}

func (r *flatReader) ids() []NodeID {
	var list []NodeID
	for n := r.count(); n > 0 && !r.bad; n-- {
		list = append(list, r.id())
	}
	return list
}

func (r *flatReader) members() Membership {
	return Membership{Voters: r.ids(), Outgoing: r.ids(), Learners: r.ids()}
}

func (r *flatReader) progress() progress {
	p := progress{id: r.id(), mode: mode(r.small(uint64(installing))), match: r.index(), next: r.index(), asked: r.bool()}
	for n := r.count(); n > 0 && !r.bad; n-- {
		p.inflight = append(p.inflight, sent{r.index(), int(r.small(1 << 62))})
		p.bytes += p.inflight[len(p.inflight)-1].bytes
	}
	p.moved = r.bool()
	p.waited = int(r.small(1 << 31))
	p.shipped, p.offset, p.resent = r.at(), r.uint(), uint8(r.small(maxPatience))
	p.commit = r.index()
	p.round = r.uint()
	p.heard, p.active = r.bool(), r.bool()
	return p
}

func (r *flatReader) client(q *requests) {
	q.number = r.uint()
	for _, queue := range []*[]remote{&q.forwards, &q.reads} {
		for n := r.count(); n > 0 && !r.bad; n-- {
			*queue = append(*queue, remote{id: r.request(), ids: r.uints()})
		}
	}
	for n := r.count(); n > 0 && !r.bad; n-- {
		q.taken = append(q.taken, forwarder{from: r.id(), last: r.request()})
	}
}

// DecodeEnvelope gives the envelope that Envelope.AppendTo encoded.
func DecodeEnvelope(b []byte) (Envelope, error) {
	r := flatReader{b: b}
	e := r.envelope()
	return e, r.end()
}

func (r *flatReader) envelope() Envelope {
	return Envelope{From: r.id(), To: r.id(), Term: r.term(), Message: r.message()}
}

func (r *flatReader) message() Message {
	switch r.uint() {
	case 1:
		return PreVote{Last: r.at()}
	case 2:
		return PreVoteReply{Asked: r.term(), Granted: r.bool()}
	case 3:
		return Vote{Last: r.at(), Transfer: r.bool()}
	case 4:
		return VoteReply{Asked: r.term(), Granted: r.bool()}
	case 5:
		return Append{Prev: r.at(), Entries: r.entries(), Commit: r.index()}
	case 6:
		return AppendReply{Asked: r.term(), Prev: r.index(), Accepted: r.bool(), Match: r.index(), Hint: r.at()}
	case 7:
		return Heartbeat{Round: r.uint(), Commit: r.index()}
	case 8:
		return HeartbeatReply{Asked: r.term(), Round: r.uint()}
	case 9:
		return InstallSnapshot{Snapshot: r.at(), Members: r.members(), Offset: r.uint(), Data: r.bytes(), Done: r.bool()}
	case 10:
		return SnapshotReply{Asked: r.term(), Snapshot: r.at(), Match: r.index(), Received: r.uint()}
	case 11:
		return ReadIndex{ID: r.request(), Lease: r.bool()}
	case 12:
		return ReadIndexReply{ID: r.request(), Refused: r.bool(), Index: r.index(), Lease: r.bool()}
	case 13:
		m := Forward{ID: r.request()}
		for n := r.count(); n > 0 && !r.bad; n-- {
			m.Commands = append(m.Commands, r.bytes())
		}
		return m
	case 14:
		return ForwardReply{ID: r.request(), Refused: r.bool(), Reason: Reason(r.small(uint64(Abandoned))), First: r.index()}
	case 15:
		return TimeoutNow{}
	}
	r.bad = true
	return nil
}
