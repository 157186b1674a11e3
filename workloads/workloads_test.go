package workloads

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"partita/harness/checker"
	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/harness/interpreter"
)

// play runs a workload for ten simulated seconds on a fake cluster.
func play(t *testing.T, w Workload, wrongs cluster.Misdeeds) []history.Operation {
	t.Helper()
	var events []history.Event
	synctest.Test(t, func(t *testing.T) {
		start, err := cluster.Begin()
		if err != nil {
			t.Fatal(err)
		}
		nodes := []string{"n1", "n2", "n3"}
		workers, err := generator.Layout(nodes, 9)
		if err != nil {
			t.Fatal(err)
		}
		pace, err := generator.NewPace(1, len(workers), 400)
		if err != nil {
			t.Fatal(err)
		}
		fake := cluster.NewFake(start, nodes, 5*time.Millisecond, 1, wrongs)
		test := interpreter.Test{
			Workers: workers, Pace: pace,
			Generator: w.Generator(generator.Config{Seed: 1, Workers: workers, Keys: 4}),
			Env:       func(int) cluster.Env { return fake.Connect() },
			Renew:     func(int) {},
			World:     func(ctx context.Context) cluster.World { return cluster.NewMachines(ctx, nil, start) },
			TimeLimit: 10 * time.Second, Grace: 1500 * time.Millisecond, Now: start.Since,
			Record: func(e ...history.Event) error { events = append(events, e...); return nil },
			Fault:  func(cluster.Fault) error { return nil },
			Watch:  func(history.Event) {},
		}
		for _, worker := range workers {
			test.Clients = append(test.Clients, w.Client(worker, nodes))
		}
		if err := interpreter.Run(t.Context(), test); err != nil {
			t.Fatal(err)
		}
	})
	ops, err := history.Pair(events)
	if err != nil {
		t.Fatal(err)
	}
	return ops
}

func TestWorkloadsJudgeAFakeCluster(t *testing.T) {
	cases := []struct {
		name   string
		wrongs cluster.Misdeeds
		want   checker.Verdict
	}{
		{"faithful", cluster.Misdeeds{}, checker.Valid},
		{"faithful, though answers are lost and requests refused", cluster.Misdeeds{LostAcks: 0.005, Refusals: 0.02}, checker.Valid},
		{"stale reads", cluster.Misdeeds{StaleReads: 0.02}, checker.Invalid},
		{"lost writes", cluster.Misdeeds{LostWrites: 0.02}, checker.Invalid},
	}
	for _, w := range All() {
		for _, c := range cases {
			t.Run(w.Name+" "+c.name, func(t *testing.T) {
				ops := play(t, w, c.wrongs)
				kinds := map[string]int{}
				for _, op := range ops {
					if op.Complete.Type == history.OK {
						kinds[op.Invoke.F]++
					}
				}
				for _, f := range w.Operations {
					if kinds[f] < 100 {
						t.Errorf("%d ok operations of %s", kinds[f], f)
					}
				}
				checks, _ := checker.Judge(t.Context(), checker.Run{
					Operations: ops, Model: w.Model, ExactlyOnce: w.ExactlyOnce, Options: checker.Options{Explain: -1},
				})
				if got := checks["linearizable"]; got.Verdict != c.want {
					t.Errorf("the verdict on %d operations is %s (%s), want %s", len(ops), got.Verdict, got.Reason, c.want)
				}
				once, made := checks["exactly-once"]
				if made != w.ExactlyOnce || made && c.want == checker.Valid && once.Verdict != checker.Valid {
					t.Errorf("exactly once: %s (%s)", once.Verdict, once.Reason)
				}
			})
		}
	}
}

// TestDuplicatesAreFound: a command that is executed twice is told of by the
// number that it was sent under.
func TestDuplicatesAreFound(t *testing.T) {
	w, err := Find("session")
	if err != nil {
		t.Fatal(err)
	}
	ops := play(t, w, cluster.Misdeeds{LostAcks: 0.005, Duplicates: 0.02})
	got := checker.ExactlyOnce(ops, w.Model)
	if got.Verdict != checker.Invalid || !strings.Contains(got.Reason, "of session ") || len(got.Failing) == 0 {
		t.Errorf("%s: %s", got.Verdict, got.Reason)
	}
	if c := got.Sessions; c.Opened < 10 || c.Resent < 100 || c.Duplicates < 100 || c.Stale < 10 {
		t.Errorf("counted %+v", *c)
	}
}

func TestFind(t *testing.T) {
	var names []string
	for _, w := range All() {
		found, err := Find(w.Name)
		if err != nil || found.Name != w.Name {
			t.Errorf("%s is not found: %v", w.Name, err)
		}
		names = append(names, w.Name)
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(names))); len(sorted) != len(names) {
		t.Errorf("names repeat: %v", names)
	}
	if _, err := Find("regster"); err == nil || !strings.Contains(err.Error(), strings.Join(names, ", ")) {
		t.Errorf("a name that is none gives %v", err)
	}
}
