package exhaustive

import (
	"fmt"

	"partita/raft/core"
	"partita/sim/tell"
)

// entryText says an entry in words: "entry 2 of term 1 (a)".
func entryText(e core.Entry) string { return tell.Entries([]core.Entry{e}) }

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
