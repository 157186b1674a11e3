package exhaustive

import (
	"fmt"
	"strings"

	"partita/raft/core"
)

// entryText says an entry in words: "entry 2 of term 1 (a)".
func entryText(e core.Entry) string {
	what := string(e.Data)
	if e.Kind == core.Noop {
		what = "no-op"
	}
	return fmt.Sprintf("entry %d of term %d (%s)", e.Index, e.Term, what)
}

// messageText says a message in words.
func messageText(e core.Envelope) string {
	at := func(m core.SnapshotMeta) string { return fmt.Sprintf("%d (term %d)", m.Index, m.Term) }
	verdict := map[bool]string{true: "granted", false: "refused"}
	head := strings.TrimPrefix(fmt.Sprintf("%T term %d", e.Message, e.Term), "core.")
	switch m := e.Message.(type) {
	case core.PreVote:
		return head + ": log to " + at(m.Last)
	case core.Vote:
		return head + ": log to " + at(m.Last)
	case core.PreVoteReply:
		return fmt.Sprintf("%s: %s, asked in term %d", head, verdict[m.Granted], m.Asked)
	case core.VoteReply:
		return fmt.Sprintf("%s: %s, asked in term %d", head, verdict[m.Granted], m.Asked)
	case core.Append:
		var what []string
		for _, x := range m.Entries {
			what = append(what, entryText(x))
		}
		if len(what) == 0 {
			what = []string{"nothing"}
		}
		return fmt.Sprintf("%s: %s after %s, commit %d", head, strings.Join(what, ", "), at(m.Prev), m.Commit)
	case core.AppendReply:
		if m.Accepted {
			return fmt.Sprintf("%s: accepted, equal up to %d", head, m.Match)
		}
		return fmt.Sprintf("%s: refused after %d, asked in term %d; may agree at %s", head, m.Prev, m.Asked, at(m.Hint))
	case core.Heartbeat:
		return fmt.Sprintf("%s: round %d, commit %d", head, m.Round, m.Commit)
	case core.HeartbeatReply:
		return fmt.Sprintf("%s: round %d of term %d", head, m.Round, m.Asked)
	case core.ReadIndexReply:
		if m.Refused {
			return head + ": refused"
		}
		return fmt.Sprintf("%s: index %d", head, m.Index)
	}
	return head
}

// text says a node's state in words.
func (n *node) text() string {
	s := n.core.Status()
	last := core.Term(0)
	log := n.disk.asked()
	if len(log) > 0 {
		last = log[len(log)-1].Term
	}
	text := fmt.Sprintf("%s, term %d, log to %d (term %d), commit %d", s.Role, s.Term, len(log), last, s.Commit)
	if pending := len(n.disk.pending); pending > 0 {
		text += fmt.Sprintf(", %d appends pending", pending)
	}
	return text
}
