// Package tell says in words what passes between members of a cluster and what
// they are, for the accounts of a simulated run and of an exhaustive search.
package tell

import (
	"fmt"
	"strings"

	"partita/node/api"
	"partita/node/kv"
	"partita/raft/core"
)

// Kind names a message.
func Kind(m core.Message) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", m), "core.")
}

// Envelope says a message with its sender's term: "Append term 3: entry 5
// of term 3 after (4, term 2), commit 4".
func Envelope(e core.Envelope) string {
	return fmt.Sprintf("%s term %d: %s", Kind(e.Message), e.Term, body(e.Message))
}

func body(m core.Message) string {
	switch m := m.(type) {
	case core.PreVote:
		return logEnds(m.Last)
	case core.PreVoteReply:
		return grant(m.Granted, m.Asked)
	case core.Vote:
		if m.Transfer {
			return "asked to stand by the leader, " + logEnds(m.Last)
		}
		return logEnds(m.Last)
	case core.VoteReply:
		return grant(m.Granted, m.Asked)
	case core.Append:
		return fmt.Sprintf("%s %s, commit %d", Entries(m.Entries), after(m.Prev), m.Commit)
	case core.AppendReply:
		if m.Accepted {
			return fmt.Sprintf("holds up to %d", m.Match)
		}
		text := fmt.Sprintf("refused after %d (asked in term %d)", m.Prev, m.Asked)
		if m.Hint.Index > 0 {
			text += ", go back to " + entry(m.Hint)
		}
		return text
	case core.Heartbeat:
		return fmt.Sprintf("round %d, commit %d", m.Round, m.Commit)
	case core.HeartbeatReply:
		return fmt.Sprintf("heard round %d of term %d", m.Round, m.Asked)
	case core.InstallSnapshot:
		return piece(m)
	case core.SnapshotReply:
		if m.Match < m.Snapshot.Index {
			return fmt.Sprintf("has %d bytes of the snapshot up to %s", m.Received, entry(m.Snapshot))
		}
		return fmt.Sprintf("holds up to %d", m.Match)
	case core.TimeoutNow:
		return "stand for election at once"
	case core.ReadIndex:
		if m.Lease {
			return fmt.Sprintf("read %d.%d, a lease will do", m.ID.Boot, m.ID.Number)
		}
		return fmt.Sprintf("read %d.%d", m.ID.Boot, m.ID.Number)
	case core.ReadIndexReply:
		if m.Refused {
			return fmt.Sprintf("read %d.%d refused", m.ID.Boot, m.ID.Number)
		}
		text := fmt.Sprintf("read %d.%d as of entry %d", m.ID.Boot, m.ID.Number, m.Index)
		if m.Lease {
			text += ", by a lease"
		}
		return text
	case core.Forward:
		if n := len(m.Commands); n != 1 {
			return fmt.Sprintf("%d commands, number %d.%d", n, m.ID.Boot, m.ID.Number)
		}
		return fmt.Sprintf("a command%s, number %d.%d", command(m.Commands[0]), m.ID.Boot, m.ID.Number)
	case core.ForwardReply:
		if m.Refused {
			return fmt.Sprintf("number %d.%d refused: %s", m.ID.Boot, m.ID.Number, Reason(m.Reason))
		}
		return fmt.Sprintf("number %d.%d put at %d", m.ID.Boot, m.ID.Number, m.First)
	}
	return ""
}

// piece says which part of a snapshot a message carries.
func piece(m core.InstallSnapshot) string {
	what := "a snapshot up to " + entry(m.Snapshot)
	switch {
	case m.Offset == 0 && m.Done:
		return what + ", with " + Members(m.Members)
	case m.Done:
		return fmt.Sprintf("the rest of %s, from byte %d on", what, m.Offset)
	}
	return fmt.Sprintf("bytes %d to %d of %s", m.Offset, m.Offset+uint64(len(m.Data)), what)
}

// Members says a configuration with the nodes' usual names: "voters n1 n2 n3,
// learners n4".
func Members(m core.Membership) string {
	text := "voters" + named(m.Voters)
	if m.Joint() {
		text += ", outgoing" + named(m.Outgoing)
	}
	if len(m.Learners) > 0 {
		text += ", learners" + named(m.Learners)
	}
	return text
}

