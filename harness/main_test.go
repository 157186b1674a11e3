package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"partita/harness/catalogue"
	"partita/harness/checker"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/harness/store"
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
		"unknown cluster":      {[]string{"run", "partition", "--cluster", "moon", "--results", results}, "allowed is docker"},
		"unknown key":          {[]string{"run", file("key.yaml", "nodes: 3\nspeed: 7\n"), "--results", results}, "key.yaml:2"},
		"wrong type":           {[]string{"run", file("type.yaml", "nodes: many\n"), "--results", results}, "type.yaml:1"},
		"impossible value":     {[]string{"run", file("value.yaml", "name: x\nnodes: 12\n"), "--results", results}, "value.yaml:2"},
		"unknown shape":        {[]string{"run", file("shape.yaml", "nemesis:\n  - partition: {shapes: [rings]}\n"), "--results", results}, "shape.yaml:2"},
		"impossible override":  {[]string{"run", "partition", "--nodes", "10", "--results", results}, "--nodes 10"},
		"nonsense after --set": {[]string{"run", "partition", "--set", "nonsense", "--results", results}, "nonsense"},
		"check of no run":      {[]string{"check", dir}, "not the folder of a run"},
		"unknown bug to run":   {[]string{"run", "partition", "--bug", "gremlin", "--results", results}, `no bug "gremlin"`},
		"no bug to run":        {[]string{"run", "partition", "--bug", "", "--results", results}, `no bug ""`},
		"unknown bug":          {[]string{"bugs", "--bugs", "gremlin"}, `no bug "gremlin"`},
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

// recorded writes the folder of a run whose clients saw these events.
func recorded(t *testing.T, events ...history.Event) string {
	t.Helper()
	r, err := store.Create(t.TempDir(), "partition", 7, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := scenario.Load("partition", scenario.Override{Flag: "--seed 7", Path: "seed", Value: "7"})
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
	if err := r.WriteResults(store.Results{Verdict: checker.Unknown, Reason: store.NotFinished, Scenario: "partition", Seed: 7}); err != nil {
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
			dir := recorded(t, append(written[:3:3], tc.last)...)
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
			got, err := onDocker([]catalogue.Bug{docker, alone}, tc.slugs)
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
	dir := recorded(t, event(0, 0, history.Invoke, "write", "1"), event(1, 0, history.OK, "write", "1"))
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
