package checker

import (
	"fmt"
	"slices"
	"strings"
)

// Tally is how often things happened inside a cluster, by the names of those
// that counted them: the nodes' metrics, summed, or a simulator's coverage. It
// is nil if nobody counted.
type Tally map[string]int

// thing is what may happen inside a cluster and is not seen from outside.
type thing struct {
	name      string // in a scenario
	one, many string // in words
	metric    string // of a node
	coverage  string // of a simulator
}

// things lists what a scenario may want to be reached.
var things = []thing{
	{"lease-reads", "lease read", "lease reads", "partita_raft_reads_by_lease_total", "lease reads served"},
	{"snapshots-taken", "snapshot taken", "snapshots taken", "partita_raft_snapshots_saved_total", "snapshots taken"},
	{"snapshots-installed", "snapshot installed", "snapshots installed", "partita_raft_snapshots_installed_total", "snapshots installed"},
	{"chunks-sent", "chunk sent", "chunks sent", "partita_raft_chunks_sent_total", "chunks sent"},
	{"configurations-joint", "joint configuration", "joint configurations", "partita_raft_joint_configurations_total", "joint configurations"},
	{"leaders-transferred", "leader transferred", "leaders transferred", "partita_raft_transfers_total", "leaders transferred"},
	{"sessions-deduplicated", "command deduplicated", "commands deduplicated", "partita_sessions_deduplicated_total", "sessions deduplicated"},
	{"sessions-expired", "session expired", "sessions expired", "partita_sessions_expired_total", "sessions expired"},
}

// Reachable lists the names of what a scenario may want to be reached.
func Reachable() []string {
	var names []string
	for _, t := range things {
		names = append(names, t.name)
	}
	return names
}

// Coverage lists the counters of a simulator that are looked at.
func Coverage() []string {
	var names []string
	for _, t := range things {
		names = append(names, t.coverage)
	}
	return names
}

// Reached asks whether each of the wanted things happened at least once. A run
// in which one did not proves nothing about it, whatever else it shows: it is
// unknown, and so is one of which nobody counted.
func Reached(wanted []string, tally Tally) Result {
	if tally == nil {
		return Result{Verdict: Unknown, Reason: "vacuous: nobody counted: the record has neither metrics of a node nor a simulator's coverage"}
	}
	result := Result{Verdict: Valid, Counts: map[string]int{}}
	var counted, missed []string
	for _, t := range things {
		if !slices.Contains(wanted, t.name) {
			continue
		}
		n := tally[t.metric] + tally[t.coverage] // who has one has none of the other
		result.Counts[t.name] = n
		switch n {
		case 0:
			missed = append(missed, "no "+t.one)
		case 1:
			counted = append(counted, "1 "+t.one)
		default:
			counted = append(counted, fmt.Sprintf("%d %s", n, t.many))
		}
	}
	result.Reason = strings.Join(counted, ", ")
	if len(missed) > 0 {
		result.Verdict, result.Reason = Unknown, "vacuous: "+strings.Join(missed, ", ")
	}
	return result
}
