package explore

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"partita/harness/history"
	"partita/harness/scenario"
	"partita/nemesis/wire"
	"partita/sim/invariant"
	"partita/sim/play"
)

// TestMain fails if a search leaves a goroutine, or a run a coroutine.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestDrawnSeedsRepeat: a seed has one history, with little memory and with one
// processor too, and no rule of the unbroken build is broken by it.
func TestDrawnSeedsRepeat(t *testing.T) {
	run := func(seed int64) (Verdict, play.Outcome) {
		s, _ := draw(t, seed, sets(t, "time-limit=12s"))
		setup, err := play.FromScenario(s)
		if err != nil {
			t.Fatal(err)
		}
		setup.Hash = true
		o, err := play.Run(setup)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Judge(context.Background(), s, o)
		if err != nil {
			t.Fatal(err)
		}
		return v, o
	}
	for seed := int64(40); seed < 52; seed++ {
		v, first := run(seed)
		gc, procs := debug.SetGCPercent(10), runtime.GOMAXPROCS(1)
		_, second := run(seed)
		debug.SetGCPercent(gc)
		runtime.GOMAXPROCS(procs)
		if first.SHA256 != second.SHA256 || first.Steps != second.Steps || !reflect.DeepEqual(first.Faults, second.Faults) {
			t.Errorf("seed %d has two histories", seed)
		}
		if v.Check != "" {
			t.Errorf("seed %d: %s: %s", seed, v.Check, v.Reason)
		}
	}
}

// TestJudge names the check that fails.
func TestJudge(t *testing.T) {
	cases := []struct {
		name    string
		breakIt func(*play.Outcome)
		want    string
		says    string
	}{
		{"nothing", func(*play.Outcome) {}, "", ""},
		{"a rule", func(o *play.Outcome) {
			o.Violation = &invariant.Violation{Name: invariant.LogMatching, Nodes: []string{"n1"}, Step: 7, Text: "by hand"}
		}, "log matching", "by hand (step 7)"},
		{"a node that ended by itself", func(o *play.Outcome) {
			s := &o.States[1]
			s.Exits = append(s.Exits, wire.Exit{At: s.Now, PID: s.PID, Code: 2})
		}, "crashes", "n2"},
		{"a read of what was never written", func(o *play.Outcome) {
			for i, e := range o.Events {
				if e.Type == history.OK && e.F == "read" && !history.IsNull(e.Value) {
					o.Events[i].Value = history.Int(987654321)
					return
				}
			}
		}, "linearizable", "987654321"},
		{"a node that is never back", func(o *play.Outcome) {
			asked := map[int]history.Event{} // by process
			for i, e := range o.Events {
				switch {
				case e.Type == history.Invoke:
					asked[e.Process] = e
				case e.Type == history.OK && e.Node == "n3" && e.F == "read":
					failed := asked[e.Process]
					failed.Index, failed.Time, failed.Type, failed.Error = e.Index, e.Time, history.Fail, "unreachable"
					o.Events[i] = failed
				}
			}
		}, "availability", "n3"},
	}
	s, _ := draw(t, 5, sets(t, "nodes=3", "members=3", "workload.name=register", "workload.keys=3", "workload.rate=60", "time-limit=20s", "nemesis=[kill: {every: 4s, for: 1s}]"))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			setup, err := play.FromScenario(s)
			if err != nil {
				t.Fatal(err)
			}
			o, err := play.Run(setup)
			if err != nil {
				t.Fatal(err)
			}
			c.breakIt(&o)
			v, err := Judge(context.Background(), s, o)
			if err != nil {
				t.Fatal(err)
			}
			if v.Check != c.want || !strings.Contains(v.Reason, c.says) || v.Undecided {
				t.Errorf("judged %+v, want %q with %q", v, c.want, c.says)
			}
		})
	}
}

func TestJudgeOfWhatNoRunRecords(t *testing.T) {
	s, _ := draw(t, 5, Options{})
	o := play.Outcome{Events: []history.Event{{Index: 1}, {Index: 1}}}
	if _, err := Judge(context.Background(), s, o); err == nil || !strings.Contains(err.Error(), "seed 5") {
		t.Errorf("it says %v", err)
	}
}

