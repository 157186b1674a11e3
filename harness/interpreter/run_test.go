package interpreter

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/node/api"
)

// writer writes numbers to the node that it is bound to.
type writer struct {
	node    string
	timeout time.Duration
	before  func(history.Event) // called before the operation is sent
}

func (w *writer) Node() string { return w.node }

func (w *writer) Invoke(env cluster.Env, op history.Event) history.Event {
	w.before(op)
	_, err := env.Call(op.Node, api.Request{Op: api.Put, Key: op.Key, Value: string(op.Value)}, w.timeout)
	var said *api.Error
	switch {
	case err == nil:
		op.Type = history.OK
	case errors.As(err, &said) && said.Definite:
		op.Type, op.Error = history.Fail, err.Error()
	default:
		op.Type, op.Error = history.Info, err.Error()
	}
	return op
}

// bench is a test of a fake cluster with what came of it.
type bench struct {
	test    Test
	clock   cluster.Start
	mu      sync.Mutex
	events  []history.Event
	faults  []cluster.Fault
	renewed int
}

// newBench makes a test of 10 s with six workers, each ten operations a second.
func newBench(t *testing.T, wrongs cluster.Misdeeds) *bench {
	t.Helper()
	start, err := cluster.Begin()
	if err != nil {
		t.Fatal(err)
	}
	nodes := []string{"n1", "n2", "n3"}
	workers, err := generator.Layout(nodes, 6)
	if err != nil {
		t.Fatal(err)
	}
	pace, err := generator.NewPace(1, len(workers), 60)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{clock: start}
	fake := cluster.NewFake(start, nodes, time.Millisecond, 1, wrongs)
	b.test = Test{
		Workers: workers, Generator: &counting{given: map[int]int64{}}, Pace: pace,
		TimeLimit: 10 * time.Second, Grace: 1500 * time.Millisecond, Now: start.Since,
		Env:   func(int) cluster.Env { return fake.Connect() },
		Renew: func(int) { b.mu.Lock(); b.renewed++; b.mu.Unlock() },
		World: func(ctx context.Context) cluster.World { return cluster.NewMachines(ctx, nil, start) },
		Record: func(events ...history.Event) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, events...)
			return nil
		},
		Fault: func(f cluster.Fault) error { b.faults = append(b.faults, f); return nil },
		Watch: func(history.Event) {},
	}
	for _, w := range workers {
		b.test.Clients = append(b.test.Clients, &writer{node: w.Node, timeout: 5 * time.Second, before: b.recorded(t)})
	}
	return b
}

// recorded fails the test if an operation is sent that is not on record.
func (b *bench) recorded(t *testing.T) func(history.Event) {
	return func(op history.Event) {
		b.mu.Lock()
		defer b.mu.Unlock()
		for i := len(b.events) - 1; i >= 0; i-- {
			if e := b.events[i]; e.Worker == op.Worker && e.Process == op.Process {
				if e.Type != history.Invoke || string(e.Value) != string(op.Value) {
					break
				}
				return
			}
		}
		t.Errorf("operation %s of worker %d is sent before it is on record", op.Value, op.Worker)
	}
}

// outcomes pairs what was recorded and counts it by type.
func (b *bench) outcomes(t *testing.T) (ops []history.Operation, by map[history.Type]int) {
	t.Helper()
	for i, e := range b.events {
		if e.Index != i {
			t.Fatalf("event %d has the index %d", i, e.Index)
		}
	}
	ops, err := history.Pair(b.events)
	if err != nil {
		t.Fatal(err)
	}
	by = map[history.Type]int{}
	for _, op := range ops {
		by[op.Complete.Type]++
		if op.Complete.Index == history.NeverIndex {
			t.Errorf("operation %d has no completion on record", op.Invoke.Index)
		}
		if op.Invoke.Node == "" || op.Complete.Node != op.Invoke.Node {
			t.Errorf("operation %d went to %q and ended at %q", op.Invoke.Index, op.Invoke.Node, op.Complete.Node)
		}
	}
	return ops, by
}

func TestRun(t *testing.T) {
	cases := []struct {
		name       string
		wrongs     cluster.Misdeeds
		fail, info bool
	}{
		{"all is well", cluster.Misdeeds{}, false, false},
		{"some answers are lost", cluster.Misdeeds{LostAcks: 0.05}, false, true},
		{"some are refused", cluster.Misdeeds{Refusals: 0.05}, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, c.wrongs)
				if err := Run(t.Context(), b.test); err != nil {
					t.Fatal(err)
				}
				ops, by := b.outcomes(t)
				if (by[history.Fail] > 0) != c.fail || (by[history.Info] > 0) != c.info {
					t.Errorf("outcomes are %v", by)
				}
				if !c.info && (len(ops) < 540 || len(ops) > 660) {
					t.Errorf("%d operations in 10 s at 60 a second", len(ops))
				}
				if b.renewed != by[history.Info] {
					t.Errorf("%d processes retired, but %d renewed", by[history.Info], b.renewed)
				}
				last := b.events[len(b.events)-1]
				if limit := b.test.TimeLimit + b.test.Grace; last.Time < b.test.TimeLimit-time.Second || last.Time > limit {
					t.Errorf("the last event is at %v", last.Time)
				}
				for _, op := range ops {
					if op.Invoke.Time >= b.test.TimeLimit {
						t.Errorf("operation %d begins at %v", op.Invoke.Index, op.Invoke.Time)
					}
				}
			})
		})
	}
}

func TestOperationsUnderWayAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cluster.Misdeeds{LostAcks: 1})
		for _, c := range b.test.Clients {
			c.(*writer).timeout = 8 * time.Second
		}
		if err := Run(t.Context(), b.test); err != nil {
			t.Fatal(err)
		}
		ops, by := b.outcomes(t)
		last := ops[len(ops)-1].Complete
		if by[history.OK] != 0 || last.Type != history.Info || last.Error != "the run ended first" {
			t.Errorf("outcomes are %v, the last %+v", by, last)
		}
		if end := b.test.TimeLimit + b.test.Grace; last.Time != end {
			t.Errorf("given up at %v, want %v", last.Time, end)
		}
	})
}

func TestCancelEndsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cluster.Misdeeds{LostAcks: 0.1})
		plan := &testPlan{run: func(w cluster.World, f cluster.Faults) error {
			f.Began("kill", "n1")
			if err := w.Sleep(time.Hour); err == nil {
				t.Error("the plan sleeps through the end")
			}
			f.Healed("kill", "n1")
			return nil
		}}
		b.test.Plans = []cluster.Plan{plan}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := Run(ctx, b.test); err != nil {
			t.Fatal(err)
		}
		_, by := b.outcomes(t)
		last := b.events[len(b.events)-1]
		if by[history.OK] == 0 || last.Time > 3*time.Second+b.test.Grace {
			t.Errorf("outcomes are %v, the last event is at %v", by, last.Time)
		}
		if got := phases(b.events); got != "kill n1 began, kill n1 healed" {
			t.Errorf("faults in the history: %s", got)
		}
	})
}

// testPlan is a plan for one test.
type testPlan struct {
	run func(cluster.World, cluster.Faults) error
}

func (p *testPlan) Kind() string                                     { return "kill" }
func (p *testPlan) Run(w cluster.World, faults cluster.Faults) error { return p.run(w, faults) }

// phases says which faults a history tells of.
func phases(events []history.Event) string {
	var all []string
	for _, e := range events {
		if what, begun, ok := history.Fault(e); ok {
			all = append(all, e.F+" "+what+map[bool]string{true: " began", false: " healed"}[begun])
		}
	}
	return strings.Join(all, ", ")
}

func TestPlans(t *testing.T) {
	broken := errors.New("the chain is not empty")
	cases := []struct {
		name string
		end  error
	}{{"healed", nil}, {"not healed", broken}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, cluster.Misdeeds{})
				b.test.Plans = []cluster.Plan{&testPlan{run: func(w cluster.World, f cluster.Faults) error {
					for range 2 {
						if err := w.Sleep(2 * time.Second); err != nil {
							return err
						}
						f.Began("kill", "n2")
						f.Healed("kill", "n2")
						f.Record(cluster.Fault{Nemesis: "kill", At: w.Now(), Evident: true})
					}
					return c.end
				}}}
				if err := Run(t.Context(), b.test); !errors.Is(err, c.end) {
					t.Errorf("the run ends with %v", err)
				}
				b.outcomes(t)
				if got := phases(b.events); got != "kill n2 began, kill n2 healed, kill n2 began, kill n2 healed" {
					t.Errorf("faults in the history: %s", got)
				}
				if len(b.faults) != 2 || b.faults[1].At != 4*time.Second {
					t.Errorf("faults are %+v", b.faults)
				}
			})
		})
	}
}

func TestTheRunWaitsForPlansToHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cluster.Misdeeds{})
		b.test.Plans = []cluster.Plan{&testPlan{run: func(w cluster.World, f cluster.Faults) error {
			f.Began("kill", "n1")
			if w.Sleep(time.Hour) == nil {
				t.Error("the plan sleeps through the end")
			}
			time.Sleep(7 * time.Second)
			f.Healed("kill", "n1")
			return nil
		}}}
		if err := Run(t.Context(), b.test); err != nil {
			t.Fatal(err)
		}
		if last := b.events[len(b.events)-1]; last.Time != 17*time.Second || last.F != "kill" {
			t.Errorf("the last event is %+v", last)
		}
	})
}

func TestAFullDiskEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cluster.Misdeeds{})
		full, record := errors.New("no space left"), b.test.Record
		b.test.Record = func(events ...history.Event) error {
			if len(b.events) >= 50 {
				return full
			}
			return record(events...)
		}
		err := Run(t.Context(), b.test)
		if !errors.Is(err, full) || strings.Count(err.Error(), full.Error()) != 1 {
			t.Errorf("the run ends with %v", err)
		}
		if now := b.clock.Since(); now > 5*time.Second {
			t.Errorf("the run ends at %v", now)
		}
	})
}

func TestALateHarnessSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, cluster.Misdeeds{})
		record, stalled := b.test.Record, false
		b.test.Record = func(events ...history.Event) error {
			if b.clock.Since() > 4*time.Second && !stalled {
				stalled = true
				time.Sleep(3 * time.Second)
			}
			return record(events...)
		}
		if err := Run(t.Context(), b.test); err != nil {
			t.Fatal(err)
		}
		var lags []history.Event
		for _, e := range b.events {
			if e.F == history.LagF {
				lags = append(lags, e)
			}
		}
		if len(lags) != 1 {
			t.Fatalf("lags are %v", lags)
		}
		if ns, err := history.ParseInt(lags[0].Value); err != nil || time.Duration(ns) < 2*time.Second || time.Duration(ns) > 3*time.Second {
			t.Errorf("a stall of 3 s is recorded as %s", lags[0].Value)
		}
	})
}
