package machines

import (
	"fmt"
	"math/rand/v2"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
	"partita/node/api"
	"partita/sim/engine"
)

// agentNetwork is how long a command of the harness takes to an agent.
var agentNetwork = Latency{Least: 500 * time.Microsecond, Most: 3 * time.Millisecond, Slow: 20 * time.Millisecond}

// World is what a plan of the nemesis lives in. One task uses it.
type World struct {
	cluster *Cluster
	task    *engine.Task
	rng     *rand.Rand
	start   time.Duration
	ending  func() bool
}

var _ cluster.World = (*World)(nil)

// World gives a plan its world. Instants count from start. Once ending says
// yes, sleeps end at once; whoever makes it say so wakes the task.
func (c *Cluster) World(task *engine.Task, plan string, start time.Duration, ending func() bool) *World {
	return &World{c, task, c.source("plan " + plan), start, ending}
}

// Now is the time since the run began.
func (w *World) Now() time.Duration { return w.cluster.engine.Now() - w.start }

// Monotonic converts an instant of the shared clock.
func (w *World) Monotonic(ns int64) time.Duration { return time.Duration(ns-epoch) - w.start }

// Shared converts an instant since the run began to one of the shared clock.
func Shared(start time.Duration) int64 { return shared(start) }

// Sleep waits, or returns cluster.ErrEnding early.
func (w *World) Sleep(d time.Duration) error {
	until := w.cluster.engine.Now() + d
	for !w.ending() && w.cluster.engine.Now() < until {
		w.task.SleepOrWake(until - w.cluster.engine.Now())
	}
	if w.ending() {
		return cluster.ErrEnding
	}
	return nil
}

// Nodes lists the nodes' names in order.
func (w *World) Nodes() []string { return w.cluster.Names() }

// Status asks a node what it knows of itself.
func (w *World) Status(node string, timeout time.Duration) (api.Status, error) {
	p, err := w.reach(node, timeout)
	if err != nil {
		return api.Status{}, err
	}
	s := p.core.Status()
	return api.Status{
		Node: node, Role: s.Role.String(), Term: uint64(s.Term), Leader: w.cluster.name(s.Leader),
		Commit: uint64(s.Commit), Applied: uint64(s.Applied), Last: uint64(s.Last), Durable: uint64(s.Durable), Boot: s.Boot,
		Members: w.cluster.membersNamed(s.Members, s.Leader),
	}, nil
}

// Clock asks a node for its own time.
func (w *World) Clock(node string, timeout time.Duration) (api.Clock, error) {
	p, err := w.reach(node, timeout)
	if err != nil {
		return api.Clock{}, err
	}
	now := w.cluster.engine.Now()
	m := p.m
	return api.Clock{
		Realtime:  wall + int64(m.realtime.at(now)),
		Monotonic: int64(m.mono.at(now) - m.started),
	}, nil
}

// reach waits for a process that answers.
func (w *World) reach(node string, timeout time.Duration) (*process, error) {
	m := w.cluster.machine(node)
	if m == nil {
		return nil, fmt.Errorf("machines: there is no node %q", node)
	}
	deadline := w.cluster.engine.Now() + timeout
	w.task.Sleep(clientNetwork.draw(w.rng))
	for m.paused && w.cluster.engine.Now() < deadline {
		w.task.Sleep(min(10*time.Millisecond, deadline-w.cluster.engine.Now()))
	}
	if m.process == nil || m.paused {
		return nil, &api.Error{Code: api.Unreachable, Message: node + " does not answer", Definite: true}
	}
	return m.process, nil
}

// Agents sends commands to several agents at once. They take effect one after
// the other, in the order of the commands, within milliseconds.
func (w *World) Agents(commands []cluster.Command, timeout time.Duration) []cluster.Answer {
	answers := make([]cluster.Answer, len(commands))
	left := len(commands)
	for i, c := range commands {
		m := w.cluster.machine(c.Node)
		w.cluster.engine.After(agentNetwork.draw(w.rng), func() {
			w.cluster.engine.Go(func(t *engine.Task) {
				err := fmt.Errorf("machines: there is no node %q", c.Node)
				if m != nil {
					err = m.obey(t, c.Path, c.Body, c.Into)
				}
				answers[i] = cluster.Answer{Node: c.Node, Err: err}
				if left--; left == 0 {
					w.task.Wake()
				}
			})
		})
	}
	for deadline := w.cluster.engine.Now() + timeout; left > 0; {
		if w.cluster.engine.Now() >= deadline {
			return late(commands, answers)
		}
		w.task.SleepOrWake(deadline - w.cluster.engine.Now())
	}
	return answers
}

// late gives the answers of the agents that have answered, and errors for the
// others, whose commands may take effect yet.
func late(commands []cluster.Command, answers []cluster.Answer) []cluster.Answer {
	given := make([]cluster.Answer, len(commands))
	for i, c := range commands {
		given[i] = answers[i]
		if given[i].Node == "" {
			given[i] = cluster.Answer{Node: c.Node, Err: fmt.Errorf("the agent of %s did not answer in time", c.Node)}
		}
	}
	return given
}

// States is what the agents know at the end, and the nodes' logs.
func (c *Cluster) States() ([]wire.State, map[string][]wire.LogLine) {
	var states []wire.State
	logs := map[string][]wire.LogLine{}
	for _, m := range c.machines {
		states = append(states, m.state())
		lines := make([]wire.LogLine, len(m.log))
		for i, l := range m.log {
			lines[i] = wire.LogLine{At: shared(time.Duration(l.At)), Line: l.Line}
		}
		logs[m.name] = lines
	}
	return states, logs
}
