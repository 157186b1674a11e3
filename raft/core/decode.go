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
		everybody := uint64(1)<<len(cfg.Voters) - 1
		c.votes = tally{voters: len(cfg.Voters), yes: r.small(everybody), no: r.small(everybody)}
	}
	c.log = raftLog{base: r.at(), entries: r.entries()}
	r.disk(&c.disk)
	c.snapshot = r.at()
	c.saving = r.index()
	c.install = installation{snapshot: r.at(), from: r.id(), term: r.term()}
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
}

func (r *flatReader) progress() progress {
	p := progress{id: r.id(), mode: mode(r.small(uint64(installing))), match: r.index(), next: r.index(), asked: r.bool()}
	for n := r.count(); n > 0 && !r.bad; n-- {
		p.inflight = append(p.inflight, r.index())
	}
	p.moved = r.bool()
	p.waited = int(r.small(1 << 31))
	p.shipped = r.index()
	p.commit = r.index()
	p.round = r.uint()
	p.heard = r.bool()
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
		return Vote{Last: r.at()}
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
		return InstallSnapshot{Snapshot: r.at(), Data: r.bytes()}
	case 10:
		return SnapshotReply{Asked: r.term(), Match: r.index()}
	case 11:
		return ReadIndex{ID: r.request()}
	case 12:
		return ReadIndexReply{ID: r.request(), Refused: r.bool(), Index: r.index()}
	case 13:
		m := Forward{ID: r.request()}
		for n := r.count(); n > 0 && !r.bad; n-- {
			m.Commands = append(m.Commands, r.bytes())
		}
		return m
	case 14:
		return ForwardReply{ID: r.request(), Refused: r.bool(), First: r.index()}
	}
	r.bad = true
	return nil
}
