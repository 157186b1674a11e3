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
		return "a snapshot up to " + entry(m.Snapshot)
	case core.SnapshotReply:
		return fmt.Sprintf("holds up to %d", m.Match)
	case core.ReadIndex:
		return fmt.Sprintf("read %d.%d", m.ID.Boot, m.ID.Number)
	case core.ReadIndexReply:
		if m.Refused {
			return fmt.Sprintf("read %d.%d refused", m.ID.Boot, m.ID.Number)
		}
		return fmt.Sprintf("read %d.%d as of entry %d", m.ID.Boot, m.ID.Number, m.Index)
	case core.Forward:
		if n := len(m.Commands); n != 1 {
			return fmt.Sprintf("%d commands, number %d.%d", n, m.ID.Boot, m.ID.Number)
		}
		return fmt.Sprintf("a command%s, number %d.%d", command(m.Commands[0]), m.ID.Boot, m.ID.Number)
	case core.ForwardReply:
		if m.Refused {
			return fmt.Sprintf("number %d.%d refused", m.ID.Boot, m.ID.Number)
		}
		return fmt.Sprintf("number %d.%d put at %d", m.ID.Boot, m.ID.Number, m.First)
	}
	return ""
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
		if e.Kind == core.Noop {
			text += " (a no-op)"
		} else {
			text += command(e.Data)
		}
		each = append(each, text)
	}
	return strings.Join(each, ", ")
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
	return fmt.Sprintf(" (%s %s)", text, strings.TrimSuffix(r.Value, ","))
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
