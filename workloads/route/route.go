package route

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/node/api"
)

// Timeout is how long an operation may take.
const Timeout = 5 * time.Second

// Route is where one worker's operations go.
type Route struct {
	nodes []string
	node  string
	bound bool
}

// New begins at the worker's node.
func New(w generator.Worker, nodes []string) *Route {
	return &Route{nodes: nodes, node: w.Node, bound: w.Role != generator.Roaming}
}

// Node is where the next operation goes.
func (r *Route) Node() string { return r.node }

// Call asks the node that the operation names and gives its completion: ok
// with the reply, fail when it definitely did not happen, or info. The
// completion's value is still the invocation's.
func (r *Route) Call(env cluster.Env, op history.Event, req api.Request) (api.Reply, history.Event) {
	done := op
	reply, e := Ask(env, op.Node, req, Timeout)
	if e == nil {
		done.Type = history.OK
		return reply, done
	}
	r.Turn(e)
	done.Error = e.Error()
	if done.Type = history.Info; e.Definite {
		done.Type = history.Fail
	}
	return api.Reply{}, done
}

// Ask sends a request to a node, once, and waits for the answer.
func Ask(env cluster.Env, node string, req api.Request, timeout time.Duration) (api.Reply, *api.Error) {
	reply, err := env.Call(node, req, timeout)
	if err == nil {
		return reply, nil
	}
	var e *api.Error
	if !errors.As(err, &e) {
		panic(fmt.Sprintf("route: invariant broken: Call returned %T, want *api.Error", err))
	}
	return api.Reply{}, e
}

// After is the node after another one, round and round.
func (r *Route) After(node string) string {
	return r.nodes[(slices.Index(r.nodes, node)+1)%len(r.nodes)]
}

// Turn chooses where to go after an error.
func (r *Route) Turn(e *api.Error) {
	switch {
	case r.bound:
	case e.Leader != "" && e.Leader != r.node && slices.Contains(r.nodes, e.Leader):
		r.node = e.Leader
	default:
		r.node = r.After(r.node)
	}
}
