package main

import (
	"errors"
	"strings"
	"testing"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/nemesis/wire"
)

// TestIncomplete: a record that lacks anything is unknown and says what.
func TestIncomplete(t *testing.T) {
	for name, tc := range map[string]struct {
		damage func(j *judgement)
		want   string // empty: valid
	}{
		"nothing is missing": {func(*judgement) {}, ""},
		"interrupted":        {func(j *judgement) { j.results.Incomplete = "interrupted" }, "interrupted"},
		"torn":               {func(j *judgement) { j.torn = true }, "history.jsonl has no end"},
		"a fault untold":     {func(j *judgement) { j.faults = nil }, "1 faults began and faults.jsonl tells of 0"},
		"a node missing":     {func(j *judgement) { j.states = j.states[1:] }, "collected of n1"},
		"a log missing":      {func(j *judgement) { delete(j.logs, "n2") }, "collected of n2"},
		"no sim.json":        {func(j *judgement) { j.results.Cluster = simulated }, "the simulator left no sim.json"},
		"unreadable":         {func(j *judgement) { j.unread = errors.New("faults.jsonl:3: what") }, "faults.jsonl:3"},
	} {
		t.Run(name, func(t *testing.T) {
			j := judgement{
				scenario: &scenario.Scenario{Nodes: 2},
				events:   []history.Event{history.Began("kill", "n1"), history.Healed("kill", "n1")},
				faults:   []cluster.Fault{{Nemesis: "kill"}},
				states:   []wire.State{{Node: "n1"}, {Node: "n2"}},
				logs:     map[string][]wire.LogLine{"n1": nil, "n2": nil},
			}
			tc.damage(&j)
			r := j.incomplete()
			if (r.Verdict == checker.Valid) != (tc.want == "") || !strings.Contains(r.Reason, tc.want) {
				t.Errorf("%s: %q, want %q", r.Verdict, r.Reason, tc.want)
			}
		})
	}
}
