package core

import (
	"bytes"
	"cmp"
	"slices"
)

// AppendState appends a flat encoding of the member's state to b. Two states
// that encode equally belong to members that behave equally from there on, but
// for the lengths of timers and the order of messages that leave together: the
// random source, the words for the latest change, a count of votes outside an
// election and the size that the numbers of writes have reached are left out,
// numbers of writes count from the latest completed one, and what is held back
// is sorted. The configuration is not part of it.
//
// A rename that is not nil calls every member id by rename[id]; it has to map
// the voters onto the voters. The encoding is then that of the member
// rename[ID] in a cluster where everybody has changed names.
func (c *Core) AppendState(b []byte, rename []NodeID) []byte {
	w := flatWriter{b, rename}
	w.bool(c.started)
	w.hard(c.hard)
	w.term(c.booted)
	w.uint(uint64(c.role))
	w.id(c.leader)
	w.bool(c.loyal)
	if c.role == PreCandidate || c.role == Candidate {
		w.ids(c.votes.yes)
		w.ids(c.votes.no)
	}
	w.at(c.log.base)
	w.entries(c.log.entries)
	w.disk(&c.disk)
	w.at(c.snapshot)
	w.index(c.saving)
	w.at(c.install.snapshot)
	w.members(c.install.members)
	w.id(c.install.from)
	w.term(c.install.term)
	w.bytes(c.install.data)
	w.bool(c.install.resetting)
	w.uint(uint64(len(c.configs)))
	for _, at := range c.configs {
		w.index(at.index)
		w.members(at.members)
	}
	w.index(c.commit)
	w.index(c.applying)
	w.index(c.applied)
	w.leadership(&c.lead)
	w.client(&c.client)
	return w.b
}

func (w *flatWriter) hard(h HardState) {
	w.term(h.Term)
	w.id(h.Vote)
	w.uint(h.Boot)
}

// disk leaves out what a step clears before it ends (hardChanged, newFrom).
func (w *flatWriter) disk(d *disk) {
	pending := func(number uint64) { w.uint(max(number, d.completed) - d.completed) }
	pending(d.issued)
	w.uint(uint64(len(d.writes)))
	for _, x := range d.writes {
		pending(x.number)
		w.index(x.last)
	}
	w.index(d.durable)
	pending(d.hardAt)
	held := make([][]byte, len(d.held))
	for i, h := range d.held {
		one := flatWriter{rename: w.rename}
		one.envelope(h.envelope)
		one.uint(max(h.hardAt, d.completed) - d.completed)
		one.index(h.index)
		held[i] = one.b
	}
	slices.SortFunc(held, bytes.Compare)
	w.uint(uint64(len(held)))
	for _, one := range held {
		w.b = append(w.b, one...)
	}
}

func (w *flatWriter) leadership(l *leadership) {
	peers := slices.Clone(l.peers)
	for i := range peers {
		peers[i].id = w.name(peers[i].id)
	}
	slices.SortFunc(peers, func(a, b progress) int { return cmp.Compare(a.id, b.id) })
	w.uint(uint64(len(peers)))
	for _, p := range peers {
		w.progress(p)
	}
	w.uint(l.round)
	w.uint(uint64(len(l.reads)))
	for _, r := range l.reads {
		w.uints(r.ids)
		w.id(r.from)
		w.request(r.remote)
		w.index(r.index)
		w.uint(r.round)
	}
	w.uint(uint64(l.uncommitted))
	w.uint(l.transfer.id)
	w.id(l.transfer.to)
	w.uint(uint64(len(l.stamps)))
	for _, s := range l.stamps {
		w.uint(s.round)
		w.uint(uint64(s.at))
	}
	w.uint(uint64(l.leased))
	w.bool(l.yielded)
}

