package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"partita/harness/catalogue"
	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/harness/store"
	"partita/harness/trace"
	"partita/nemesis"
	"partita/nemesis/wire"
	"partita/node/api"
)

// program runs the command line and gives exit status and both outputs.
func program(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(context.Background(), args, &out, &out)
	return code, out.String()
}

func TestBadInputIsUsage(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	results := filepath.Join(dir, "results")
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no verb's arguments":  {[]string{"run"}, "accepts 1 arg"},
		"unknown verb":         {[]string{"dance"}, "unknown command"},
		"unknown flag":         {[]string{"run", "partition", "--sead", "1"}, "unknown flag"},
		"unknown scenario":     {[]string{"run", "partitoin", "--results", results}, `did you mean "partition"?`},
		"unknown cluster":      {[]string{"run", "partition", "--cluster", "moon", "--results", results}, "allowed are docker and sim"},
		"unknown key":          {[]string{"run", file("key.yaml", "nodes: 3\nspeed: 7\n"), "--results", results}, "key.yaml:2"},
		"wrong type":           {[]string{"run", file("type.yaml", "nodes: many\n"), "--results", results}, "type.yaml:1"},
		"impossible value":     {[]string{"run", file("value.yaml", "name: x\nnodes: 12\n"), "--results", results}, "value.yaml:2"},
		"unknown shape":        {[]string{"run", file("shape.yaml", "nemesis:\n  - partition: {shapes: [rings]}\n"), "--results", results}, "shape.yaml:2"},
		"impossible override":  {[]string{"run", "partition", "--nodes", "10", "--results", results}, "--nodes 10"},
		"nonsense after --set": {[]string{"run", "partition", "--set", "nonsense", "--results", results}, "nonsense"},
		"no faults for Docker": {[]string{"run", "partition", "--set", "nemesis=[kill: {}, power: {}]", "--results", results}, "nemesis.power: only the simulator can inject it yet: run it with --cluster sim"},
		"check of no run":      {[]string{"check", dir}, "not the folder of a run"},
		"unknown bug to run":   {[]string{"run", "partition", "--bug", "gremlin", "--results", results}, `no bug "gremlin"`},
		"no bug to run":        {[]string{"run", "partition", "--bug", "", "--results", results}, `no bug ""`},
		"unknown bug":          {[]string{"bugs", "--bugs", "gremlin"}, `no bug "gremlin"`},
		"mutants of nothing":   {[]string{"mutate", "--file", "q.go", "--results", results}, "has no such file"},
		"mutants nowhere":      {[]string{"mutate", "--package", "raft/attic", "--results", results}, "nothing to change"},
		"nobody to mutate":     {[]string{"mutate", "--workers", "0", "--results", results}, "--workers 0"},
		"bug without scenario": {[]string{"bugs", "--bugs", "oldterm-commit"}, "for the simulator alone"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := program(t, tc.args...)
			if code != exitUsage || !strings.Contains(out, tc.want) {
				t.Errorf("exit %d with %q, want %d with %q", code, out, exitUsage, tc.want)
			}
			if _, err := os.Stat(results); err == nil {
				t.Error("a results folder was made")
			}
		})
	}
}

// recorded writes the folder of a run of a scenario whose clients saw these
// events.
func recorded(t *testing.T, name string, events ...history.Event) string {
	t.Helper()
	return recordedOf(t, name, nil, events...)
}

