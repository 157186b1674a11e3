package invariant

import (
	"fmt"
	"slices"
	"strings"

	"partita/raft/core"
)

// Watch sees what happens inside a cluster and finds the first rule that is
// broken. Each call costs as much as what it tells of is long: nothing is
// looked at twice, but for a new leader's log and for a disk after a restart.
type Watch struct {
	names []string // of the nodes; the node with ID i stands at i-1
	nodes []node
	step  func() int // the present step

	leaders map[core.Term]core.NodeID
	entries map[core.SnapshotMeta]origin // every entry that was ever in a log
	// committed holds what was applied anywhere, from entry 1 on.
	committed []commitment
	snapshots map[core.Index]uint64 // digest of the state after an entry

	initial  configuration
	members  []placed // the committed configurations
	appended []placed // every configuration that a leader ever appended
	judges   placed   // by whose quorum the last committed entry is held
	votes    map[ballot]core.NodeID

	broken *Violation
}

// node is what the watch knows of one.
type node struct {
	memory   view
	disk     view
	hard     core.HardState // on the disk
	term     core.Term      // in memory
	leads    core.Term      // the term that it leads, 0 if none
	writes   []write        // asked for and not on the disk
	replaced core.SnapshotMeta
	agree    core.Index // up to here the disk holds what is committed
	handed   core.Index // up to here its state machine was given entries, or a snapshot
	reads    map[uint64]asked
}

// asked is a read that waits: the least index at which it may be answered, and
// whether a lease may do it.
type asked struct {
	least core.Index
	lease bool
}

// origin is what an index and a term name.
type origin struct {
	digest   uint64
	previous core.Term // of the entry before it
}

// commitment is a committed entry. By is a term in which it was committed at
// the latest, first who applied it first.
type commitment struct {
	slot
	by    core.Term
	first core.NodeID
}

// New watches a cluster of nodes with these names, in order of their IDs, of
// which the first so many are the voters that it begins with. Step tells the
// present step of the run.
func New(names []string, voters int, step func() int) *Watch {
	w := &Watch{
		names: names, nodes: make([]node, len(names)), step: step,
		leaders: map[core.Term]core.NodeID{}, entries: map[core.SnapshotMeta]origin{}, snapshots: map[core.Index]uint64{},
		votes: map[ballot]core.NodeID{},
	}
	var first []core.NodeID
	for i := range voters {
		first = append(first, core.NodeID(i+1))
	}
	w.initial = simple(first)
	w.judges = placed{configuration: w.initial}
	for i := range w.nodes {
		n := &w.nodes[i]
		n.reads = map[uint64]asked{}
		n.memory.beginning = w.begins(core.NodeID(i + 1))
		n.disk.beginning = n.memory.beginning
	}
	return w
}

// begins is the configuration of a node whose disk is empty: one that is to
// join has none.
func (w *Watch) begins(id core.NodeID) placed {
	if !w.initial.votes(id) {
		return placed{}
	}
	return placed{configuration: w.initial}
}

// Broken is the first rule that was broken, or nil.
func (w *Watch) Broken() *Violation { return w.broken }

// Committed is how many entries were applied anywhere.
func (w *Watch) Committed() core.Index { return core.Index(len(w.committed)) }

func (w *Watch) at(id core.NodeID) *node          { return &w.nodes[id-1] }
func (w *Watch) name(id core.NodeID) string       { return w.names[id-1] }
func pos(m core.SnapshotMeta) string              { return fmt.Sprintf("(%d, term %d)", m.Index, m.Term) }
func meta(i core.Index, s slot) core.SnapshotMeta { return core.SnapshotMeta{Index: i, Term: s.term} }

// fail notes a broken rule, unless one was broken before.
func (w *Watch) fail(name Name, nodes []core.NodeID, format string, args ...any) {
	if w.broken != nil {
		return
	}
	v := &Violation{Name: name, Step: w.step(), Text: fmt.Sprintf(format, args...)}
	for _, id := range nodes {
		if !slices.Contains(v.Nodes, w.name(id)) {
			v.Nodes = append(v.Nodes, w.name(id))
		}
	}
	w.broken = v
}

