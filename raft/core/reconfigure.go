package core

import (
	"cmp"
	"fmt"
	"slices"
)

// configured is a configuration and where in the log it stands.
type configured struct {
	index   Index
	members Membership
}

// configurations are those that the log holds, in order. The first is as of
// the newest snapshot (or the one that the cluster began with); the last is in
// force, committed or not: "a server always uses the latest configuration in
// its log" (§6).
type configurations []configured

func (l configurations) latest() configured { return l[len(l)-1] }

// at gives the configuration as of an entry.
func (l configurations) at(index Index) configured {
	i := len(l) - 1
	for i > 0 && l[i].index > index {
		i--
	}
	return l[i]
}

// members is the configuration in force.
func (c *Core) members() Membership { return c.configs.latest().members }

// noteConfigurations takes note of configurations among entries that were put into the
// log from an index on, where they replaced what stood there before.
func (c *Core) noteConfigurations(from Index, entries []Entry) {
	before := len(c.configs)
	for c.configs.latest().index >= from {
		c.configs = c.configs[:len(c.configs)-1]
	}
	changed := len(c.configs) != before
	for _, e := range entries {
		if e.Kind != Configuration {
			continue
		}
		c.configs = append(slices.Clip(c.configs), configured{e.Index, mustDecode(e)})
		changed = true
	}
	if changed {
		c.emit(MembersChanged{c.members()})
	}
}

func mustDecode(e Entry) Membership {
	m, err := DecodeMembership(e.Data)
	if err != nil {
		panic(fmt.Sprintf("core: invariant broken: every configuration in a log can be decoded: entry %d: %v", e.Index, err))
	}
	return m
}

// onChangeMembers begins a change of the configuration (thesis §4.3): of
// voters by a joint one, of learners alone at once, since no quorum changes.
// Until the leader has committed an entry of its term it cannot know whether
// another change is under way.
func (c *Core) onChangeMembers(ev ChangeMembers) {
	now := c.configs.latest()
	next, ok := now.members.after(ev.Changes)
	switch {
	case c.role != Leader:
		c.emit(Refused{ev.ID, NotLeader})
	case c.lead.transfer.to != None:
		c.emit(Refused{ev.ID, Transferring})
	case !c.committedInTerm():
		c.emit(Refused{ev.ID, NotReady})
	case now.members.Joint() || now.index > c.commit:
		c.emit(Refused{ev.ID, ChangePending})
	case !ok:
		c.emit(Refused{ev.ID, BadChange})
	case !c.caughtUp(now.members, next):
		c.emit(Refused{ev.ID, CatchingUp})
	default:
		c.emit(Proposed{ev.ID, c.extend(Configuration, next.AppendTo(nil)), c.hard.Term})
		c.feedAll()
	}
}

// after gives the configuration that changes lead to, joint if voters change,
// and whether they make sense: each member once, each change changing
// something, a voter made only of a learner, and somebody left to vote.
func (m Membership) after(changes []Change) (Membership, bool) {
	voters, learners := slices.Clone(m.Voters), slices.Clone(m.Learners)
	seen := map[NodeID]bool{}
	for _, ch := range changes {
		votes, learns := slices.Contains(m.Voters, ch.ID), slices.Contains(m.Learners, ch.ID)
		sense := ch.Kind == AddLearner && !learns || ch.Kind == AddVoter && learns || ch.Kind == Remove && (votes || learns)
		if !sense || seen[ch.ID] || ch.ID == None {
			return Membership{}, false
		}
		seen[ch.ID] = true
		other := func(id NodeID) bool { return id == ch.ID }
		voters, learners = slices.DeleteFunc(voters, other), slices.DeleteFunc(learners, other)
		switch ch.Kind {
		case AddLearner:
			learners = append(learners, ch.ID)
		case AddVoter:
			voters = append(voters, ch.ID)
		}
	}
	slices.Sort(voters)
	slices.Sort(learners)
	next := Membership{Voters: voters, Learners: learners}
	if !slices.Equal(voters, m.Voters) {
		next.Outgoing = m.Voters
	}
	return next, len(changes) > 0 && len(voters) > 0 && next.Validate() == nil
}