func named(ids []core.NodeID) string {
	if len(ids) == 0 {
		return " nobody"
	}
	text := ""
	for _, id := range ids {
		text += fmt.Sprintf(" n%d", id)
	}
	return text
}

// reasons are those of a refusal, in words.
var reasons = [...]string{
	core.NoLeader: "no leader is known", core.NotAccepted: "the leader leads no more", core.Lost: "no answer came",
	core.Overloaded: "too much is not committed", core.Transferring: "another is to lead", core.NotLeader: "only the leader does this",
	core.NotReady: "nothing is committed in this term yet", core.ChangePending: "another change is under way",
	core.BadChange: "it makes no sense for the members there are", core.CatchingUp: "it lacks too much of the log",
	core.Abandoned: "the other did not take the lead in time",
}

// Reason says why something was refused.
func Reason(r core.Reason) string {
	if int(r) < len(reasons) {
		return reasons[r]
	}
	return fmt.Sprintf("reason %d", r)
}

func entry(m core.SnapshotMeta) string { return fmt.Sprintf("(%d, term %d)", m.Index, m.Term) }

func logEnds(last core.SnapshotMeta) string {
	if last.Index == 0 {
		return "its log is empty"
	}
	return "its log ends with " + entry(last)
}

func after(previous core.SnapshotMeta) string {
	if previous.Index == 0 {
		return "from the beginning"
	}
	return "after " + entry(previous)
}

func grant(granted bool, asked core.Term) string {
	if granted {
		return fmt.Sprintf("granted (asked in term %d)", asked)
	}
	return fmt.Sprintf("refused (asked in term %d)", asked)
}

// few is how many entries are said one by one.
const few = 3

// Entries says which entries these are: "entry 4 of term 2 (put k1 7)".
func Entries(all []core.Entry) string {
	if len(all) == 0 {
		return "no entries"
	}
	if len(all) > few {
		return fmt.Sprintf("entries %d to %d, the last of term %d", all[0].Index, all[len(all)-1].Index, all[len(all)-1].Term)
	}
	var each []string
	for _, e := range all {
		text := fmt.Sprintf("entry %d of term %d", e.Index, e.Term)
		text += content(e)
		each = append(each, text)
	}
	return strings.Join(each, ", ")
}

// content says what an entry holds in brackets, after a blank.
func content(e core.Entry) string {
	switch e.Kind {
	case core.Noop:
		return " (a no-op)"
	case core.Configuration:
		if m, err := core.DecodeMembership(e.Data); err == nil {
			return " (" + Members(m) + ")"
		}
		return " (no configuration)"
	}
	return command(e.Data)
}

// command says a client's command in brackets, after a blank. The search
// proposes single letters, which no state machine is to understand.
func command(data []byte) string {
	r, err := kv.Decode(data)
	switch {
	case err != nil && len(data) == 1:
		return fmt.Sprintf(" (%s)", data)
	case err != nil:
		return ""
	}
	text := fmt.Sprintf("%s %s", r.Op, r.Key)
	if r.Op == api.CAS {
		if text += " from " + r.Old; r.OldAbsent {
			text += "nothing"
		}
		text += " to"
	}
	return fmt.Sprintf(" (%s)", strings.TrimSpace(text+" "+strings.TrimSuffix(r.Value, ",")))
}

// State says what a member is: "leader, term 3, log to 5, commit 4, applied 4".
// Name gives a node's name.
func State(s core.Status, name func(core.NodeID) string) string {
	text := fmt.Sprintf("%s, term %d, log to %d", s.Role, s.Term, s.Last)
	if s.Durable != s.Last {
		text += fmt.Sprintf(" (on disk to %d)", s.Durable)
	}
	text += fmt.Sprintf(", commit %d, applied %d", s.Commit, s.Applied)
	if s.Leader != core.None && s.Role != core.Leader {
		text += ", follows " + name(s.Leader)
	}
	return text
}