// Panicked takes note of a panic of a node's code. One whose text names a rule
// counts as that rule.
func (w *Watch) Panicked(id core.NodeID, text string) {
	name := Panic
	for _, rule := range Names() {
		if strings.Contains(text, string(rule)) {
			name = rule
			break
		}
	}
	w.fail(name, []core.NodeID{id}, "%s ended by a panic: %s", w.name(id), text)
}

// Asked takes note of an append that a node wants on its disk, and is at once
// in its memory. It says how many entries were removed by it, and how
// many configurations among them.
func (w *Watch) Asked(id core.NodeID, e core.AppendLog) (removed, configurations int) {
	n := w.at(id)
	n.term = e.HardState.Term
	wr := write{number: e.Number, hard: e.HardState, from: e.From}
	if len(e.Entries) > 0 {
		wr.slots = make([]slot, len(e.Entries))
		for i, entry := range e.Entries {
			wr.slots[i] = slotOf(entry)
			if entry.Kind == core.Configuration {
				if p, ok := w.configured(id, entry); ok {
					wr.members = append(wr.members, p)
				}
			}
		}
		before, members := n.memory.last().Index, len(n.memory.members)
		var ok bool
		if removed, ok = n.memory.put(wr); !ok {
			w.fail(LogMatching, []core.NodeID{id}, "%s appends from entry %d on to a log that holds %d to %d",
				w.name(id), e.From, n.memory.base.Index, n.memory.last().Index)
		}
		if removed > 0 && n.leads == n.term && n.leads > 0 {
			w.fail(LeaderAppendOnly, []core.NodeID{id}, "%s leads in term %d and puts others in the place of entries %d to %d of its log",
				w.name(id), n.leads, e.From, before)
		}
		configurations = members + len(wr.members) - len(n.memory.members)
		previous, _ := n.memory.term(e.From - 1)
		for i, entry := range e.Entries {
			w.match(id, entry, wr.slots[i], previous)
			previous = entry.Term
		}
	}
	n.writes = append(n.writes, wr)
	return removed, configurations
}

// match checks that an index and a term name one entry and one predecessor,
// and so, by induction, one log up to there.
func (w *Watch) match(id core.NodeID, e core.Entry, s slot, previous core.Term) {
	at := core.SnapshotMeta{Index: e.Index, Term: e.Term}
	known, seen := w.entries[at]
	switch {
	case !seen:
		w.entries[at] = origin{s.digest, previous}
	case known.digest != s.digest:
		w.fail(LogMatching, []core.NodeID{id}, "entry %s at %s is not the one that others hold under the same index and term", pos(at), w.name(id))
	case known.previous != previous:
		w.fail(LogMatching, []core.NodeID{id}, "entry %s at %s follows one of term %d, elsewhere one of term %d", pos(at), w.name(id), previous, known.previous)
	}
}

// Durable takes note that a node's writes up to a number are on its disk.
func (w *Watch) Durable(id core.NodeID, number uint64) {
	n := w.at(id)
	done := 0
	for done < len(n.writes) && n.writes[done].number <= number {
		w.kept(id, n.hard, n.writes[done].hard)
		w.voted(id, n.writes[done].hard)
		n.reach(n.writes[done])
		done++
	}
	n.writes = append(n.writes[:0], n.writes[done:]...)
	w.agreement(n)
	w.held(id)
}

// kept checks that a disk which says a term, and whom the vote of it went to, is
// not made to say otherwise: by that it would be given twice (figure 2, votedFor).
func (w *Watch) kept(id core.NodeID, was, is core.HardState) {
	switch {
	case is.Term < was.Term:
		w.fail(DurablePromises, []core.NodeID{id}, "%s goes back from term %d to term %d on its disk", w.name(id), was.Term, is.Term)
	case is.Term == was.Term && was.Vote != core.None && is.Vote != was.Vote:
		w.fail(DurablePromises, []core.NodeID{id}, "%s takes its vote of term %d for %s back from its disk", w.name(id), was.Term, w.name(was.Vote))
	}
}

