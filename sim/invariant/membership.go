package invariant

import (
	"encoding/binary"
	"slices"
	"strings"

	"partita/raft/core"
)

// configuration says who votes, as the watch reads it: a decision needs a
// majority of each group. One that decides nothing has no group.
type configuration struct {
	groups   [][]core.NodeID // the voters, and when it is joint those that it leaves
	learners []core.NodeID
}

// simple is the configuration of some voters.
func simple(voters []core.NodeID) configuration {
	if len(voters) == 0 {
		return configuration{}
	}
	return configuration{groups: [][]core.NodeID{voters}}
}

// configurationOf reads a configuration as the core hands it over beside a
// snapshot.
func configurationOf(m core.Membership) configuration {
	c := simple(m.Voters)
	if len(m.Outgoing) > 0 {
		c.groups = append(c.groups, m.Outgoing)
	}
	c.learners = m.Learners
	return c
}

// readConfiguration reads the data of an entry: three lists, each as its
// length and its elements, all unsigned varints.
func readConfiguration(data []byte) (configuration, bool) {
	var lists [3][]core.NodeID
	next := func() (uint64, bool) {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			return 0, false
		}
		data = data[n:]
		return v, true
	}
	for i := range lists {
		for count, ok := next(); count > 0 || !ok; count-- {
			id, more := next()
			if !ok || !more {
				return configuration{}, false
			}
			lists[i] = append(lists[i], core.NodeID(id))
		}
	}
	c := configurationOf(core.Membership{Voters: lists[0], Outgoing: lists[1], Learners: lists[2]})
	return c, len(data) == 0 && len(lists[0]) > 0
}

func (c configuration) joint() bool { return len(c.groups) > 1 }

// votes says whether a node is a voter.
func (c configuration) votes(id core.NodeID) bool {
	for _, group := range c.groups {
		if slices.Contains(group, id) {
			return true
		}
	}
	return false
}

// same says whether two configurations have the same members.
func (c configuration) same(o configuration) bool {
	return slices.EqualFunc(c.groups, o.groups, slices.Equal) && slices.Equal(c.learners, o.learners)
}

// decides says whether those for whom has says yes are a majority of each
// group.
func (c configuration) decides(has func(core.NodeID) bool) bool {
	for _, group := range c.groups {
		yes := 0
		for _, id := range group {
			if has(id) {
				yes++
			}
		}
		if 2*yes <= len(group) {
			return false
		}
	}
	return len(c.groups) > 0
}

// follows says whether this may be the next configuration after another: the
// same voters, or a joint one on the way from them, or where a joint one leads
// (§6).
func (c configuration) follows(o configuration) bool {
	switch {
	case len(o.groups) == 0 || len(c.groups) == 0:
		return false
	case o.joint():
		return !c.joint() && slices.Equal(c.groups[0], o.groups[0])
	case c.joint():
		return slices.Equal(c.groups[1], o.groups[0])
	}
	return slices.Equal(c.groups[0], o.groups[0])
}

// words says a configuration with the nodes' names.
func (w *Watch) words(c configuration) string {
	if len(c.groups) == 0 {
		return "nobody"
	}
	var parts []string
	for i, group := range c.groups {
		parts = append(parts, []string{"voters ", "outgoing "}[i]+w.list(group))
	}
	if len(c.learners) > 0 {
		parts = append(parts, "learners "+w.list(c.learners))
	}
	return strings.Join(parts, ", ")
}

func (w *Watch) list(ids []core.NodeID) string {
	var names []string
	for _, id := range ids {
		names = append(names, w.name(id))
	}
	return strings.Join(names, " ")
}

// placed is a configuration and where in the log it stands.
type placed struct {
	at core.SnapshotMeta
	configuration
}

// latest is the configuration in force in a log: the last that stands in it,
// else that of its snapshot, else the one that the node began with.
func (v *view) latest() placed {
	if n := len(v.members); n > 0 {
		return v.members[n-1]
	}
	return v.beginning
}

// asOf is the configuration in force after a committed entry.
func (w *Watch) asOf(index core.Index) placed {
	for i := len(w.members) - 1; i >= 0; i-- {
		if w.members[i].at.Index <= index {
			return w.members[i]
		}
	}
	return placed{configuration: w.initial}
}

