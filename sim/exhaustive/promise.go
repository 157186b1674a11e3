package exhaustive

import (
	"fmt"
	"strings"

	"partita/raft/core"
	"partita/sim/invariant"
)

// brokenPromise says what a message promises that is not on its sender's disk
// (figure 2: "updated on stable storage before responding"). Asked is the log
// as it will be once all that the step asks for is durable.
func (n *node) brokenPromise(e core.Envelope, asked []core.Entry) *invariant.Violation {
	d := &n.disk
	broken := func(format string, a ...any) *invariant.Violation {
		return &invariant.Violation{Name: invariant.DurablePromises, Text: fmt.Sprintf(format, a...) +
			fmt.Sprintf("; its disk says term %d, vote for %s, log to %d", d.hard.Term, name(d.hard.Vote), len(d.log))}
	}
	switch m := e.Message.(type) {
	case core.Vote:
		if d.hard.Term != e.Term || d.hard.Vote != n.id {
			return broken("asks for votes in term %d", e.Term)
		}
	case core.VoteReply:
		if m.Granted && (d.hard.Term != m.Asked || d.hard.Vote != e.To) {
			return broken("grants its vote in term %d to %s", m.Asked, name(e.To))
		}
	case core.AppendReply:
		if m.Accepted && !holds(d.log, asked, int(m.Match)) {
			return broken("acknowledges its log up to %d", m.Match)
		}
	}
	if d.hard.Term < e.Term {
		return broken("speaks of term %d", e.Term)
	}
	return nil
}

// holds says whether a log equals another up to an index.
func holds(log, other []core.Entry, index int) bool {
	if len(log) < index || len(other) < index {
		return false
	}
	for i := range index {
		if !sameEntry(log[i], other[i]) {
			return false
		}
	}
	return true
}

// panicked is the violation of a core that said itself what is broken.
func panicked(text string) *invariant.Violation {
	for _, rule := range []invariant.Name{invariant.ElectionSafety, invariant.LogMatching, invariant.LeaderCompleteness, invariant.StateMachineSafety} {
		if strings.Contains(text, string(rule)) {
			return &invariant.Violation{Name: rule, Text: "panics: " + text}
		}
	}
	return &invariant.Violation{Name: invariant.Panic, Text: "panics: " + text}
}

// name calls a member as the rest of the project does.
func name(id core.NodeID) string {
	if id == core.None {
		return "nobody"
	}
	return fmt.Sprintf("n%d", id)
}
