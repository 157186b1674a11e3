package exhaustive

import (
	"bytes"
	"fmt"

	"partita/harness/trace"
	"partita/raft/core"
	"partita/sim/invariant"
	"partita/sim/tell"
)

// world is a cluster of cores that live through one path, and the account of
// it. It shares with the search what happens to a node and the rules; it
// encodes nothing, drops nothing and calls everybody by their own name.
type world struct {
	options  *Options
	nodes    [members]*node
	flying   []flight
	ghost    ghost
	steps    []trace.Step
	messages int // sent so far
	asked    [kinds]int
	ticks    int
}

// flight is a message in flight.
type flight struct {
	number   int
	envelope core.Envelope
}

// begin makes the world that a search starts from. A rule may be broken on the
// way there already.
func begin(o *Options) (*world, *invariant.Violation, error) {
	w := &world{options: o}
	for i := range w.nodes {
		n, out := o.boot(core.NodeID(i+1), disk{}, 0)
		w.nodes[i] = n
		w.note(trace.Step{Kind: trace.Start, Node: name(n.id), Text: "starts with an empty disk", State: n.text()})
		if bad := w.after(i, out); bad != nil {
			return w, bad, nil
		}
	}
	for range 200 {
		if over, bad := w.prepare(); over || bad != nil {
			return w, bad, nil
		}
	}
	return nil, nil, fmt.Errorf("exhaustive: no leader has come about after 200 steps without trouble")
}

// prepare goes a step towards the start of a search and says whether it is
// there. Nothing is lost on the way, and messages arrive in the order in which
// they were sent.
func (w *world) prepare() (over bool, bad *invariant.Violation) {
	for i, n := range w.nodes {
		if len(n.disk.pending) > 0 {
			return false, w.do(i, event{kind: settle}, 0)
		}
	}
	switch {
	case w.options.Start == Scratch:
		return true, nil
	case len(w.flying) > 0:
		first := w.flying[0].envelope
		return false, w.do(int(first.To)-1, event{kind: deliver, envelope: first}, 0)
	case w.nodes[0].view().role != core.Leader:
		return false, w.do(0, event{kind: electionTimer}, 0)
	}
	now, at := latest(w.nodes[0].disk.log)
	if w.options.Start == Alone && at == 0 && w.nodes[0].applied > 0 {
		return false, w.do(0, event{kind: reform, arg: 1}, 0)
	}
	for _, n := range w.nodes {
		if now.joint() || int(n.applied) < len(w.nodes[0].disk.log) {
			return false, w.do(0, event{kind: heartbeatTimer}, 0) // tells of the commit
		}
	}
	return true, nil
}

// follow takes the action of a search in its state, whose names for members
// are names[id].
func (w *world) follow(e *engine, s *state, a action, names [members + 1]core.NodeID) (*invariant.Violation, error) {
	var own [members + 1]core.NodeID // what the world calls them
	for id, called := range names {
		own[called] = core.NodeID(id)
	}
	node := int(own[a.node()+1]) - 1
	ev := event{kind: a.kind(), arg: a.arg()}
	at := 0
	switch ev.kind {
	case deliver, duplicate:
		content := e.messages.at(s.messages[a.arg()]).envelope.AppendTo(nil, own[:])
		for at < len(w.flying) && !bytes.Equal(w.flying[at].envelope.AppendTo(nil, nil), content) {
			at++
		}
		if at == len(w.flying) {
			return nil, fmt.Errorf("exhaustive: the path delivers a message that is not in flight")
		}
		ev.envelope = w.flying[at].envelope
	case propose, ask:
		ev.arg = w.asked[ev.kind]
		w.asked[ev.kind]++
	case reform:
		ev.arg = ev.arg&^int(everybody) | int((seats(ev.arg) & everybody).renamed(own[:]))
	case yield:
		ev.arg = int(own[ev.arg+1]) - 1
	case tick:
		w.ticks++
		w.note(trace.Step{Kind: trace.Timer, Text: "an election timeout passes on every clock"})
		return nil, nil
	}
	return w.do(node, ev, at), nil
}