// configured checks an entry with a configuration that a leader of this very
// term makes, before it is part of the leader's log: the one before is decided
// by a quorum's disks, and it leads here.
func (w *Watch) configured(id core.NodeID, e core.Entry) (placed, bool) {
	c, ok := readConfiguration(e.Data)
	at := core.SnapshotMeta{Index: e.Index, Term: e.Term}
	p := placed{at, c}
	if !ok {
		w.fail(Configuration, []core.NodeID{id}, "entry %s of %s is no configuration", pos(at), w.name(id))
		return p, false
	}
	n := w.at(id)
	if _, seen := w.entries[at]; seen || n.leads != e.Term {
		return p, true
	}
	w.appended = append(w.appended, p)
	before := n.memory.latest()
	switch {
	case !w.decided(before):
		w.fail(Configuration, []core.NodeID{id}, "%s appends %s as entry %s while %s, entry %s, is not committed",
			w.name(id), w.words(c), pos(at), w.words(before.configuration), pos(before.at))
	case !c.follows(before.configuration):
		w.fail(Configuration, []core.NodeID{id}, "%s appends %s as entry %s, to which no step leads from %s",
			w.name(id), w.words(c), pos(at), w.words(before.configuration))
	}
	return p, true
}

// decided says whether an entry with a configuration is committed: by what was
// applied, or by what a leader may know of the disks of its quorum.
func (w *Watch) decided(p placed) bool {
	if p.at.Index <= core.Index(len(w.committed)) {
		return true
	}
	return p.decides(func(id core.NodeID) bool {
		term, ok := w.at(id).disk.term(p.at.Index)
		return ok && term == p.at.Term
	})
}

// elected checks that a leader has the votes that its configuration asks for,
// each on the voter's disk.
func (w *Watch) elected(id core.NodeID, term core.Term) {
	var voters []core.NodeID
	for voter := core.NodeID(1); int(voter) <= len(w.nodes); voter++ {
		if w.votes[ballot{term, voter}] == id {
			voters = append(voters, voter)
		}
	}
	c := w.at(id).memory.latest()
	if !c.decides(func(voter core.NodeID) bool { return slices.Contains(voters, voter) }) {
		w.fail(ElectionSafety, []core.NodeID{id}, "%s leads in term %d with the votes of %s alone, where its log says %s",
			w.name(id), term, w.list(voters), w.words(c.configuration))
	}
}

// ballot is a vote on a disk.
type ballot struct {
	term  core.Term
	voter core.NodeID
}

// voted takes note of a vote that is on a disk.
func (w *Watch) voted(id core.NodeID, h core.HardState) {
	if h.Vote != core.None {
		w.votes[ballot{h.Term, id}] = h.Vote
	}
}

// governs checks that a leader votes, or will be done with leading once it
// knows that it does not: it has applied a configuration that leaves it out.
func (w *Watch) governs(id core.NodeID) {
	n := w.at(id)
	c := n.memory.latest()
	if n.leads == 0 || c.joint() || c.votes(id) || c.at.Index == 0 || n.handed < c.at.Index {
		return
	}
	w.fail(Configuration, []core.NodeID{id}, "%s leads on in term %d after it has applied entry %s: %s",
		w.name(id), n.leads, pos(c.at), w.words(c.configuration))
}

// carries checks that a snapshot has the configuration of the committed log.
func (w *Watch) carries(id core.NodeID, snapshot core.SnapshotMeta, members core.Membership) {
	if snapshot.Index == 0 || snapshot.Index > core.Index(len(w.committed)) {
		return
	}
	is, want := configurationOf(members), w.asOf(snapshot.Index)
	if len(is.groups) == 0 && want.at.Index == 0 && !w.initial.votes(id) {
		return // one that has joined never heard what the cluster began with
	}
	if !is.same(want.configuration) {
		w.fail(Configuration, []core.NodeID{id}, "the snapshot %s of %s says %s, and the log up to there says %s",
			pos(snapshot), w.name(id), w.words(is), w.words(want.configuration))
	}
}