// caughtUp says whether all that a change promotes hold what is committed, or
// are being sent the last of it, so that they can help to commit at once (thesis
// §4.2.1). What is under way is bounded; a bound of its own would shut out who is behind
// by a round trip, as every member of a busy cluster is.
func (c *Core) caughtUp(now, next Membership) bool {
	for _, id := range next.Voters {
		if slices.Contains(now.Voters, id) {
			continue
		}
		if p := c.peer(id); p == nil || p.mode != replicating || p.next <= c.commit {
			return false
		}
	}
	return true
}

// settleMembers goes on with a change of which the present part is committed:
// from the joint configuration to the new one, and from that to forgetting who
// is gone. A leader that has no vote any more led so far without counting itself (thesis
// §4.2.2) and now leaves the lead to who holds most of the log.
func (c *Core) settleMembers() {
	now := c.configs.latest()
	if now.index > c.commit {
		return
	}
	if now.members.Joint() {
		c.extend(Configuration, Membership{Voters: now.members.Voters, Learners: now.members.Learners}.AppendTo(nil))
		return
	}
	if now.members.Votes(c.cfg.ID) && !slices.ContainsFunc(c.lead.peers, func(p progress) bool { return !now.members.Has(p.id) }) {
		return
	}
	kept := make([]progress, 0, len(c.lead.peers))
	for i := range c.lead.peers {
		p := &c.lead.peers[i]
		if now.members.Has(p.id) {
			kept = append(kept, *p)
		} else if p.mode == replicating && p.next > c.log.base.Index {
			c.sendAppend(p, c.nextEntries(p)) // so that it knows that it is gone
		}
	}
	c.lead.peers = kept
	if now.members.Votes(c.cfg.ID) {
		return
	}
	if best := c.successor(now.members); best != None {
		c.send(best, TimeoutNow{})
	}
	c.follow(c.hard.Term, None, "no voter any more")
	c.setElectionTimer(c.cfg.ElectionTimeout)
}

// successor is the voter that is to lead by a transfer, or the one that holds
// most of the log, if it holds all of what is committed.
func (c *Core) successor(m Membership) NodeID {
	if to := c.lead.transfer.to; slices.Contains(m.Voters, to) && c.matched(to) >= c.commit {
		return to
	}
	best, match := None, c.commit
	for _, p := range c.lead.peers {
		if slices.Contains(m.Voters, p.id) && p.match >= match && (best == None || p.match > match) {
			best, match = p.id, p.match
		}
	}
	return best
}

// mayStand says whether this member may be needed as leader: it has a vote in
// the configuration in force, or in one that may be committed yet. One that is on its
// way out may be the only one with the whole log (thesis §4.2.2, last paragraph).
func (c *Core) mayStand() bool {
	for i := range c.configs {
		superseded := i+1 < len(c.configs) && c.configs[i+1].index <= c.commit
		if !superseded && c.configs[i].members.Votes(c.cfg.ID) {
			return true
		}
	}
	return false
}

// track makes sure that the leader feeds every member, and who is to leave
// until it is gone for good.
func (c *Core) track() {
	for i := range c.configs {
		if i+1 < len(c.configs) && c.configs[i+1].index <= c.commit {
			continue // superseded
		}
		for _, id := range c.configs[i].members.All() {
			if id == c.cfg.ID {
				continue
			}
			at, found := slices.BinarySearchFunc(c.lead.peers, id, func(p progress, id NodeID) int { return cmp.Compare(p.id, id) })
			if !found {
				c.lead.peers = slices.Insert(c.lead.peers, at, progress{id: id, next: c.log.last().Index + 1, heard: true})
			}
		}
	}
}
