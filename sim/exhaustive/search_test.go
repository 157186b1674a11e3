package exhaustive

import (
	"bytes"
	"context"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/harness/trace"
	"partita/raft/core"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is now\n%s", path, got)
	}
}

// split is a state that the rules allow and that takes a while to reach: leaders
// of two terms whose logs differ at index 2.
func split(views *[members]*view) bool {
	for _, a := range views {
		for _, b := range views {
			if a.role == core.Leader && b.role == core.Leader && len(a.log) > 1 && len(b.log) > 1 && a.log[1].Term < b.log[1].Term {
				return true
			}
		}
	}
	return false
}

// TestShortestPath finds a state by the shortest path, which is told with real
// cores, the same whoever shares the work.
func TestShortestPath(t *testing.T) {
	o := Options{Start: Elected, Batch: 4, Terms: 2, InFlight: 12, Timeouts: 4, Proposals: 1, goal: split}
	var first Result
	for _, workers := range []int{1, 2, 7} {
		o.Workers = workers
		r, err := Search(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Elapsed, r.Options = 0, Options{}
		if workers == 1 {
			first = r
		}
		if !reflect.DeepEqual(r, first) {
			t.Errorf("%d workers find %+v\none finds %+v", workers, r, first)
		}
	}
	if first.Violation == nil || first.Violation.Step != len(first.Path) {
		t.Fatalf("found %+v", first.Violation)
	}
	var b bytes.Buffer
	if err := trace.Tell(&b, first.Path); err != nil {
		t.Fatal(err)
	}
	golden(t, "split.txt", b.String())
}

// TestSameCounts: every count is the same on every run, with any number of workers.
func TestSameCounts(t *testing.T) {
	for name, o := range small {
		t.Run(name, func(t *testing.T) {
			var first Result
			for _, workers := range []int{1, 2, 5} {
				o.Workers = workers
				r, err := Search(t.Context(), o, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Elapsed, r.Options = 0, Options{}
				if workers == 1 {
					first = r
				}
				if !reflect.DeepEqual(r, first) {
					t.Errorf("%d workers count %+v\none counts %+v", workers, r, first)
				}
			}
		})
	}
}

// TestEveryPathIsReal follows paths that the search takes with cores that are
// never encoded, and compares all three nodes after each action.
func TestEveryPathIsReal(t *testing.T) {
	actions := 0
	for name, o := range small {
		o.InFlight = 20
		o.awake = true
		for seed := range 40 {
			actions += follow(t, name, o, uint64(seed))
		}
	}
	if actions < 2000 {
		t.Fatalf("only %d actions were followed", actions)
	}
}

func follow(t *testing.T, name string, o Options, seed uint64) (actions int) {
	s := begun(t, o)
	w := s.workers[0]
	now, renaming := s.start()
	names := renamings[renaming]
	for step := range uint64(60) {
		if bad := w.successors(&now, 0); bad != nil {
			t.Fatal(name, bad.violation)
		}
		if len(w.waiting) == 0 {
			break
		}
		next := w.waiting[mix(seed<<32|step)%uint64(len(w.waiting))]
		w.waiting = w.waiting[:0]
		bad, err := s.begin.follow(s.engine, &now, next.by, names)
		if bad != nil || err != nil {
			t.Fatal(name, bad, err)
		}
		now = next.state
		s.rename(&now, next.renaming)
		for id := 1; id <= members; id++ {
			names[id] = renamings[next.renaming][names[id]]
		}
		for _, n := range s.begin.nodes {
			if got := s.locals.at(now.locals[names[n.id]-1]).content; got != string(n.encode(nil, names[:])) {
				t.Fatalf("%s, seed %d, step %d: %s is %q in the search and %q in the world", name, seed, step, n.text(), got, n.encode(nil, names[:]))
			}
		}
		if got := s.ghosts.at(now.ghost).ghost.encode(nil, nil); !bytes.Equal(got, s.begin.ghost.encode(nil, names[:])) {
			t.Fatalf("%s, seed %d, step %d: the ghosts differ", name, seed, step)
		}
		actions++
	}
	return actions
}

// TestLimits: a search that a limit ends says so.
func TestLimits(t *testing.T) {
	o := small["elections"]
	o.Depth = 0
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		ctx    context.Context
		change func(o *Options)
		want   Stop
	}{
		"all of it": {t.Context(), func(*Options) {}, Exhausted},
		"depth":     {t.Context(), func(o *Options) { o.Depth = 3 }, AtDepth},
		"states":    {t.Context(), func(o *Options) { o.States = 10 }, AtStates},
		"time":      {t.Context(), func(o *Options) { o.Time = time.Nanosecond }, AtTime},
		"stopped":   {over, func(*Options) {}, Stopped},
	} {
		t.Run(name, func(t *testing.T) {
			o := o
			tc.change(&o)
			r, err := Search(tc.ctx, o, nil)
			if err != nil || r.Stop != tc.want {
				t.Errorf("stopped by %q, %v; want %q", r.Stop, err, tc.want)
			}
		})
	}
}

// TestRun prints progress and an account.
func TestRun(t *testing.T) {
	var b bytes.Buffer
	r, err := Run(t.Context(), Options{Start: Elected, NoPreVote: true, Batch: 4, Terms: 2, InFlight: 4, Timeouts: 3, Crashes: 1}, &b)
	if err != nil || r.Stop != Exhausted {
		t.Fatal(r.Stop, err)
	}
	for _, want := range []string{
		"bounds: three nodes from elected, no pre-vote, terms to 2, 4 messages in flight, batches of 4, 3 election timeouts, 0 heartbeats, 0 proposals, 0 reads, 0 duplicates, 1 crashes, appends that take their time\n",
		"depth   1 ", " distinct/s\n", "would have entered term 3\n", "more than 4 messages would have been in flight\n", "exhausted but for what needs more than 4 messages in flight, lost ones among them: no rule can be broken within these bounds\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

// TestOptionsRefuse: every complaint names the option and what is allowed.
func TestOptionsRefuse(t *testing.T) {
	good := small["elections"]
	for want, change := range map[string]func(o *Options){
		`start is "here"; it is "scratch", "elected" or "alone"`: func(o *Options) { o.Start = "here" },
		"terms is 0; 1 to 31 are allowed":                        func(o *Options) { o.Terms = 0 },
		"in flight is 32; 1 to 31 are allowed":                   func(o *Options) { o.InFlight = 32 },
		"batch is 0; 1 to 31 are allowed":                        func(o *Options) { o.Batch = 0 },
		"proposals is 27; 0 to 26 are allowed":                   func(o *Options) { o.Proposals = 27 },
		"crashes is -1; 0 to 31 are allowed":                     func(o *Options) { o.Crashes = -1 },
		"ticks is 4; 0 to 3 are allowed":                         func(o *Options) { o.Ticks = 4 },
		"time is -1s; it cannot be negative":                     func(o *Options) { o.Time = -time.Second },
	} {
		o := good
		change(&o)
		if _, err := Search(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
}

// TestPresets: each is valid and found by its name.
func TestPresets(t *testing.T) {
	var names []string
	for _, p := range Presets() {
		if err := p.Options.Validate(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if got, err := FindPreset(p.Name); err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%s is found as %+v, %v", p.Name, got, err)
		}
		names = append(names, p.Name)
	}
	if slices.Sort(names); len(slices.Compact(names)) != len(Presets()) {
		t.Errorf("names repeat: %v", names)
	}
	if _, err := FindPreset("none"); err == nil || !strings.Contains(err.Error(), "figure-8") {
		t.Errorf("got %v; want the names there are", err)
	}
}

// BenchmarkSearch is the whole search of each preset. Its figures of merit are
// distinct states a second and, on average up to the widest level, the growth
// from level to level.
func BenchmarkSearch(b *testing.B) {
	for _, p := range Presets() {
		b.Run(p.Name, func(b *testing.B) {
			var r Result
			found := 0
			for b.Loop() {
				var err error
				if r, err = Search(b.Context(), p.Options, nil); err != nil || r.Violation != nil {
					b.Fatal(r.Violation, err)
				}
				found += r.Distinct
			}
			widest := slices.MaxFunc(r.Levels, func(x, y Level) int { return x.Distinct - y.Distinct })
			b.ReportMetric(float64(found)/b.Elapsed().Seconds(), "distinct/s")
			b.ReportMetric(float64(r.Distinct), "distinct")
			b.ReportMetric(float64(r.Depth()), "depth")
			b.ReportMetric(math.Pow(float64(widest.Distinct), 1/float64(widest.Depth)), "x/level")
		})
	}
}

// BenchmarkTransition is what a state of a node costs that nobody has asked for
// before: decode, step, encode.
func BenchmarkTransition(b *testing.B) {
	o := small["client requests"].withDefaults()
	w, _, err := begin(&o)
	if err != nil {
		b.Fatal(err)
	}
	content := w.nodes[0].encode(nil, nil)
	for b.Loop() {
		n, _ := o.happen(o.decode(content), event{kind: heartbeatTimer})
		n.encode(content[:0:0], nil)
	}
}