// reach puts a write onto the disk.
func (n *node) reach(wr write) {
	n.hard = wr.hard
	if len(wr.slots) > 0 {
		n.disk.put(wr)
		n.agree = min(n.agree, wr.from-1)
	}
}

// agreement moves on how far a node's disk holds what is committed.
func (w *Watch) agreement(n *node) {
	for n.agree < core.Index(len(w.committed)) {
		next := n.agree + 1
		if next <= n.disk.base.Index {
			n.agree = min(n.disk.base.Index, core.Index(len(w.committed)))
			continue
		}
		s, ok := n.disk.at(next)
		if !ok || s != w.committed[next-1].slot {
			return
		}
		n.agree = next
	}
}

// Changed takes note of a node's role: there is one leader in a term, and it
// holds all that was committed in earlier terms.
func (w *Watch) Changed(id core.NodeID, now core.Changed) {
	if now.Role != core.Leader {
		w.at(id).leads = 0
		return
	}
	w.at(id).leads = now.Term
	if other, led := w.leaders[now.Term]; led && other != id {
		w.fail(ElectionSafety, []core.NodeID{other, id}, "%s and %s lead in term %d", w.name(other), w.name(id), now.Term)
	}
	if w.leaders[now.Term] != id {
		w.elected(id, now.Term)
	}
	w.leaders[now.Term] = id
	w.complete(id, 0)
	w.governs(id)
}

// complete checks that a leader holds, of what is committed after an entry,
// all that was committed in earlier terms.
func (w *Watch) complete(id core.NodeID, after core.Index) {
	n := w.at(id)
	for i := max(after, n.memory.base.Index); i < core.Index(len(w.committed)); i++ {
		c := w.committed[i]
		if c.by >= n.leads {
			continue
		}
		if s, ok := n.memory.at(i + 1); !ok || s != c.slot {
			w.fail(LeaderCompleteness, []core.NodeID{id, c.first}, "%s leads in term %d without entry %s, which %s had applied by term %d",
				w.name(id), n.leads, pos(meta(i+1, c.slot)), w.name(c.first), c.by)
			return
		}
	}
}

// Applied takes note of entries that a state machine takes.
func (w *Watch) Applied(id core.NodeID, entries []core.Entry) {
	n := w.at(id)
	before := core.Index(len(w.committed))
	for _, e := range entries {
		s := slotOf(e)
		switch top := core.Index(len(w.committed)); {
		case e.Index <= top:
			if c := w.committed[e.Index-1]; c.slot != s {
				w.fail(StateMachineSafety, []core.NodeID{id, c.first}, "%s applies another entry of term %d at %d, where %s had applied one of term %d",
					w.name(id), e.Term, e.Index, w.name(c.first), c.term)
			}
		case e.Index == top+1:
			w.committed = append(w.committed, commitment{s, n.term, id})
			if c, ok := readConfiguration(e.Data); ok && e.Kind == core.Configuration {
				w.members = append(w.members, placed{meta(e.Index, s), c})
			}
		default:
			w.fail(StateMachineSafety, []core.NodeID{id}, "%s applies entry %d, and nobody has applied %d", w.name(id), e.Index, top+1)
		}
		if e.Index != n.handed+1 {
			w.fail(StateMachineSafety, []core.NodeID{id}, "%s applies entry %d after entry %d", w.name(id), e.Index, n.handed)
		}
		n.handed = e.Index
		if d, ok := n.disk.at(e.Index); e.Index > n.disk.base.Index && (!ok || d != s) {
			w.fail(DurablePromises, []core.NodeID{id}, "%s applies entry %s before it is on its disk", w.name(id), pos(meta(e.Index, s)))
		}
	}
	if core.Index(len(w.committed)) > before {
		for i := range w.nodes {
			w.agreement(&w.nodes[i])
			w.complete(core.NodeID(i+1), before) // an old leader may commit what a newer one lacks
		}
		w.judged()
		w.held(id)
	}
}
