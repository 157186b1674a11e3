package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/harness/store"
	"partita/workloads"
)

// TestEveryWorkloadCanBeAskedFor: a scenario may name each workload that there
// is, and no other.
func TestEveryWorkloadCanBeAskedFor(t *testing.T) {
	var names []string
	for _, w := range workloads.All() {
		names = append(names, w.Name)
		if _, err := scenario.Load("partition", scenario.Override{Flag: "--set", Path: "workload.name", Value: w.Name}); err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
	}
	_, err := scenario.Load("partition", scenario.Override{Flag: "--set", Path: "workload.name", Value: "none"})
	if want := "allowed are " + strings.Join(names, ", "); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("error is %v, want %q", err, want)
	}
}

// TestAvailabilityAsksForTheWorkloadsKinds: after a heal every node has to read
// and to write again, whatever the workload calls these.
func TestAvailabilityAsksForTheWorkloadsKinds(t *testing.T) {
	for _, w := range workloads.All() {
		for _, kinds := range [][]string{{w.Reads[0], w.Writes[0]}, {w.Reads[0]}, {w.Writes[0]}} {
			t.Run(w.Name+" "+strings.Join(kinds, " and "), func(t *testing.T) {
				s, err := scenario.Load("partition", scenario.Override{Flag: "--set", Path: "workload.name", Value: w.Name})
				if err != nil {
					t.Fatal(err)
				}
				j := judgement{scenario: s, faults: []cluster.Fault{{Nemesis: "partition", At: 5 * time.Second, Healed: 9 * time.Second}}}
				index := 0
				for _, node := range s.NodeNames() {
					for _, f := range kinds {
						e := history.Event{Index: index, Time: 10 * time.Second, Process: index, Type: history.Invoke, F: f, Key: "k0.0", Node: node, Value: history.Int(int64(index))}
						done := e
						done.Index, done.Type = index+1, history.OK
						j.ops = append(j.ops, history.Operation{Invoke: e, Complete: done})
						index += 2
					}
				}
				j.ops = append(j.ops, history.Operation{
					Invoke:   history.Event{Index: index, Time: s.TimeLimit, Process: index, F: w.Reads[0], Key: "k0.0"},
					Complete: history.Event{Index: index + 1, Time: s.TimeLimit, Type: history.Fail}})
				if err := j.check(t.Context()); err != nil {
					t.Fatal(err)
				}
				want := checker.Valid
				if len(kinds) < 2 {
					want = checker.Unknown // the other kind was never asked for
				}
				if got := j.results.Checks["availability"]; got.Verdict != want {
					t.Errorf("%s (%s), want %s", got.Verdict, got.Reason, want)
				}
			})
		}
	}
}

// TestCheckOfLists judges a recorded run of the append workload and looks at
// its report.
func TestCheckOfLists(t *testing.T) {
	file, err := os.Open("../workloads/append/testdata/invalid-stale-read.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	record, err := history.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := recorded(t, "append", record.Events...)
	if code, out := program(t, "check", dir); code != exitInvalid || !strings.Contains(out, "p2 on n3 read k0.0 -> [1] at 0.006 s, without 2") {
		t.Errorf("exit %d, want %d and the reason:\n%s", code, exitInvalid, out)
	}
	page, err := os.ReadFile(filepath.Join(dir, store.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"without 2, but p1&#39;s append of 2 on n2 was acknowledged at 0.004 s, before the read began.",
		"append 2 -&gt; [1,2]", // the table, and the picture
		"<td>append</td>",      // the kinds
		"2 of at least 10 append operations were ok",
		"render(data)",
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}