// quick are seeds that take little time: one node, no faults.
func quick(t *testing.T) Search {
	return Search{Options: sets(t, "nodes=1", "nemesis=[]", "time-limit=10s", "workload.rate=10", "node.election-timeout=300ms", "node.election-jitter=50ms",
		"node.heartbeat=50ms", "node.peer-silence=600ms", "checks.availability.recover-within=6s"), First: 100, Workers: 2}
}

func TestSearchEnds(t *testing.T) {
	every := func(f *Found) []int64 {
		var seeds []int64
		for _, one := range f.Failures {
			seeds = append(seeds, one.Seed)
		}
		return seeds
	}
	t.Run("after its seeds", func(t *testing.T) {
		s := quick(t)
		s.Seeds, s.Failures = 5, 1
		told := 0
		f, err := Run(context.Background(), s, func(*Found) { told++ })
		if err != nil || f.Seeds != 5 || told != 5 || len(f.Failures) > 0 {
			t.Fatalf("found %+v, told %d times, %v", f, told, err)
		}
		if f.Operations == 0 || f.Simulated < 50*time.Second || f.Busy == 0 || f.Coverage["boots"] != 5 || len(f.Evident) > 0 {
			t.Errorf("counted %+v", f)
		}
	})
	// A node that is killed waits longer for its leader than it may be gone: each
	// seed fails.
	failing := func(t *testing.T) Search {
		s := quick(t)
		s.Overrides = append(s.Overrides, sets(t, "node.election-timeout=8s", "nemesis=[kill: {every: 1500ms, for: 100ms}]").Overrides...)
		return s
	}
	t.Run("after so many failures", func(t *testing.T) {
		s := failing(t)
		s.Failures, s.Time = 3, time.Minute
		f, err := Run(context.Background(), s, nil)
		if err != nil || len(f.Failures) < 3 || len(f.Failures) > 3+s.Workers {
			t.Fatalf("found %d failures in %d seeds, %v", len(f.Failures), f.Seeds, err)
		}
		if seeds := every(f); !slices.IsSorted(seeds) {
			t.Errorf("failures are of seeds %v", seeds)
		}
		one := f.Failures[0]
		again, _, err := Try(context.Background(), one.Scenario)
		if err != nil || again != one.Verdict {
			t.Errorf("seed %d: %+v, and again %+v, %v", one.Seed, one.Verdict, again, err)
		}
	})
	t.Run("never at a failure that does not count", func(t *testing.T) {
		s := failing(t)
		s.Seeds, s.Failures = 4, 1
		s.Counts = func(v Verdict) bool { return v.Check == "log matching" }
		f, err := Run(context.Background(), s, nil)
		if err != nil || f.Seeds != 4 || len(f.Failures) > 0 {
			t.Errorf("found %v in %d seeds, %v", every(f), f.Seeds, err)
		}
	})
	t.Run("after its time", func(t *testing.T) {
		s := quick(t)
		s.Time = 100 * time.Millisecond
		f, err := Run(context.Background(), s, nil)
		if err != nil || f.Seeds == 0 || f.Took < s.Time {
			t.Errorf("%d seeds in %v, %v", f.Seeds, f.Took, err)
		}
	})
	t.Run("when it is told to", func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		f, err := Run(ctx, quick(t), func(f *Found) {
			if f.Seeds == 3 {
				stop()
			}
		})
		if err != nil || f.Seeds < 3 || f.Seeds > 3+2*2 {
			t.Errorf("%d seeds, %v", f.Seeds, err)
		}
	})
	t.Run("at a scenario that is none", func(t *testing.T) {
		s := quick(t)
		s.Overrides = append(s.Overrides, sets(t, "nodes=99").Overrides...)
		var complaint *scenario.Error
		if _, err := Run(context.Background(), s, nil); !errors.As(err, &complaint) {
			t.Errorf("it says %v", err)
		}
	})
}

// TestASearchFindsTheSame whatever the number of workers.
func TestASearchFindsTheSame(t *testing.T) {
	var all []string
	for _, workers := range []int{1, 4} {
		s := Search{Options: sets(t, "time-limit=10s"), First: 7, Seeds: 6, Workers: workers}
		f, err := Run(context.Background(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprint(f.Seeds, f.Failures, f.Undecided, f.Operations, f.Simulated, f.Coverage, f.Evident))
	}
	if all[0] != all[1] {
		t.Errorf("one worker found\n%s\nfour found\n%s", all[0], all[1])
	}
}
