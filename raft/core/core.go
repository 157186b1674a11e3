package core

import (
	"fmt"
	"slices"
)

// Core is one member of a cluster. It is plain data, changed by Step alone.
type Core struct {
	cfg  Config
	rand uint64 // state of the member's own random source

	hard   HardState
	booted Term // the term in which this member started
	role   Role
	leader NodeID
	// loyal says that a leader was heard of within the last ElectionTimeout
	// (or that this member has just restarted, and may have heard of one).
	loyal bool
	votes tally // of the election or pre-election under way

	log      raftLog
	disk     disk
	snapshot SnapshotMeta // the newest durable one
	saving   Index        // index of the newest SaveSnapshot under way
	install  installation // the snapshot on its way here, if any
	configs  configurations

	commit   Index
	applying Index // last entry handed to the state machine
	applied  Index // last entry it has taken

	lead   leadership
	client requests

	started  bool
	now      Instant // of the event of this step
	effects  []Effect
	reported Changed // the last Changed effect
	reason   string  // of the latest change
}

// New makes a member out of its configuration and of what is on its disk.
func New(cfg Config, restored Restored) (*Core, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Core{
		cfg:      cfg,
		rand:     cfg.Seed,
		hard:     restored.HardState,
		booted:   restored.HardState.Term,
		log:      raftLog{base: restored.Base, entries: restored.Entries},
		snapshot: restored.Snapshot,
		commit:   restored.Snapshot.Index,
	}
	for i, e := range restored.Entries {
		if e.Index != restored.Base.Index+1+Index(i) {
			return nil, fmt.Errorf("core: restored entry %d stands where %d belongs", e.Index, restored.Base.Index+1+Index(i))
		}
	}
	if err := c.restoreMembers(restored); err != nil {
		return nil, err
	}
	if restored.Base.Index > restored.Snapshot.Index || c.log.last().Index < restored.Snapshot.Index {
		return nil, fmt.Errorf("core: restored log (%d, %d] does not meet the snapshot at %d", restored.Base.Index, c.log.last().Index, restored.Snapshot.Index)
	}
	c.disk.durable = c.log.last().Index
	return c, nil
}

// Step takes an event and returns the effects to be executed, in order. The
// slice is valid until the next Step; what its elements point to stays valid.
func (c *Core) Step(ev Event) []Effect {
	c.effects = c.effects[:0]
	if _, first := ev.(Started); first == c.started {
		panic(fmt.Sprintf("core: invariant broken: Started is the first event and the first alone; got %T", ev))
	}
	c.now = 0
	switch ev := ev.(type) {
	case Started:
		c.onStarted()
	case Received:
		c.now = ev.Now
		c.onReceived(ev.Envelope)
	case TimerFired:
		c.now = ev.Now
		c.onTimer(ev.Timer)
	case Appended:
		c.onAppended(ev)
	case Applied:
		c.onApplied(ev)
	case Propose:
		c.onPropose(ev)
	case Read:
		c.now = ev.Now
		c.onRead(ev)
	case ChangeMembers:
		c.onChangeMembers(ev)
	case TransferLeadership:
		c.onTransferLeadership(ev)
	case Compact:
		c.onCompact(ev)
	case SnapshotSaved:
		c.onSnapshotSaved(ev)
	}
	c.flush()
	if now := (Changed{Role: c.role, Term: c.hard.Term, Leader: c.leader}); now != c.reported {
		c.reported = now
		now.Reason = c.reason
		c.emit(now)
	}
	return c.effects
}

// Status tells what the member knows of itself.
func (c *Core) Status() Status {
	s := Status{
		ID: c.cfg.ID, Role: c.role, Term: c.hard.Term, Leader: c.leader,
		Commit: c.commit, Applied: c.applied,
		Last: c.log.last().Index, Durable: c.disk.durable, Snapshot: c.snapshot.Index,
		Boot: c.hard.Boot, Members: c.members(), MembersIndex: c.configs.latest().index,
	}
	if c.role != Leader {
		return s
	}
	s.Transferring, s.Uncommitted = c.lead.transfer.to, c.lead.uncommitted
	if c.cfg.Lease {
		s.LeaseEnd = c.leaseEnd()
	}
	self := PeerStatus{ID: c.cfg.ID, Mode: "self", Match: c.disk.durable, Next: c.log.last().Index + 1, Learner: slices.Contains(s.Members.Learners, c.cfg.ID)}
	for i := range c.lead.peers {
		p := &c.lead.peers[i]
		if self.ID != None && self.ID < p.id {
			s.Peers = append(s.Peers, self)
			self.ID = None
		}
		s.Peers = append(s.Peers, p.status(s.Members))
	}
	if self.ID != None {
		s.Peers = append(s.Peers, self)
	}
	return s
}

func (p *progress) status(m Membership) PeerStatus {
	s := PeerStatus{
		ID: p.id, Mode: p.mode.String(), Match: p.match, Next: p.next,
		Inflight: len(p.inflight), InflightBytes: p.bytes, Learner: slices.Contains(m.Learners, p.id),
	}
	if p.mode == installing {
		s.Snapshot, s.SnapshotOffset = p.shipped.Index, p.offset
	}
	return s
}