// recordedOf writes the folder of such a run with these settings.
func recordedOf(t *testing.T, name string, settings []scenario.Override, events ...history.Event) string {
	t.Helper()
	r, err := store.Create(t.TempDir(), name, 7, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := scenario.Load(name, append(settings, scenario.Override{Flag: "--seed 7", Path: "seed", Value: "7"})...)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	if err := history.NewWriter(&lines).Append(events...); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{store.ScenarioFile: text, store.HistoryFile: lines.Bytes()} {
		if err := r.WriteFile(name, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.WriteResults(store.Results{Verdict: checker.Unknown, Reason: store.NotFinished, Scenario: name, Seed: 7}); err != nil {
		t.Fatal(err)
	}
	return r.Dir
}

func event(index, process int, kind history.Type, f, value string) history.Event {
	e := history.Event{Index: index, Time: time.Duration(index) * time.Millisecond, Worker: process, Process: process, Type: kind, F: f, Key: "k0.0", Node: "n1"}
	if value != "" {
		e.Value = json.RawMessage(value)
	}
	return e
}

// TestCheckOfKilledRuns: a history without an end is judged as far as it goes.
// A violation in it is one; the absence of one proves nothing.
func TestCheckOfKilledRuns(t *testing.T) {
	written := []history.Event{event(0, 0, history.Invoke, "write", "1"), event(1, 0, history.OK, "write", "1"), event(2, 1, history.Invoke, "read", "")}
	for name, tc := range map[string]struct {
		last history.Event
		want int
	}{
		"stale read":      {event(3, 1, history.OK, "read", "null"), exitInvalid},
		"nothing amiss":   {event(3, 1, history.OK, "read", "1"), exitUnknown},
		"read of nowhere": {event(3, 1, history.OK, "read", "9"), exitInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			dir := recorded(t, "partition", append(written[:3:3], tc.last)...)
			code, out := program(t, "check", dir)
			if code != tc.want {
				t.Errorf("exit %d, want %d:\n%s", code, tc.want, out)
			}
			page, err := os.ReadFile(filepath.Join(dir, store.ReportFile))
			if err != nil || tc.want == exitInvalid && !strings.Contains(string(page), "k0.0") {
				t.Errorf("the report does not name the key (%v)", err)
			}
		})
	}
}

// TestCheckOfASimulatedRun: a rule that was broken inside makes a run invalid
// whatever its clients saw, and the report tells it message by message.
func TestCheckOfASimulatedRun(t *testing.T) {
	violation := store.Violation{Name: "election safety", Nodes: []string{"n1", "n3"}, Step: 5123, Text: "n1 and n3 lead in term 4"}
	const reason = "election safety: n1 and n3 lead in term 4 (step 5123)"
	for name, tc := range map[string]struct {
		violation *store.Violation
		want      checker.Result
		code      int
	}{
		"a rule was broken": {&violation, checker.Result{Verdict: checker.Invalid, Reason: reason}, exitInvalid},
		"none was":          {nil, checker.Result{Verdict: checker.Valid}, exitUnknown}, // the run was killed
	} {
		t.Run(name, func(t *testing.T) {
			dir := recorded(t, "partition", event(0, 0, history.Invoke, "write", "1"), event(1, 0, history.OK, "write", "1"))
			run, err := store.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			steps := []trace.Step{{Number: 5122, Kind: trace.Change, Node: "n3", Text: "leader of term 4"}}
			err = errors.Join(run.WriteSimulation(store.Simulation{Steps: 5123, HistorySHA256: "ab01", Violation: tc.violation}), run.WriteTrace(steps), run.Close())
			if err != nil {
				t.Fatal(err)
			}
			if code, out := program(t, "check", dir); code != tc.code {
				t.Errorf("exit %d, want %d:\n%s", code, tc.code, out)
			}
			run, err = store.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer run.Close()
			results, err := run.ReadResults()
			if got := results.Checks["invariants"]; err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("the check is %+v (%v), want %+v", got, err, tc.want)
			}
			if tc.violation != nil && results.Reason != "invariants: "+reason {
				t.Errorf("the run's reason is %q", results.Reason)
			}
			page, err := os.ReadFile(filepath.Join(dir, store.ReportFile))
			for _, want := range []string{"Message by message", "leader of term 4", "Inside the cluster", "ab01"} {
				if !strings.Contains(string(page), want) {
					t.Errorf("the report lacks %q (%v)", want, err)
				}
			}
		})
	}
}

// TestCheckOfAFailedDisk: the folder alone tells that a node had to end.
func TestCheckOfAFailedDisk(t *testing.T) {
	const start = int64(5_000_000_000)
	for name, tc := range map[string]struct {
		node string
		want checker.Verdict
	}{
		"its own disk":     {"n2", checker.Valid},
		"that of another":  {"n3", checker.Invalid},
		"a disk of nobody": {"", checker.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			dir := recordedOf(t, "partition", []scenario.Override{{Flag: "--set", Path: "nemesis", Value: "[disk: {}]"}},
				event(0, 0, history.Invoke, "write", "1"), event(1, 0, history.OK, "write", "1"))
			r, err := store.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			results, err := r.ReadResults()
			if err != nil {
				t.Fatal(err)
			}
			results.MonotonicStartNS = start
			faults, err := r.AppendLines(store.FaultsFile)
			if err != nil {
				t.Fatal(err)
			}
			fault := cluster.Fault{Nemesis: nemesis.Disk, Shape: nemesis.FailSync, Nodes: []string{tc.node}, At: 3 * time.Second, Healed: 6 * time.Second}
			exit := wire.Exit{At: start + int64(5*time.Second), Code: api.ExitStorage}
			if err := errors.Join(r.WriteResults(results), faults.Append(fault), faults.Close(),
				r.WriteNode(wire.State{Node: "n2", Exits: []wire.Exit{exit}}, nil)); err != nil {
				t.Fatal(err)
			}
			j, err := judgeFolder(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			if got := j.results.Checks["crashes"]; got.Verdict != tc.want {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestListNemeses(t *testing.T) {
	code, out := program(t, "list", "nemeses")
	for _, k := range nemesis.Kinds() {
		i := strings.Index(out, k.Name+" ")
		if line, _, _ := strings.Cut(out[max(i, 0):], "\n"); i < 0 || strings.Contains(line, "--cluster sim") != k.Simulated {
			t.Errorf("exit %d, of %s: %q", code, k.Name, line)
		}
	}
}

func TestCaughtBy(t *testing.T) {
	bug := catalogue.Bug{Check: "linearizable", Invariant: "leader completeness"}
	invalid := func(reason string) checker.Result { return checker.Result{Verdict: checker.Invalid, Reason: reason} }
	for name, tc := range map[string]struct {
		checks map[string]checker.Result
		want   bool
	}{
		"the named check":       {map[string]checker.Result{"linearizable": invalid("x")}, true},
		"the named invariant":   {map[string]checker.Result{"crashes": invalid("n1: panic: leader completeness: 5")}, true},
		"another check":         {map[string]checker.Result{"availability": invalid("x")}, false},
		"a crash of its own":    {map[string]checker.Result{"crashes": invalid("n1: panic: nil map")}, false},
		"the check is unknown":  {map[string]checker.Result{"linearizable": {Verdict: checker.Unknown}}, false},
		"nothing was even seen": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, how := caughtBy(bug, store.Results{Checks: tc.checks}); got != tc.want {
				t.Errorf("caught %v (%s), want %v", got, how, tc.want)
			}
		})
	}
}

// TestOnDocker: without names, those bugs that a scenario has to catch, and
// no others.
func TestOnDocker(t *testing.T) {
	docker, alone := catalogue.Bug{Slug: "a", Scenario: "partition"}, catalogue.Bug{Slug: "b", Simulated: []string{"panic"}}
	for name, tc := range map[string]struct{ slugs, want, refusal string }{
		"all":             {"", "a", ""},
		"one":             {"a", "a", ""},
		"simulated alone": {"a,b", "", "b: it is for the simulator alone"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := chosen([]catalogue.Bug{docker, alone}, tc.slugs, catalogue.Bug.OnDocker)
			if tc.refusal != "" {
				if err == nil || !strings.Contains(err.Error(), tc.refusal) {
					t.Errorf("got error %v, want one with %q", err, tc.refusal)
				}
				return
			}
			if err != nil || len(got) != 1 || got[0].Slug != tc.want {
				t.Errorf("got %v (%v), want %s alone", got, err, tc.want)
			}
		})
	}
}

func TestAgainRepeatsEveryFlag(t *testing.T) {
	f := runFlags{scenario: "mine.yaml", bug: "local-read", nodes: 3, timeLimit: time.Minute, set: []string{"nemesis.partition.shapes=[one, ring]"}}
	got := f.again(&scenario.Scenario{Seed: 42})
	want := "bin/harness run mine.yaml --seed 42 --bug local-read --time-limit 1m0s --nodes 3 --set 'nemesis.partition.shapes=[one, ring]'"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLiveLine(t *testing.T) {
	l := &live{limit: time.Minute, counts: map[history.Type]int{}}
	for i := range 50 {
		l.watch(event(i, 1, history.OK, "read", "1"))
	}
	l.watch(history.Began("partition", "ring"))
	line := l.line(10*time.Second, map[history.Type]int{}, 10*time.Second, "n2")
	for _, want := range []string{"10 s of 60", "ok 5/s", "leader n2", "partition ring"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q lacks %q", line, want)
		}
	}
	l.watch(history.Healed("partition", "ring"))
	if line := l.line(0, map[history.Type]int{}, time.Second, "none"); !strings.Contains(line, "no fault") {
		t.Errorf("after the heal: %q", line)
	}
}

// TestCheckTakesAVerdictBack: a record damaged since it was judged leaves no
// old verdict behind.
func TestCheckTakesAVerdictBack(t *testing.T) {
	dir := recorded(t, "partition", event(0, 0, history.Invoke, "write", "1"), event(1, 0, history.OK, "write", "1"))
	if err := os.WriteFile(filepath.Join(dir, store.HistoryFile), []byte("{}\nnonsense\n{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := []byte(`{"verdict":"valid","scenario":"partition","seed":7}`)
	if err := os.WriteFile(filepath.Join(dir, store.ResultsFile), text, 0o644); err != nil {
		t.Fatal(err)
	}
	code, out := program(t, "check", dir)
	if code != exitBroke || !strings.Contains(out, "line 1") {
		t.Errorf("exit %d, want %d and the line:\n%s", code, exitBroke, out)
	}
	var after store.Results
	if text, err := os.ReadFile(filepath.Join(dir, store.ResultsFile)); err != nil || json.Unmarshal(text, &after) != nil || after.Verdict != checker.Unknown {
		t.Errorf("results.json says %q (%v), want unknown", after.Verdict, err)
	}
}
