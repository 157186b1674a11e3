package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"partita/node/api"
)

// Start is the instant at which a run began, on the harness's clock and on the
// CLOCK_MONOTONIC that it shares with all containers.
type Start struct {
	At          time.Time // with Go's monotonic reading
	MonotonicNS int64
}

// Begin takes the instant.
func Begin() (Start, error) {
	var ts unix.Timespec
	at := time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return Start{}, fmt.Errorf("cluster: read CLOCK_MONOTONIC: %w", err)
	}
	return Start{At: at, MonotonicNS: ts.Nano()}, nil
}

// Since is how long ago the run began.
func (s Start) Since() time.Duration { return time.Since(s.At) }

// HTTP is the Env of one process: a client of its own for every node. One
// goroutine uses it.
type HTTP struct {
	cluster Cluster
	start   Start
	end     time.Duration // no call outlasts this instant
	clients map[string]*dialled
}

// dialled is a client and the address it was made for: a container that was
// restarted is published on another port.
type dialled struct {
	addr   string
	client *api.Client
}

var _ Env = (*HTTP)(nil)

// NewHTTP gives a process's world. No call lasts beyond end.
func NewHTTP(c Cluster, start Start, end time.Duration) *HTTP {
	return &HTTP{cluster: c, start: start, end: end, clients: map[string]*dialled{}}
}

// Now is the time since the run began.
func (h *HTTP) Now() time.Duration { return h.start.Since() }

// Sleep waits.
func (h *HTTP) Sleep(d time.Duration) { time.Sleep(d) }

// Call sends a request and waits for the answer, at most timeout.
func (h *HTTP) Call(node string, req api.Request, timeout time.Duration) (api.Reply, error) {
	client, err := h.client(node)
	if err != nil {
		return api.Reply{}, &api.Error{Code: api.Unreachable, Message: err.Error(), Definite: true}
	}
	timeout = min(timeout, h.end-h.Now())
	if timeout <= 0 {
		return api.Reply{}, &api.Error{Code: api.Unreachable, Message: "the run is over", Definite: true}
	}
	return client.Do(req, timeout)
}

// client is the node's, made anew when its address has changed.
func (h *HTTP) client(node string) (*api.Client, error) {
	for _, n := range h.cluster.Nodes() {
		if n.Name != node {
			continue
		}
		d := h.clients[node]
		if d == nil || d.addr != n.Client {
			if d != nil {
				d.client.Close()
			}
			d = &dialled{n.Client, api.NewClient(n.Client)}
			h.clients[node] = d
		}
		return d.client, nil
	}
	return nil, fmt.Errorf("cluster: there is no node %q", node)
}

// Close closes every connection: the next process begins without any.
func (h *HTTP) Close() {
	for _, d := range h.clients {
		d.client.Close()
	}
	clear(h.clients)
}

// ErrEnding is what Sleep says when the run is being ended.
var ErrEnding = errors.New("the run is being ended")

// Machines is the World of plans over real machines.
type Machines struct {
	cluster Cluster
	start   Start
	ending  context.Context // its end is the end of the run
}

var _ World = (*Machines)(nil)

// NewMachines gives a world whose sleeps end early when ctx does. Commands to
// agents go on working after that: plans heal then.
func NewMachines(ctx context.Context, c Cluster, start Start) *Machines {
	return &Machines{cluster: c, start: start, ending: ctx}
}

// Now is the time since the run began.
func (m *Machines) Now() time.Duration { return m.start.Since() }

// Monotonic converts an instant of the shared clock.
func (m *Machines) Monotonic(ns int64) time.Duration {
	return time.Duration(ns - m.start.MonotonicNS)
}

// Sleep waits, or returns ErrEnding early.
func (m *Machines) Sleep(d time.Duration) error {
	if m.ending.Err() != nil {
		return ErrEnding
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-m.ending.Done():
		return ErrEnding
	case <-timer.C:
		return nil
	}
}

// Nodes lists the nodes' names in order.
func (m *Machines) Nodes() []string {
	var names []string
	for _, n := range m.cluster.Nodes() {
		names = append(names, n.Name)
	}
	return names
}

// Status asks a node what it knows of itself.
func (m *Machines) Status(node string, timeout time.Duration) (api.Status, error) {
	c, err := m.client(node)
	if err != nil {
		return api.Status{}, err
	}
	defer c.Close()
	return c.Status(timeout)
}

// Clock asks a node for its own time.
func (m *Machines) Clock(node string, timeout time.Duration) (api.Clock, error) {
	c, err := m.client(node)
	if err != nil {
		return api.Clock{}, err
	}
	defer c.Close()
	return c.Clock(timeout)
}

// ChangeMembers asks a node to change the configuration.
func (m *Machines) ChangeMembers(node string, changes []api.MemberChange, timeout time.Duration) (api.Members, error) {
	c, err := m.client(node)
	if err != nil {
		return api.Members{}, &api.Error{Code: api.Unreachable, Message: err.Error(), Definite: true}
	}
	defer c.Close()
	return c.ChangeMembers(changes, timeout)
}

// Transfer asks a node to let another one lead.
func (m *Machines) Transfer(node, to string, timeout time.Duration) (api.Transferred, error) {
	c, err := m.client(node)
	if err != nil {
		return api.Transferred{}, &api.Error{Code: api.Unreachable, Message: err.Error(), Definite: true}
	}
	defer c.Close()
	return c.Transfer(to, timeout)
}

func (m *Machines) client(node string) (*api.Client, error) {
	for _, n := range m.cluster.Nodes() {
		if n.Name == node {
			return api.NewClient(n.Client), nil
		}
	}
	return nil, fmt.Errorf("cluster: there is no node %q", node)
}

// Agents sends commands to the agents of several nodes at once.
func (m *Machines) Agents(commands []Command, timeout time.Duration) []Answer {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ending), timeout)
	defer cancel()
	answers := make([]Answer, len(commands))
	var all sync.WaitGroup
	for i, c := range commands {
		all.Go(func() { answers[i] = Answer{Node: c.Node, Err: m.cluster.Agent(ctx, c)} })
	}
	all.Wait()
	return answers
}