// restoreMembers finds the configurations that a disk holds, or begins with
// the one that the cluster begins with.
func (c *Core) restoreMembers(restored Restored) error {
	first := configured{members: Membership{Voters: c.cfg.Voters}}
	if at := restored.Snapshot.Index; at > 0 {
		first = configured{at, restored.Members}
		if err := restored.Members.Validate(); err != nil {
			return fmt.Errorf("core: the snapshot of %d: %w", at, err)
		}
		if len(restored.Members.Voters) == 0 {
			return fmt.Errorf("core: the snapshot of %d has no configuration", at)
		}
	}
	c.configs = configurations{first}
	for _, e := range restored.Entries {
		if e.Kind != Configuration || e.Index <= first.index {
			continue
		}
		m, err := DecodeMembership(e.Data)
		if err != nil {
			return fmt.Errorf("core: restored entry %d: %w", e.Index, err)
		}
		c.configs = append(c.configs, configured{e.Index, m})
	}
	return nil
}

func (c *Core) emit(e Effect) { c.effects = append(c.effects, e) }

// onStarted counts the boot and starts the clockwork. A member at term 0 has
// no leader to be loyal to and waits for the jitter alone.
func (c *Core) onStarted() {
	c.started = true
	hard := c.hard
	hard.Boot++
	c.changeHardState(hard)
	c.reason = "started"
	c.emit(MembersChanged{c.members()})
	if c.snapshot.Index > 0 {
		c.applying = c.snapshot.Index
		c.emit(RestoreSnapshot{Snapshot: c.snapshot})
	}
	if c.hard.Term == 0 {
		c.setElectionTimer(c.jitter())
		return
	}
	c.loyal = true
	c.setElectionTimer(c.cfg.ElectionTimeout)
}

// onReceived sorts a message by its term (§5.1) and hands it on. It may come
// from somebody who is not, or not yet, a member as far as this log tells:
// servers take requests from any server (thesis §4.1), and who votes is decided
// where votes are counted.
func (c *Core) onReceived(e Envelope) {
	if e.To != c.cfg.ID || e.From == c.cfg.ID || e.From == None {
		return
	}
	switch m := e.Message.(type) {
	case PreVote:
		c.onPreVote(e, m) // the one message that changes nobody's term
		return
	case Vote:
		// Who hears from a leader, or leads, neither votes nor raises its term
		// for a candidate that its leader did not ask to stand (thesis §4.2.3): one of a
		// later term. A leader of the same term knows of no transfer. Leases rest on it.
		loyal := c.loyal || c.role == Leader
		if asked := m.Transfer && e.Term > c.hard.Term; loyal && !asked && e.Term >= c.hard.Term {
			return
		}
	}
	if e.Term > c.hard.Term {
		c.follow(e.Term, None, "higher term seen")
	}
	if e.Term < c.hard.Term {
		c.onLate(e)
		return
	}
	switch m := e.Message.(type) {
	case PreVoteReply:
		c.onPreVoteReply(e, m)
	case Vote:
		c.onVote(e, m)
	case VoteReply:
		c.onVoteReply(e, m)
	case Append:
		c.onAppend(e, m)
	case AppendReply:
		c.onAppendReply(e, m)
	case Heartbeat:
		c.onHeartbeat(e, m)
	case HeartbeatReply:
		c.onHeartbeatReply(e, m)
	case TimeoutNow:
		c.onTimeoutNow(e)
	case InstallSnapshot:
		c.onInstallSnapshot(e, m)
	case SnapshotReply:
		c.onSnapshotReply(e, m)
	case ReadIndex:
		c.onReadIndex(e, m)
	case ReadIndexReply:
		c.onReadIndexReply(m)
	case Forward:
		c.onForward(e, m)
	case ForwardReply:
		c.onForwardReply(e, m)
	}
}

// onLate answers a message of an earlier term, so that its sender learns of
// the present one (figure 2, "reply false if term < currentTerm"). Late
// replies, forwards and reads are dropped: a copy of a late forward may have
// been taken long ago, so not even a refusal would be true.
func (c *Core) onLate(e Envelope) {
	switch m := e.Message.(type) {
	case PreVoteReply:
		c.onPreVoteReply(e, m) // a voter may be at an earlier term than the one it answers
	case Vote:
		c.send(e.From, VoteReply{Asked: e.Term})
	case Append:
		c.send(e.From, AppendReply{Asked: e.Term, Prev: m.Prev.Index})
	case Heartbeat:
		c.send(e.From, HeartbeatReply{Asked: e.Term, Round: m.Round})
	case InstallSnapshot:
		c.send(e.From, SnapshotReply{Asked: e.Term, Snapshot: m.Snapshot})
	}
}

// jitter draws from 1 ns to ElectionJitter (splitmix64).
func (c *Core) jitter() Duration {
	c.rand += 0x9e3779b97f4a7c15
	z := c.rand
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return 1 + Duration(z%uint64(c.cfg.ElectionJitter))
}
