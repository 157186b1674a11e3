package store

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"partita/harness/trace"
)

func TestWhatASimulatorLeavesComesBack(t *testing.T) {
	r := create(t, t.TempDir(), 5)
	defer r.Close()
	if s, err := r.ReadSimulation(); s != nil || err != nil {
		t.Errorf("a run without sim.json gives %+v, %v", s, err)
	}
	if steps, err := r.ReadTrace(); len(steps) > 0 || err != nil {
		t.Errorf("a run without trace.jsonl gives %+v, %v", steps, err)
	}
	for name, want := range map[string]Simulation{
		"sound":  {Steps: 9, Seconds: 1.5, HistorySHA256: "ab", Coverage: map[string]int{"elections": 3, "torn tails": 0}},
		"broken": {Steps: 7, Violation: &Violation{Name: "election safety", Nodes: []string{"n1", "n3"}, Step: 7, Text: "n1 and n3 lead in term 4"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := r.WriteSimulation(want); err != nil {
				t.Fatal(err)
			}
			if got, err := r.ReadSimulation(); err != nil || !reflect.DeepEqual(*got, want) {
				t.Errorf("read %+v, %v; wrote %+v", got, err, want)
			}
		})
	}
	steps := []trace.Step{{Number: 1, At: time.Second, Kind: trace.Crash, Node: "n1", Text: "<killed>"}}
	if err := r.WriteTrace(steps); err != nil {
		t.Fatal(err)
	}
	if got, err := r.ReadTrace(); err != nil || !reflect.DeepEqual(got, steps) {
		t.Errorf("read %+v, %v; wrote %+v", got, err, steps)
	}
}

func TestWhatASimulatorLeftInPiecesIsNamed(t *testing.T) {
	r := create(t, t.TempDir(), 5)
	defer r.Close()
	for _, name := range []string{SimulationFile, TraceFile} {
		if err := os.WriteFile(r.Path(name), []byte("{}\nnons"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.ReadSimulation(); err == nil || !strings.Contains(err.Error(), SimulationFile) {
		t.Errorf("got %v, want %s named", err, SimulationFile)
	}
	if steps, err := r.ReadTrace(); len(steps) != 1 || err == nil || !strings.Contains(err.Error(), TraceFile+": trace: line 2") {
		t.Errorf("got %+v, %v, want the line named and the one before it", steps, err)
	}
}

func TestAViolationInWords(t *testing.T) {
	v := Violation{Name: "election safety", Step: 5123, Text: "n1 and n3 lead in term 4"}
	if got, want := v.String(), "election safety: n1 and n3 lead in term 4 (step 5123)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
