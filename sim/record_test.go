package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"partita/harness/checker"
	"partita/harness/store"
	"partita/harness/trace"
	"partita/sim/explore"
)

// TestJudged: the account of a history ends with what the checker says, after
// the operations that it speaks of.
func TestJudged(t *testing.T) {
	steps := []trace.Step{{Number: 1, At: -1}, {Number: 2, At: 5}, {Number: 3, At: 5}, {Number: 4, At: 6}}
	for name, c := range map[string]struct {
		verdict explore.Verdict
		want    int // steps before the violation
	}{
		"nothing wrong": {explore.Verdict{}, 4},
		"no order":      {explore.Verdict{Check: "linearizable", Reason: "key k", Failure: &checker.Failure{To: 5}}, 3},
		"no answer":     {explore.Verdict{Check: "availability", Reason: "no ok read"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			got := judged(steps[:len(steps):len(steps)], c.verdict)
			if c.verdict.Check == "" {
				if len(got) != c.want {
					t.Errorf("%d steps", len(got))
				}
				return
			}
			last := got[len(got)-1]
			if len(got) != c.want+1 || last.Kind != trace.Violation || last.Number != c.want+1 || last.Text != c.verdict.Check+": "+c.verdict.Reason {
				t.Errorf("%d steps, the last %+v", len(got), last)
			}
		})
	}
	if got := judged(nil, explore.Verdict{Check: "availability"}); len(got) != 0 {
		t.Errorf("nothing happened, and %v is told", got)
	}
}

// TestAccount tells a small run: what was there before it, who asked and what
// became of it, a fault and what the agent did for it.
func TestAccount(t *testing.T) {
	folder := &store.Run{Dir: t.TempDir()}
	scenario := `
name: account
nodes: 3
node: {election-timeout: 200ms, election-jitter: 50ms}
workload:
  concurrency: 2n
  script:
    - {at: 100ms, f: write, key: k1, value: 7}
    - {at: 900ms, worker: 1, f: read, key: k1}
nemesis:
  - kill: {schedule: [{at: 200ms, for: 500ms, targets: leader, nodes: [n1, n2, n3]}]}
time-limit: 2s
seed: 5
`
	if err := os.WriteFile(filepath.Join(folder.Dir, store.ScenarioFile), []byte(scenario), 0o644); err != nil {
		t.Fatal(err)
	}
	here(t, 0, "run", folder.Dir, "--account")
	steps, err := folder.ReadTrace()
	if err != nil {
		t.Fatal(err)
	}
	var told bytes.Buffer
	if err := trace.Tell(&told, steps); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"with an empty disk", "leader in term 1: election won", "client 0 asks: write k1 7", "(put k1 7) after (1, term 1)",
		"client 0 gets: write k1 7", "kill begins: leader", "its agent kills the node", "the node ends: killed",
		"kill ends: leader", "its agent starts the node", "and finds on its disk term 1 with a vote for", "client 1 gets: read k1 7",
	} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("it is not told: %q", want)
		}
	}
	if first := steps[0].At; first >= 0 || first < -2*time.Second {
		t.Errorf("the machines were switched on at %v of the run", first)
	}
	for i := 1; i < len(steps); i++ {
		if steps[i].At < steps[i-1].At || steps[i].Number != i+1 {
			t.Fatalf("step %d: %+v after %+v", i, steps[i], steps[i-1])
		}
	}
	if t.Failed() {
		t.Logf("told is\n%s", &told)
	}
}
