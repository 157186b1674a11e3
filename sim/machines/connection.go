package machines

import (
	"fmt"
	"math/rand/v2"
	"time"

	"partita/harness/cluster"
	"partita/node/api"
	"partita/sim/engine"
)

// proofTimeout bounds the making of a connection, as in api.Client.
const proofTimeout = time.Second

// clientNetwork is how long a client's message takes: partitions do not
// concern it.
var clientNetwork = Latency{Least: 50 * time.Microsecond, Most: 500 * time.Microsecond, Slow: 5 * time.Millisecond}

// Connection is the world of one client: it behaves as an api.Client over
// real connections does. One task uses it.
type Connection struct {
	cluster *Cluster
	task    *engine.Task
	rng     *rand.Rand
	start   time.Duration
	end     time.Duration
	proven  map[string]int // the process, by boots, that a connection leads to
}

var _ cluster.Env = (*Connection)(nil)

// Connect gives a client its world. Instants count from start; no call lasts
// beyond end.
func (c *Cluster) Connect(task *engine.Task, worker int, start, end time.Duration) *Connection {
	return &Connection{cluster: c, task: task, rng: c.source(fmt.Sprint("client ", worker)), start: start, end: end, proven: map[string]int{}}
}

// Now is the time since the run began.
func (c *Connection) Now() time.Duration { return c.cluster.engine.Now() - c.start }

// Sleep waits.
func (c *Connection) Sleep(d time.Duration) { c.task.Sleep(d) }

// Close closes every connection.
func (c *Connection) Close() { clear(c.proven) }

// Call sends a request and waits for the answer, at most timeout. Every error
// is an *api.Error.
func (c *Connection) Call(node string, req api.Request, timeout time.Duration) (api.Reply, error) {
	deadline := c.Now() + min(timeout, c.end-c.Now())
	m := c.cluster.machine(node)
	if m == nil || c.Now() >= deadline {
		return api.Reply{}, &api.Error{Code: api.Unreachable, Message: "the run is over, or there is no " + node, Definite: true}
	}
	if err := c.prove(m, min(deadline, c.Now()+proofTimeout)); err != nil {
		return api.Reply{}, err
	}
	c.task.Sleep(clientNetwork.draw(c.rng))
	out := &outcome{}
	p := m.process
	if p == nil || m.boots != c.proven[node] {
		out.done = true // the connection broke under the request
	} else {
		m.whenRunning(func() {
			if p.ended {
				out.end(nil, nil, c.task)
				return
			}
			p.request(req, func(reply *api.Reply, err *api.Error) { out.end(reply, err, c.task) })
		})
	}
	for !out.done && c.Now() < deadline {
		c.task.SleepOrWake(deadline - c.Now())
	}
	back := clientNetwork.draw(c.rng)
	switch {
	case !out.done || c.Now()+back >= deadline && out.answered():
		c.task.Sleep(deadline - c.Now())
		delete(c.proven, node)
		return api.Reply{}, &api.Error{Code: api.Timeout, Message: fmt.Sprintf("no answer from %s within %s", node, timeout), Definite: req.Op == api.Get}
	case !out.answered():
		delete(c.proven, node)
		return api.Reply{}, &api.Error{Code: api.Broken, Message: "the connection to " + node + " broke", Definite: req.Op == api.Get}
	}
	c.task.Sleep(back)
	if out.err != nil {
		said := *out.err
		said.Definite = said.Definite || req.Op == api.Get
		return api.Reply{}, &said
	}
	return *out.reply, nil
}

// prove makes sure of a connection to the process that runs now, before a
// request is sent on it: what fails here did not happen.
func (c *Connection) prove(m *machine, deadline time.Duration) *api.Error {
	unreachable := func(why string) *api.Error {
		delete(c.proven, m.name)
		return &api.Error{Code: api.Unreachable, Message: "prove the connection to " + m.name + ": " + why, Definite: true}
	}
	if m.process != nil && c.proven[m.name] == m.boots {
		return nil
	}
	c.task.Sleep(clientNetwork.draw(c.rng))
	if m.process == nil {
		return unreachable("nobody listens")
	}
	boots, healthy := m.boots, false
	m.whenRunning(func() { healthy = true; c.task.Wake() })
	for !healthy && c.Now() < deadline {
		c.task.SleepOrWake(deadline - c.Now())
	}
	if !healthy || m.process == nil || m.boots != boots {
		return unreachable("no answer")
	}
	c.proven[m.name] = boots
	return nil
}

// outcome is what became of a request.
type outcome struct {
	done  bool
	reply *api.Reply
	err   *api.Error
}

func (o *outcome) answered() bool { return o.reply != nil || o.err != nil }

func (o *outcome) end(reply *api.Reply, err *api.Error, task *engine.Task) {
	o.done, o.reply, o.err = true, reply, err
	task.Wake()
}
