package cluster

import (
	"context"
	"fmt"
	"time"

	"partita/node/api"
)

// NodeNames lists the names of so many nodes: n1, n2 ...
func NodeNames(nodes int) []string {
	names := make([]string, nodes)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i+1)
	}
	return names
}

// Env is the world of one client. Instants are since the run began, on
// CLOCK_MONOTONIC.
type Env interface {
	Now() time.Duration
	Sleep(d time.Duration)
	// Call sends a request to a node and waits for the answer, at most timeout.
	// Every error is an *api.Error.
	Call(node string, req api.Request, timeout time.Duration) (api.Reply, error)
}

// World is what a plan of the nemesis lives in.
type World interface {
	Now() time.Duration
	// Sleep returns early, with an error, when the run is being ended.
	Sleep(d time.Duration) error
	// Nodes lists the nodes' names in order: n1, n2 ...
	Nodes() []string
	// Status asks a node what it knows of itself.
	Status(node string, timeout time.Duration) (api.Status, error)
	// Clock asks a node for its own time.
	Clock(node string, timeout time.Duration) (api.Clock, error)
	// ChangeMembers asks a node to change the configuration, and Transfer to let
	// another one lead; only the leader takes them. Errors are *api.Error; after an
	// indefinite one the change may still come about.
	ChangeMembers(node string, changes []api.MemberChange, timeout time.Duration) (api.Members, error)
	Transfer(node, to string, timeout time.Duration) (api.Transferred, error)
	// Agents sends commands to the agents of several nodes at once and returns
	// when all have answered or failed, answers in the order of the commands.
	Agents(commands []Command, timeout time.Duration) []Answer
	// Monotonic converts an instant of the shared CLOCK_MONOTONIC, in
	// nanoseconds, to one since the run began.
	Monotonic(ns int64) time.Duration
}

// Command is one request to an agent: a path of package wire, with query
// parameters if any, and a body to be sent as JSON, or nil.
type Command struct {
	Node string
	Path string
	Body any
	// Into, if not nil, receives the decoded answer.
	Into any
}

// Answer is the outcome of a Command.
type Answer struct {
	Node string
	Err  error
}

// Node is where a node can be reached from the harness's machine.
type Node struct {
	Name   string
	Client string // host:port of its HTTP interface
	Agent  string // host:port of its agent
}

// Cluster is a set of running machines. Close removes everything that was
// made for it and may be called twice.
type Cluster interface {
	Nodes() []Node
	// Agent sends one command to a node's agent.
	Agent(ctx context.Context, command Command) error
	Close(ctx context.Context) error
}

// Plan is a nemesis with its schedule and its cure. Run injects faults until
// the world's Sleep says that the run ends or its own schedule is over, and
// heals what it broke. It reports every fault through Faults as it happens.
type Plan interface {
	Kind() string // the scenario's key: partition, kill, pause, clock ...
	Run(w World, faults Faults) error
}

// Faults takes the record of what a plan does. Began and Healed appear in the
// live display and as events of the nemesis in the history; Record goes to
// faults.jsonl once the evidence is in.
type Faults interface {
	Began(kind, what string)
	Healed(kind, what string)
	Record(Fault)
}

// Fault is one line of faults.jsonl: what was asked, the interval and what
// was then observed.
type Fault struct {
	Nemesis  string         `json:"nemesis"` // the kind
	Shape    string         `json:"shape,omitempty"`
	Targets  string         `json:"targets"` // the role: all, leader, one ...
	Nodes    []string       `json:"nodes"`   // who held it
	Asked    map[string]any `json:"asked"`
	At       time.Duration  `json:"at"`     // when the fault was in force on every node
	Healed   time.Duration  `json:"healed"` // when the heal began
	Evident  bool           `json:"evident"`
	Evidence map[string]any `json:"evidence"`
	Error    string         `json:"error,omitempty"`
}
