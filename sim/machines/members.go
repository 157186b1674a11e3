package machines

import (
	"maps"
	"slices"

	"partita/node/api"
	"partita/raft/core"
)

// order is a change of the members, or a transfer of the lead, that a process
// was asked for.
type order struct {
	done  func(core.Membership, *api.Error)
	index core.Index // of a change: where it was put; 0: nowhere yet
	term  core.Term
}

// orders are those under way in a process, as package raft keeps them: a
// change is done when a configuration that is not joint has been applied at
// its place or after it.
type orders struct {
	waiting map[uint64]*order
	final   []finalOne // configurations handed to the state machine
}

type finalOne struct {
	index   core.Index
	members core.Membership
}

// take begins an order.
func (o *orders) take(id uint64, done func(core.Membership, *api.Error)) {
	if o.waiting == nil {
		o.waiting = map[uint64]*order{}
	}
	o.waiting[id] = &order{done: done}
}

func (o *orders) settle(id uint64, members core.Membership, err *api.Error) bool {
	w := o.waiting[id]
	if w != nil {
		delete(o.waiting, id)
		w.done(members, err)
	}
	return w != nil
}

func (o *orders) ids() []uint64 {
	if len(o.waiting) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(o.waiting))
}

// placed takes note of where a change was put. It says whether it was one.
func (o *orders) placed(e core.Proposed) bool {
	w := o.waiting[e.ID]
	if w != nil {
		w.index, w.term = e.Index, e.Term
	}
	return w != nil
}

func (o *orders) transferred(id uint64) { o.settle(id, core.Membership{}, nil) }

// codes are the core's reasons as a client hears them.
var codes = map[core.Reason]api.Code{
	core.Transferring: api.Transferring, core.NotLeader: api.NotLeader, core.NotReady: api.NotReady,
	core.ChangePending: api.ChangePending, core.BadChange: api.BadChange, core.CatchingUp: api.CatchingUp, core.Abandoned: api.Abandoned,
}

// refused ends an order. It says whether it was one.
func (o *orders) refused(e core.Refused) bool {
	if o.waiting[e.ID] == nil {
		return false
	}
	code, known := codes[e.Reason]
	if !known {
		panic("machines: every reason to refuse an order has a code")
	}
	return o.settle(e.ID, core.Membership{}, &api.Error{Code: code, Message: "refused", Definite: e.Reason != core.Abandoned})
}

// entries looks through what is about to be applied: an entry of another term
// in the place of a change says that it is lost, and a configuration may be
// the end of one.
func (o *orders) entries(entries []core.Entry) {
	for _, e := range entries {
		for _, id := range o.ids() {
			if w := o.waiting[id]; w.index == e.Index && w.term != e.Term {
				o.settle(id, core.Membership{}, &api.Error{Code: api.Overwritten, Message: "an entry of another term took its place", Definite: true})
			}
		}
		if e.Kind != core.Configuration {
			continue
		}
		if m, err := core.DecodeMembership(e.Data); err == nil && !m.Joint() {
			o.final = append(o.final, finalOne{e.Index, m})
		}
	}
}

// snapshot ends the changes whose places a snapshot covers: nobody knows here
// what became of them.
func (o *orders) snapshot(to core.Index) {
	for _, id := range o.ids() {
		if at := o.waiting[id].index; at > 0 && at <= to {
			o.settle(id, core.Membership{}, &api.Error{Code: api.Lost, Message: "a snapshot took its place"})
		}
	}
}

// applied ends the changes whose final configuration has been applied.
func (o *orders) applied(to core.Index) {
	for len(o.final) > 0 && o.final[0].index <= to {
		f := o.final[0]
		o.final = o.final[1:]
		for _, id := range o.ids() {
			if at := o.waiting[id].index; at > 0 && at <= f.index {
				o.settle(id, f.members, nil)
			}
		}
	}
}

// end ends all of them without an answer: the process has ended.
func (o *orders) end() {
	for _, id := range o.ids() {
		o.settle(id, core.Membership{}, &api.Error{Code: api.Broken, Message: "the connection broke"})
	}
}

// membersChanged takes note of the configuration in force, and counts what its
// leader has made of the one before.
func (p *process) membersChanged(now core.Membership) {
	c, before := p.m.cluster, p.members
	p.members = now
	if p.role != core.Leader || !now.Joint() {
		return
	}
	c.count(jointConfigurations)
	for _, id := range now.Voters {
		if slices.Contains(before.Learners, id) {
			c.count(promotions)
		}
	}
}

// membersNamed is a configuration as a client sees it.
func (c *Cluster) membersNamed(m core.Membership, leader core.NodeID) api.Members {
	named := func(ids []core.NodeID) []string {
		names := []string{}
		for _, id := range ids {
			names = append(names, c.name(id))
		}
		return names
	}
	return api.Members{Voters: named(m.Voters), Outgoing: named(m.Outgoing), Learners: named(m.Learners), Leader: c.name(leader)}
}
