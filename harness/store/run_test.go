package store

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/nemesis/wire"
)

func create(t *testing.T, results string, at int) *Run {
	t.Helper()
	r, err := Create(results, "partition", 42, time.Date(2026, 1, 2, 3, 4, at, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRunFolder(t *testing.T) {
	results := t.TempDir()
	r := create(t, results, 5)
	want := Results{Verdict: checker.Unknown, Reason: NotFinished, Seed: 42, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	if err := r.WriteResults(want); err != nil {
		t.Fatal(err)
	}
	got, err := r.ReadResults()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v; wrote %+v", got, err, want)
	}
	if base := filepath.Base(r.Dir); base != "20260102T030405.000Z-42" {
		t.Errorf("the folder is %q", base)
	}

	if _, err := Open(filepath.Join(results, "latest")); !errors.Is(err, ErrLive) {
		t.Errorf("a live run was opened: %v", err)
	}
	list, err := List(results)
	if err != nil || len(list) != 1 || !list[0].Live {
		t.Errorf("list of one live run: %+v, %v", list, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(filepath.Join(results, "latest"))
	if err != nil || again.Dir != r.Dir {
		t.Fatalf("open latest: %v, %v", again, err)
	}
	again.Close()

	next := create(t, results, 6)
	defer next.Close()
	if to, err := filepath.EvalSymlinks(filepath.Join(results, "latest")); err != nil || to != next.Dir {
		t.Errorf("latest is %s (%v), want %s", to, err, next.Dir)
	}
	if leftover, _ := filepath.Glob(filepath.Join(results, ".latest*")); len(leftover) > 0 {
		t.Errorf("left behind: %v", leftover)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ dir, want string }{
		"nothing there": {filepath.Join(t.TempDir(), "x"), "harness list"},
		"no run":        {t.TempDir(), "has no results.json"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(tc.dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestFaultsAndNodesComeBack(t *testing.T) {
	r := create(t, t.TempDir(), 5)
	defer r.Close()
	lines, err := r.AppendLines(FaultsFile)
	if err != nil {
		t.Fatal(err)
	}
	fault := cluster.Fault{Nemesis: "partition", Shape: "ring", Targets: "all", Nodes: []string{"n1"}, At: 3, Healed: 7, Evident: true}
	if err := errors.Join(lines.Append(fault), lines.Append(fault), lines.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(r.Path(FaultsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"nemesis":"par`)
	f.Close()
	faults, err := r.ReadFaults()
	if err != nil || len(faults) != 2 || !reflect.DeepEqual(faults[0], fault) {
		t.Errorf("read %+v, %v", faults, err)
	}

	state := wire.State{Node: "n2", Boots: 3, Exits: []wire.Exit{{Code: -1, Signal: "killed"}}}
	if err := r.WriteNode(state, []byte(`{"at":5,"line":"hello"}`+"\n")); err != nil {
		t.Fatal(err)
	}
	states, logs, err := r.ReadNodes()
	if err != nil || len(states) != 1 || !reflect.DeepEqual(states[0], state) || len(logs["n2"]) != 1 || logs["n2"][0].Line != "hello" {
		t.Errorf("read %+v %+v, %v", states, logs, err)
	}
}

// TestReadNodesGivesTheOthers: what one node left in pieces does not hide the rest.
func TestReadNodesGivesTheOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		file, text string // of n2; no text: removed
		wantErr    string // empty: n2 is just missing
	}{
		"no log":           {nodeLogFile, "", ""},
		"no state":         {nodeStates, "", ""},
		"half a state":     {nodeStates, `{"node":"n`, "n2/agent.json"},
		"another's state":  {nodeStates, `{"node":"n7"}`, `the state of node "n7"`},
		"a line of no log": {nodeLogFile, "what\n", "node.jsonl:1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := create(t, t.TempDir(), 5)
			defer r.Close()
			for _, node := range []string{"n1", "n2", "n3"} {
				if err := r.WriteNode(wire.State{Node: node}, nil); err != nil {
					t.Fatal(err)
				}
			}
			path := r.Path(nodesDir, "n2", tc.file)
			damaged := os.Remove(path)
			if tc.text != "" {
				damaged = os.WriteFile(path, []byte(tc.text), 0o644)
			}
			if damaged != nil {
				t.Fatal(damaged)
			}
			states, logs, err := r.ReadNodes()
			if len(states) != 2 || states[0].Node != "n1" || states[1].Node != "n3" || len(logs) != 2 {
				t.Errorf("read %+v %+v", states, logs)
			}
			if (err != nil) != (tc.wantErr != "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("error %v, want %q", err, tc.wantErr)
			}
		})
	}
}

func TestCorruptLineIsNamed(t *testing.T) {
	r := create(t, t.TempDir(), 5)
	defer r.Close()
	if err := os.WriteFile(r.Path(FaultsFile), []byte("{}\nnonsense\n{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadFaults(); err == nil || !strings.Contains(err.Error(), "faults.jsonl:2") {
		t.Errorf("got %v, want the line named", err)
	}
}
