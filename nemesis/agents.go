package nemesis

import (
	"errors"
	"fmt"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// tell sends one command to the agents of several nodes at once. Answers are
// in the order of the nodes; that of a node that failed is zero.
func tell(w cluster.World, nodes []string, path string, body func(node string) any) ([]wire.Done, error) {
	return ask[wire.Done](w, nodes, path, body)
}

// states asks several agents for what they know.
func states(w cluster.World, nodes []string) ([]wire.State, error) {
	return ask[wire.State](w, nodes, wire.PathState, nil)
}

// probesOf asks several agents for the probes sent in [since, until), on the
// shared clock in nanoseconds.
func probesOf(w cluster.World, nodes []string, since, until int64) (map[string]wire.Probes, error) {
	path := fmt.Sprintf("%s?since=%d&until=%d", wire.PathProbes, since, until)
	answers, err := ask[wire.Probes](w, nodes, path, nil)
	if err != nil {
		return nil, err
	}
	byNode := make(map[string]wire.Probes, len(nodes))
	for i, node := range nodes {
		byNode[node] = answers[i]
	}
	return byNode, nil
}

// ask sends commands and joins the errors of those that failed.
func ask[T any](w cluster.World, nodes []string, path string, body func(node string) any) ([]T, error) {
	into := make([]T, len(nodes))
	commands := make([]cluster.Command, len(nodes))
	for i, node := range nodes {
		commands[i] = cluster.Command{Node: node, Path: path, Into: &into[i]}
		if body != nil {
			commands[i].Body = body(node)
		}
	}
	var failed []error
	for i, a := range w.Agents(commands, agentTimeout) {
		if a.Err != nil {
			failed = append(failed, fmt.Errorf("agent of %s: %s: %w", nodes[i], path, a.Err))
		}
	}
	return into, errors.Join(failed...)
}

// ended is when the last of some commands was done, on the shared clock.
func ended(done []wire.Done) int64 {
	var last int64
	for _, d := range done {
		last = max(last, d.Ended)
	}
	return last
}

// began is when the first of some commands was begun, on the shared clock.
func began(done []wire.Done) int64 {
	earliest := done[0].Began
	for _, d := range done[1:] {
		earliest = min(earliest, d.Began)
	}
	return earliest
}

// seconds is a span as evidence gives it.
func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }
