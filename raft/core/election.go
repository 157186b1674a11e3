package core

import "fmt"

// onTimer acts on a timer that ran out. The election timer of a follower runs
// twice: first for ElectionTimeout, after which it stops being loyal to a
// silent leader, then for the jitter, after which it stands for election.
func (c *Core) onTimer(t Timer) {
	switch {
	case t == HeartbeatTimer && c.role == Leader:
		c.onHeartbeatTick()
	case t == HeartbeatTimer:
	case t == TransferTimer:
		c.endTransfer(false)
	case c.role == Leader:
		c.checkQuorum()
	case c.install.resetting:
		c.setElectionTimer(c.cfg.ElectionTimeout) // the state is on its way from a leader
	case c.loyal:
		c.loyal = false
		c.setLeader(None, "leader silent")
		c.setElectionTimer(c.jitter())
	case !c.mayStand():
		c.setElectionTimer(c.cfg.ElectionTimeout)
	case c.cfg.NoPreVote:
		c.reason = "election timeout"
		c.stand(false)
	default:
		c.askPreVotes()
	}
}

// follow makes this member a follower in a term. votedFor is reset exactly
// when the term rises (figure 2, "rules for servers"), and only here.
func (c *Core) follow(term Term, leader NodeID, why string) {
	wasLeader, rose := c.role == Leader, term > c.hard.Term
	if rose {
		c.changeHardState(HardState{Term: term, Boot: c.hard.Boot})
		clear(c.disk.held)
		c.disk.held = c.disk.held[:0]
		c.loseRemote()
		c.client.taken = nil
		c.receiveNoMore()
	}
	c.role = Follower
	c.reason = why
	if wasLeader {
		c.resign(rose)
	}
	c.setLeader(leader, why)
}

// setLeader notes who leads. What was asked of another leader is lost.
func (c *Core) setLeader(leader NodeID, why string) {
	if leader == c.leader {
		return
	}
	c.leader = leader
	c.reason = why
	c.loseRemote()
}

// heed takes note of the leader of this term, which has just been heard.
func (c *Core) heed(leader NodeID) {
	if c.role == Leader {
		panic(fmt.Sprintf("core: invariant broken: election safety: %d and %d lead in term %d", c.cfg.ID, leader, c.hard.Term))
	}
	if c.role != Follower || c.leader != leader {
		c.follow(c.hard.Term, leader, "leader heard")
	}
	c.loyal = true
	c.setElectionTimer(c.cfg.ElectionTimeout)
}

// askPreVotes asks whether an election could be won, without raising the term
// (thesis §9.6): a member cut off from the rest, or behind it, does not
// disturb the leader when it comes back.
func (c *Core) askPreVotes() {
	c.role = PreCandidate
	c.reason = "election timeout"
	c.votes = tally{}.record(c.cfg.ID, true)
	c.setElectionTimer(c.cfg.ElectionTimeout + c.jitter())
	if c.votes.outcome(c.members()) == won {
		c.stand(false)
		return
	}
	c.broadcast(PreVote{Last: c.log.last()})
}

// stand begins an election (§5.2), on its own or because the leader asked for
// it. The member's vote for itself counts once it is durable, as the requests
// leave once it is.
func (c *Core) stand(asked bool) {
	c.role = Candidate
	c.loyal = false
	c.receiveNoMore()
	c.changeHardState(HardState{Term: c.hard.Term + 1, Vote: c.cfg.ID, Boot: c.hard.Boot})
	clear(c.disk.held)
	c.disk.held = c.disk.held[:0]
	c.client.taken = nil
	switch c.setLeader(None, ""); {
	case asked:
		c.reason = "asked to lead"
	case !c.cfg.NoPreVote:
		c.reason = "pre-election won"
	}
	c.votes = tally{}
	c.setElectionTimer(c.cfg.ElectionTimeout + c.jitter())
	c.broadcast(Vote{Last: c.log.last(), Transfer: asked})
}

// countOwnVote counts the candidate's vote for itself, which is durable now.
func (c *Core) countOwnVote() {
	if c.role == Candidate && c.disk.completed >= c.disk.hardAt {
		c.count(c.cfg.ID, true)
	}
}

// onPreVote answers whether this member would grant its vote. It would not
// while it hears from a leader (thesis §4.2.3).
func (c *Core) onPreVote(e Envelope, m PreVote) {
	granted := e.Term >= c.hard.Term && c.role != Leader && !c.loyal && c.upToDate(m.Last)
	c.send(e.From, PreVoteReply{Asked: e.Term, Granted: granted})
}

func (c *Core) onPreVoteReply(e Envelope, m PreVoteReply) {
	if c.role == PreCandidate && m.Asked == c.hard.Term {
		c.count(e.From, m.Granted)
	}
}

// onVote grants at most one vote a term, to a candidate whose log is at least
// as up to date (§5.2, §5.4.1). The answer leaves once the vote is durable.
func (c *Core) onVote(e Envelope, m Vote) {
	free := c.hard.Vote == None && c.role != Leader
	granted := c.hard.Vote == e.From || free && c.upToDate(m.Last)
	if granted && free {
		c.changeHardState(HardState{Term: c.hard.Term, Vote: e.From, Boot: c.hard.Boot})
		c.role = Follower
		c.loyal = false
		c.setElectionTimer(c.cfg.ElectionTimeout + c.jitter())
	}
	c.send(e.From, VoteReply{Asked: e.Term, Granted: granted})
}

func (c *Core) onVoteReply(e Envelope, m VoteReply) {
	if c.role == Candidate && m.Asked == c.hard.Term {
		c.count(e.From, m.Granted)
	}
}

// count takes one answer and acts as soon as the count is decided either way.
func (c *Core) count(voter NodeID, granted bool) {
	c.votes = c.votes.record(voter, granted)
	switch c.votes.outcome(c.members()) {
	case won:
		if c.role == PreCandidate {
			c.stand(false)
		} else {
			c.takeLead()
		}
	case lost:
		c.role = Follower
		c.reason = "election lost"
		c.setElectionTimer(c.cfg.Heartbeat + c.jitter())
	}
}

// upToDate compares the ends of two logs (§5.4.1, last paragraph).
func (c *Core) upToDate(theirs SnapshotMeta) bool {
	ours := c.log.last()
	return theirs.Term > ours.Term || theirs.Term == ours.Term && theirs.Index >= ours.Index
}

func (c *Core) setElectionTimer(after Duration) { c.emit(SetTimer{ElectionTimer, after}) }

// broadcast sends a message to every other voter.
func (c *Core) broadcast(m Message) {
	members := c.members()
	for _, id := range members.All() {
		if id != c.cfg.ID && members.Votes(id) {
			c.send(id, m)
		}
	}
}