// progress writes that of a follower whose name is already the new one.
func (w *flatWriter) progress(p progress) {
	w.uint(uint64(p.id))
	w.uint(uint64(p.mode))
	w.index(p.match)
	w.index(p.next)
	w.bool(p.asked)
	w.uint(uint64(len(p.inflight)))
	for _, a := range p.inflight {
		w.index(a.last)
		w.uint(uint64(a.bytes))
	}
	w.bool(p.moved)
	w.uint(uint64(p.waited))
	w.at(p.shipped)
	w.uint(p.offset)
	w.uint(uint64(p.resent))
	w.index(p.commit)
	w.uint(p.round)
	w.bool(p.heard)
	w.bool(p.active)
}

func (w *flatWriter) client(q *requests) {
	w.uint(q.number)
	for _, queue := range [][]remote{q.forwards, q.reads} {
		w.uint(uint64(len(queue)))
		for _, r := range queue {
			w.request(r.id)
			w.uints(r.ids)
		}
	}
	taken := slices.Clone(q.taken)
	for i := range taken {
		taken[i].from = w.name(taken[i].from)
	}
	slices.SortFunc(taken, func(a, b forwarder) int { return cmp.Compare(a.from, b.from) })
	w.uint(uint64(len(taken)))
	for _, f := range taken {
		w.uint(uint64(f.from))
		w.request(f.last)
	}
}

// AppendTo appends a flat encoding of the envelope to b, with members called
// by rename as in [Core.AppendState].
func (e Envelope) AppendTo(b []byte, rename []NodeID) []byte {
	w := flatWriter{b, rename}
	w.envelope(e)
	return w.b
}

// envelope writes who, when and what: the kind of the message as its place in
// message.go, counted from 1.
func (w *flatWriter) envelope(e Envelope) {
	w.id(e.From)
	w.id(e.To)
	w.term(e.Term)
	switch m := e.Message.(type) {
	case PreVote:
		w.uint(1)
		w.at(m.Last)
	case PreVoteReply:
		w.uint(2)
		w.term(m.Asked)
		w.bool(m.Granted)
	case Vote:
		w.uint(3)
		w.at(m.Last)
		w.bool(m.Transfer)
	case VoteReply:
		w.uint(4)
		w.term(m.Asked)
		w.bool(m.Granted)
	case Append:
		w.uint(5)
		w.at(m.Prev)
		w.entries(m.Entries)
		w.index(m.Commit)
	case AppendReply:
		w.uint(6)
		w.term(m.Asked)
		w.index(m.Prev)
		w.bool(m.Accepted)
		w.index(m.Match)
		w.at(m.Hint)
	case Heartbeat:
		w.uint(7)
		w.uint(m.Round)
		w.index(m.Commit)
	case HeartbeatReply:
		w.uint(8)
		w.term(m.Asked)
		w.uint(m.Round)
	default:
		w.rest(m)
	}
}

// rest goes on with the kinds of messages about snapshots and clients.
func (w *flatWriter) rest(m Message) {
	switch m := m.(type) {
	case InstallSnapshot:
		w.uint(9)
		w.at(m.Snapshot)
		w.members(m.Members)
		w.uint(m.Offset)
		w.bytes(m.Data)
		w.bool(m.Done)
	case SnapshotReply:
		w.uint(10)
		w.term(m.Asked)
		w.at(m.Snapshot)
		w.index(m.Match)
		w.uint(m.Received)
	case ReadIndex:
		w.uint(11)
		w.request(m.ID)
		w.bool(m.Lease)
	case ReadIndexReply:
		w.uint(12)
		w.request(m.ID)
		w.bool(m.Refused)
		w.index(m.Index)
		w.bool(m.Lease)
	case Forward:
		w.uint(13)
		w.request(m.ID)
		w.uint(uint64(len(m.Commands)))
		for _, data := range m.Commands {
			w.bytes(data)
		}
	case ForwardReply:
		w.uint(14)
		w.request(m.ID)
		w.bool(m.Refused)
		w.uint(uint64(m.Reason))
		w.index(m.First)
	case TimeoutNow:
		w.uint(15)
	}
}
