package nemesis

import (
	"slices"
	"time"

	"partita/node/api"
)

// members is the part of the world that knows who votes. Who is asked does at
// once what it is asked for.
type members struct {
	term     uint64
	now      api.Members
	voters   int                                   // how many there are when nothing is wrong
	requests []string                              // what the nodes were asked for, in order
	fail     func(node, request string) *api.Error // scripted failures of requests
	blind    []string                              // nodes that never hear of a change
	first    *api.Members                          // what those still believe
}

// seenBy is the configuration as a node has it.
func (m *members) seenBy(node string) api.Members {
	if m.first != nil && slices.Contains(m.blind, node) {
		return *m.first
	}
	return m.now
}

// ChangeMembers does all parts of a change at once.
func (w *world) ChangeMembers(node string, changes []api.MemberChange, _ time.Duration) (api.Members, error) {
	if err := w.takes(node, wish{changes: changes}); err != nil {
		return api.Members{}, err
	}
	m := &w.members
	if m.first == nil {
		first := m.now
		m.first = &first
	}
	for _, c := range changes {
		without := func(list []string) []string {
			return slices.DeleteFunc(slices.Clone(list), func(other string) bool { return other == c.Node })
		}
		m.now.Voters, m.now.Learners = without(m.now.Voters), without(m.now.Learners)
		switch c.Op {
		case api.AddLearner:
			m.now.Learners = append(m.now.Learners, c.Node)
		case api.AddVoter:
			m.now.Voters = append(m.now.Voters, c.Node)
		}
		slices.Sort(m.now.Voters)
		slices.Sort(m.now.Learners)
	}
	if !m.now.Votes(w.leader) {
		w.leader, m.term = m.now.Voters[0], m.term+1
	}
	return m.now, nil
}

// Transfer lets another lead in the next term.
func (w *world) Transfer(node, to string, _ time.Duration) (api.Transferred, error) {
	if err := w.takes(node, wish{to: to}); err != nil {
		return api.Transferred{}, err
	}
	w.leader, w.members.term = to, w.members.term+1
	return api.Transferred{Leader: to}, nil
}

// takes says why a node does not do what it is asked for, or nothing.
func (w *world) takes(node string, q wish) error {
	w.now += w.latency
	refuse := func(code api.Code) error { return &api.Error{Code: code, Leader: w.leader, Definite: true} }
	machine := w.machine(node)
	switch {
	case machine.pid == 0 || machine.stopped:
		return refuse(api.Unreachable)
	case node != w.leader:
		return refuse(api.NotLeader)
	case machine.stubborn:
		return refuse(api.NotReady)
	}
	w.members.requests = append(w.members.requests, q.String())
	if w.members.fail != nil {
		if err := w.members.fail(node, q.String()); err != nil {
			return err
		}
	}
	for _, c := range q.changes {
		if !slices.Contains(w.Nodes(), c.Node) {
			return refuse(api.BadChange)
		}
	}
	return nil
}
