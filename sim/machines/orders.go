package machines

import (
	"fmt"
	"time"

	"partita/harness/trace"
	"partita/node/api"
	"partita/raft/core"
)

// kinds are the parts of a change as the core knows them.
var kinds = map[api.MemberOp]core.ChangeKind{api.AddLearner: core.AddLearner, api.AddVoter: core.AddVoter, api.Remove: core.Remove}

// ChangeMembers asks a node to change the configuration.
func (w *World) ChangeMembers(node string, changes []api.MemberChange, timeout time.Duration) (api.Members, error) {
	asked := core.ChangeMembers{}
	text := ""
	for _, c := range changes {
		kind, known := kinds[c.Op]
		m := w.cluster.machine(c.Node)
		if !known || m == nil {
			return api.Members{}, &api.Error{Code: api.BadRequest, Message: fmt.Sprintf("%s %s makes no sense", c.Op, c.Node), Definite: true}
		}
		asked.Changes = append(asked.Changes, core.Change{Kind: kind, ID: m.id})
		text += fmt.Sprintf(" %s %s", c.Op, c.Node)
	}
	members, p, err := w.order(node, "change the members:"+text, timeout, func(id uint64) core.Event { asked.ID = id; return asked })
	if err != nil {
		return api.Members{}, err
	}
	return w.cluster.membersNamed(members, p.leader), nil
}

// Transfer asks a node to let another one lead.
func (w *World) Transfer(node, to string, timeout time.Duration) (api.Transferred, error) {
	m := w.cluster.machine(to)
	if m == nil {
		return api.Transferred{}, &api.Error{Code: api.BadRequest, Message: "there is no " + to, Definite: true}
	}
	_, p, err := w.order(node, "let "+to+" lead", timeout, func(id uint64) core.Event { return core.TransferLeadership{ID: id, To: m.id} })
	if err != nil {
		return api.Transferred{}, err
	}
	return api.Transferred{Leader: w.cluster.name(p.leader)}, nil
}

// order asks a node for something and waits for what becomes of it. Every
// error is an *api.Error.
func (w *World) order(node, what string, timeout time.Duration, event func(id uint64) core.Event) (core.Membership, *process, error) {
	c := w.cluster
	deadline := c.engine.Now() + timeout
	p, err := w.reach(node, timeout)
	if err != nil {
		return core.Membership{}, nil, &api.Error{Code: api.Unreachable, Message: err.Error(), Definite: true}
	}
	if c.cfg.Trace {
		p.m.note(trace.Step{Kind: trace.Invoke, Text: "is asked to " + what})
	}
	var members core.Membership
	var failed *api.Error
	over := false
	p.nextID++
	id := p.nextID
	p.orders.take(id, func(m core.Membership, err *api.Error) {
		members, failed, over = m, err, true
		w.task.Wake()
	})
	p.step(event(id))
	p.m.stateNote(p)
	for !over && c.engine.Now() < deadline {
		w.task.SleepOrWake(deadline - c.engine.Now())
	}
	if !over {
		delete(p.orders.waiting, id)
		failed = &api.Error{Code: api.Timeout, Message: fmt.Sprintf("no answer from %s within %s", node, timeout)}
	}
	w.task.Sleep(clientNetwork.draw(w.rng))
	if c.cfg.Trace {
		text := "answers: done"
		if failed != nil {
			text = "answers: " + failed.Error()
		}
		p.m.note(trace.Step{Kind: trace.Complete, Text: text})
	}
	if failed != nil {
		failed.Leader = c.name(p.leader)
		return core.Membership{}, nil, failed
	}
	return members, p, nil
}