// do lets an event happen: of a message, to the one at a place in flight.
func (w *world) do(i int, ev event, at int) *invariant.Violation {
	n := w.nodes[i]
	ev.ticks = w.ticks
	step := trace.Step{Node: name(n.id)}
	switch ev.kind {
	case deliver, duplicate:
		step.Kind, step.Peer, step.Message = trace.Deliver, name(ev.envelope.From), w.flying[at].number
		step.Text = tell.Envelope(ev.envelope)
		if ev.kind == deliver {
			w.flying = append(w.flying[:at:at], w.flying[at+1:]...)
		} else {
			step.Text += "; a copy stays in flight"
		}
	case electionTimer:
		step.Kind, step.Text = trace.Timer, "election timer"
	case heartbeatTimer:
		step.Kind, step.Text = trace.Timer, "heartbeat timer"
	case propose:
		step.Kind, step.Text = trace.Invoke, fmt.Sprintf("propose %c", 'a'+ev.arg)
	case ask:
		step.Kind, step.Text = trace.Invoke, fmt.Sprintf("read %d", 1+ev.arg)
	case reform:
		step.Kind, step.Text = trace.Invoke, wishText(ev.arg)
	case yield:
		step.Kind, step.Text = trace.Invoke, "let "+name(core.NodeID(ev.arg+1))+" lead"
	case abandon:
		step.Kind, step.Text = trace.Timer, "transfer timer"
	case settle:
		step.Kind, step.Text = trace.Durable, appendText(n.disk.pending[0])
	case crash:
		step.Kind, step.Text = trace.Crash, fmt.Sprintf("of %d pending appends %d are on its disk", len(n.disk.pending), ev.arg)
	}
	n, out := w.options.happen(n, ev)
	w.nodes[i] = n
	if ev.kind == crash {
		w.note(step)
		step.Kind, step.Text = trace.Start, "starts from its disk"
	}
	step.State = n.text()
	w.note(step)
	return w.after(i, out)
}

// after carries out what came of an event and checks the rules.
func (w *world) after(i int, out outcome) *invariant.Violation {
	n := w.nodes[i]
	if out.bad != nil {
		out.bad.Nodes = []string{name(n.id)}
		return w.violated(out.bad)
	}
	for _, env := range out.sent {
		w.messages++
		w.flying = append(w.flying, flight{w.messages, env})
		w.note(trace.Step{Kind: trace.Send, Node: name(n.id), Peer: name(env.To), Message: w.messages, Text: tell.Envelope(env)})
	}
	for _, o := range out.seen {
		if s, ok := seenStep(o); ok {
			s.Node, s.State = name(n.id), n.text()
			w.note(s)
		}
		var bad *invariant.Violation
		if w.ghost, bad = w.ghost.saw(n.id, o); bad != nil {
			return w.violated(bad)
		}
	}
	var views [members]*view
	for j, m := range w.nodes {
		if m == nil {
			return nil // the cluster is still being started
		}
		v := m.view()
		views[j] = &v
	}
	if bad := w.options.broken(&views, i, &w.ghost); bad != nil {
		return w.violated(bad)
	}
	return nil
}

func seenStep(o observation) (trace.Step, bool) {
	switch o.kind {
	case led:
		return trace.Step{Kind: trace.Change, Text: fmt.Sprintf("leads term %d", o.term)}, true
	case applied:
		return trace.Step{Kind: trace.Apply, Text: entryText(o.entry)}, true
	case read:
		return trace.Step{Kind: trace.Complete, Text: fmt.Sprintf("read %d may be answered at index %d", o.id-readID(0)+1, o.index)}, true
	case readOver:
		return trace.Step{Kind: trace.Complete, Text: fmt.Sprintf("read %d is refused", o.id-readID(0)+1)}, true
	}
	return trace.Step{}, false
}

func (w *world) violated(v *invariant.Violation) *invariant.Violation {
	told := *v
	w.note(trace.Step{Kind: trace.Violation, Text: fmt.Sprintf("%s: %s", v.Name, v.Text)})
	told.Step = len(w.steps)
	return &told
}

func (w *world) note(s trace.Step) {
	s.Number = len(w.steps) + 1
	w.steps = append(w.steps, s)
}

func appendText(a core.AppendLog) string {
	text := fmt.Sprintf("on disk: term %d, vote for %s", a.HardState.Term, name(a.HardState.Vote))
	for _, e := range a.Entries {
		text += ", " + entryText(e)
	}
	return text
}
