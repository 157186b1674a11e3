package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"partita/harness/checker"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/harness/store"
	"partita/nemesis/wire"
)

// TestCheckOfWhatWasReached judges the folder of a run that wants chunks to be
// sent, by what is in it alone: nodes' metrics, or a simulator's coverage.
func TestCheckOfWhatWasReached(t *testing.T) {
	counts := func(n int) map[string]int { return map[string]int{"chunks-sent": n} }
	for name, c := range map[string]struct {
		metrics  []string // of n1, n2 ...
		coverage map[string]int
		want     checker.Result
	}{
		"by two nodes": {[]string{"partita_raft_chunks_sent_total 5\n", "partita_raft_chunks_sent_total 7\n"}, nil,
			checker.Result{Verdict: checker.Valid, Reason: "12 chunks sent", Counts: counts(12)}},
		"by nobody": {[]string{"partita_raft_chunks_sent_total 0\n"}, nil,
			checker.Result{Verdict: checker.Unknown, Reason: "vacuous: no chunk sent", Counts: counts(0)}},
		"without metrics": {nil, nil, checker.Result{Verdict: checker.Unknown,
			Reason: "vacuous: nobody counted: the record has neither metrics of a node nor a simulator's coverage"}},
		"in a simulator": {nil, map[string]int{"chunks sent": 3},
			checker.Result{Verdict: checker.Valid, Reason: "3 chunks sent", Counts: counts(3)}},
		"in vain in a simulator": {nil, map[string]int{"chunks sent": 0},
			checker.Result{Verdict: checker.Unknown, Reason: "vacuous: no chunk sent", Counts: counts(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := recordedOf(t, "partition", []scenario.Override{{Flag: "--set", Path: "checks.reached", Value: "chunks-sent"}},
				event(0, 0, history.Invoke, "write", "1"), event(1, 0, history.OK, "write", "1"))
			run, err := store.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range c.metrics {
				node := []string{"n1", "n2"}[i]
				err = errors.Join(err, run.WriteNode(wire.State{Node: node}, nil), run.WriteMetrics(node, []byte(text)))
			}
			if c.coverage != nil {
				err = errors.Join(err, run.WriteSimulation(store.Simulation{Coverage: c.coverage}))
			}
			if err = errors.Join(err, run.Close()); err != nil {
				t.Fatal(err)
			}
			// The run was killed, so that it is unknown whatever it reached.
			if code, out := program(t, "check", dir); code != exitUnknown || !strings.Contains(out, c.want.Reason) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, exitUnknown, c.want.Reason, out)
			}
			results, err := run.ReadResults()
			if got := results.Checks["reached"]; err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("the check is %+v (%v), want %+v", got, err, c.want)
			}
			page, err := os.ReadFile(filepath.Join(dir, store.ReportFile))
			if want := strings.ReplaceAll(c.want.Reason, "'", "&#39;"); err != nil || !strings.Contains(string(page), "<td>"+want) {
				t.Errorf("the report lacks %q (%v)", want, err)
			}
		})
	}
}

// TestNothingToReach: a scenario that names nothing is not judged by it.
func TestNothingToReach(t *testing.T) {
	for _, value := range []string{"", "[]"} {
		var settings []scenario.Override
		if value != "" {
			settings = []scenario.Override{{Flag: "--set", Path: "checks.reached", Value: value}}
		}
		dir := recordedOf(t, "partition", settings, event(0, 0, history.Invoke, "write", "1"))
		program(t, "check", dir)
		run, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		results, err := run.ReadResults()
		if _, made := results.Checks["reached"]; made || err != nil || len(results.Checks) == 0 {
			t.Errorf("reached: %s: %+v (%v)", value, results.Checks, err)
		}
		run.Close()
	}
}
