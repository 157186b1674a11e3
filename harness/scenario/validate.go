package scenario

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"partita/harness/checker"
	"partita/nemesis"
	"partita/node/api"
	"partita/workloads"
)

// nameForm is what a folder of results may be called.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// complaint is a value that cannot be, by the path of its key.
type complaint struct{ path, text string }

// bounds checks that a value is within two limits, and says so in its own
// form.
func bounds[T int | int64 | float64 | time.Duration](path string, value, least, most T) *complaint {
	if value >= least && value <= most {
		return nil
	}
	return &complaint{path, fmt.Sprintf("%v: want %v to %v", value, least, most)}
}

// oneOf checks a name against those that there are.
func oneOf(path, value string, all []string) *complaint {
	if slices.Contains(all, value) {
		return nil
	}
	text := fmt.Sprintf("unknown %s %q: ", path[strings.LastIndex(path, ".")+1:], value)
	if near := nemesis.Nearest(value, all); near != "" {
		text += fmt.Sprintf("did you mean %q? ", near)
	}
	return &complaint{path, text + "allowed are " + strings.Join(all, ", ")}
}

// validate gives the first value that cannot be, or nil.
func (s *Scenario) validate() *complaint {
	if s.Name == "latest" || !nameForm.MatchString(s.Name) {
		return &complaint{"name", fmt.Sprintf("%q: want lower-case letters, digits and -, at most 64, and not latest", s.Name)}
	}
	for _, c := range slices.Concat(s.validateNode(), s.validateRest(), []*complaint{s.validateScript(), s.validateReads()}) {
		if c != nil {
			return c
		}
	}
	for _, f := range s.Nemesis {
		var p *nemesis.Problem
		if err := f.Options.Validate(s.Nodes); errors.As(err, &p) {
			return &complaint{"nemesis." + f.Kind + "." + p.Field, p.Text}
		} else if err != nil {
			return &complaint{"nemesis." + f.Kind, err.Error()}
		}
		if c := s.validateLease(f); c != nil {
			return c
		}
		for i, in := range nemesis.Scheduled(f.Options) {
			if in.Heal > s.TimeLimit {
				return &complaint{fmt.Sprintf("nemesis.%s.schedule[%d].for", f.Kind, i), fmt.Sprintf(
					"%v: the fault lasts until %v and the run until %v, the time-limit", in.Heal-in.At, in.Heal, s.TimeLimit)}
			}
		}
	}
	return nil
}

// validateNode checks how nodes are started.
func (s *Scenario) validateNode() []*complaint {
	n := s.Node
	all := []*complaint{
		bounds("nodes", s.Nodes, 1, 9),
		bounds("members", s.Members, 0, s.Nodes),
		bounds("node.election-timeout", n.ElectionTimeout, 10*time.Millisecond, time.Minute),
		bounds("node.election-jitter", n.ElectionJitter, time.Millisecond, time.Minute),
		bounds("node.heartbeat", n.Heartbeat, time.Millisecond, time.Minute),
		bounds("node.max-batch", n.MaxBatch, 1, 65536),
		bounds("node.snapshot-every", n.SnapshotEvery, 1, 1_000_000_000),
		bounds("node.session-entries", n.SessionEntries, 1, 1_000_000_000),
		bounds("node.max-sessions", n.MaxSessions, 1, 1_000_000),
		bounds("node.compact-tail", n.CompactTail, 0, 10_000_000),
		bounds("node.snapshot-chunk", n.SnapshotChunk, 1, 64<<20),
		bounds("node.max-uncommitted", n.MaxUncommitted, 1, 1<<40),
		oneOf("node.reads", n.Reads, []string{api.ReadIndex, api.LeaseRead}),
		bounds("node.peer-silence", n.PeerSilence, 10*time.Millisecond, time.Hour),
	}
	// The comparison itself refuses what is no number.
	if !(n.LeaseDrift >= 0 && n.LeaseDrift < 1) {
		all = append(all, &complaint{"node.lease-drift", fmt.Sprintf("%v: want a part of true time, such as 0.1, from 0 to below 1", n.LeaseDrift)})
	}
	if n.Heartbeat >= n.ElectionTimeout {
		all = append(all, &complaint{"node.heartbeat", fmt.Sprintf(
			"%v: want less than election-timeout, which is %v, or followers stand for election between two heartbeats",
			n.Heartbeat, n.ElectionTimeout)})
	}
	return all
}

// validateRest checks clients, limits and checks.
func (s *Scenario) validateRest() []*complaint {
	w, c := s.Workload, s.Checks
	all := []*complaint{
		oneOf("workload.name", w.Name, workloads.Names()),
		bounds("workload.keys", w.Keys, 1, 10_000),
		bounds("workload.rate", w.Rate, 0.1, 100_000),
		bounds("time-limit", s.TimeLimit, time.Second, 24*time.Hour),
		bounds("checks.linearizable.budget", c.Linearizable.Budget, 1, 1_000_000_000_000),
		bounds("checks.linearizable.timeout", c.Linearizable.Timeout, time.Millisecond, time.Hour),
		bounds("checks.availability.recover-within", c.Availability.RecoverWithin, 100*time.Millisecond, time.Hour),
		bounds("seed", s.Seed, 0, 1<<63-1),
		oneOf("expect", s.Expect, []string{ExpectValid, ExpectInvalid}),
	}
	for i, name := range c.Reached {
		all = append(all, oneOf("checks.reached", name, checker.Reachable()))
		if slices.Contains(c.Reached[:i], name) {
			all = append(all, &complaint{"checks.reached", name + " again: want each once"})
		}
	}
	const mostClients = 1000
	// The count alone first: it must not overflow when multiplied.
	clients := bounds("workload.concurrency", w.Concurrency.Count, 1, mostClients)
	if clients == nil && s.Nodes > 0 {
		if n := w.Concurrency.Of(s.Nodes); n < 2*s.Nodes || n > mostClients {
			clients = &complaint{"workload.concurrency", fmt.Sprintf(
				"%d clients: want %d, a reader and a writer for each of %d nodes, to %d", n, 2*s.Nodes, s.Nodes, mostClients)}
		}
	}
	return append(all, clients)
}
