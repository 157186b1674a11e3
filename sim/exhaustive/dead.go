package exhaustive

import "partita/raft/core"

// reply is what decides whether a reply can still have an effect.
type reply struct {
	kind  replyKind
	asked core.Term // the term of what it answers
	term  core.Term // its sender's
}

type replyKind uint8

const (
	noReply replyKind = iota // it may always have an effect
	toPreVote
	toVote
	toLeader
)

func replyOf(e core.Envelope) reply {
	switch m := e.Message.(type) {
	case core.PreVoteReply:
		return reply{toPreVote, m.Asked, e.Term}
	case core.VoteReply:
		return reply{toVote, m.Asked, e.Term}
	case core.AppendReply:
		return reply{toLeader, m.Asked, e.Term}
	case core.HeartbeatReply:
		return reply{toLeader, m.Asked, e.Term}
	}
	return reply{}
}

// over says whether a reply speaks of a term or of a role in it that its
// receiver has left for good, also if it dies now: terms on disk rise, a member
// stands for election in a term only by entering it, and leads it only by
// standing. What is over once stays over, so the order in which independent
// actions are taken does not tell. The caller asks the code itself whether the
// reply has no effect now.
func (l *local) over(r reply) bool {
	switch {
	case r.kind == noReply || r.term > l.synced || r.asked > l.synced:
		return false
	case r.asked < l.synced:
		return true
	case r.kind == toPreVote:
		return false
	case l.view.term > r.asked:
		return true
	case r.kind == toVote:
		return l.view.role != core.Candidate
	default:
		return l.view.role != core.Candidate && l.view.role != core.Leader
	}
}
