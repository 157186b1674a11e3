package play

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"partita/harness/cluster"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/harness/trace"
	"partita/sim/invariant"
)

// TestMain fails if a run leaves a goroutine: a coroutine that was not ended
// is one.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// load reads a scenario that ships, made short.
func load(t testing.TB, name string, sets ...string) *scenario.Scenario {
	t.Helper()
	var overrides []scenario.Override
	for _, set := range append([]string{"time-limit=12s", "checks.availability.recover-within=4s"}, sets...) {
		o, err := scenario.ParseSet(set)
		if err != nil {
			t.Fatal(err)
		}
		overrides = append(overrides, o)
	}
	s, err := scenario.Load(name, overrides...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func setup(t testing.TB, s *scenario.Scenario) Setup {
	t.Helper()
	ready, err := FromScenario(s)
	if err != nil {
		t.Fatal(err)
	}
	return ready
}

// play runs a scenario and keeps its history.
func play(t testing.TB, s *scenario.Scenario) (Outcome, []byte) {
	t.Helper()
	var text bytes.Buffer
	ready := setup(t, s)
	ready.History, ready.Hash = &text, true
	o, err := Run(ready)
	if err != nil {
		t.Fatal(err)
	}
	return o, text.Bytes()
}

// TestOneSeedOneHistory, whatever the machine does.
func TestOneSeedOneHistory(t *testing.T) {
	kinds := []string{"partition", "clock", "power", "append"} // seeds of an exploration draw the others
	for i, name := range kinds {
		t.Run(name, func(t *testing.T) {
			run := func() (Outcome, []byte) {
				s := load(t, name, "workload.rate=100")
				s.Seed = int64(100 + i)
				return play(t, s)
			}
			first, text := run()
			for _, how := range []struct {
				name  string
				twist func() (undo func())
			}{
				{"again", func() func() { return func() {} }},
				{"GOGC=10", func() func() { old := debug.SetGCPercent(10); return func() { debug.SetGCPercent(old) } }},
				{"GOMAXPROCS=1", func() func() { old := runtime.GOMAXPROCS(1); return func() { runtime.GOMAXPROCS(old) } }},
			} {
				undo := how.twist()
				second, again := run()
				undo()
				if first.SHA256 != second.SHA256 || !bytes.Equal(text, again) {
					t.Errorf("%s: the history is another", how.name)
				}
				if first.Steps != second.Steps || !reflect.DeepEqual(first, second) {
					t.Errorf("%s: %d steps and then %d, or another outcome", how.name, first.Steps, second.Steps)
				}
			}
			if first.Violation != nil || len(first.Faults) == 0 {
				t.Errorf("violation %v, %d faults", first.Violation, len(first.Faults))
			}
		})
	}
}

func TestAnotherSeedIsAnotherHistory(t *testing.T) {
	s := load(t, "partition")
	first, _ := play(t, s)
	s = load(t, "partition")
	s.Seed++
	if second, _ := play(t, s); first.SHA256 == second.SHA256 {
		t.Error("two seeds gave one history")
	}
}

// TestKeepingMoreChangesNothing: logs, an account and a history are looked at,
// not taken part in.
func TestKeepingMoreChangesNothing(t *testing.T) {
	bare := setup(t, load(t, "kill"))
	bare.Hash = true
	first, err := Run(bare)
	if err != nil {
		t.Fatal(err)
	}
	full := setup(t, load(t, "kill"))
	full.Hash, full.History = true, &bytes.Buffer{}
	full.Machines.Logs, full.Machines.Trace = true, true
	second, err := Run(full)
	if err != nil {
		t.Fatal(err)
	}
	if first.SHA256 != second.SHA256 || first.Steps != second.Steps {
		t.Errorf("%s in %d steps, and %s in %d with all that can be kept", first.SHA256, first.Steps, second.SHA256, second.Steps)
	}
	if len(second.Trace) == 0 || len(first.Trace) > 0 || len(second.Logs["n1"]) == 0 || len(first.Logs["n1"]) > 0 {
		t.Error("what was to be kept is not there, or what was not is")
	}
}

func TestTheHistoryIsWellFormed(t *testing.T) {
	s := load(t, "kill", "workload.rate=100")
	o, text := play(t, s)
	sum := sha256.Sum256(text)
	if hex.EncodeToString(sum[:]) != o.SHA256 {
		t.Error("the hash is not of the lines that were written")
	}
	record, err := history.Read(bytes.NewReader(text))
	if err != nil || len(record.Torn) > 0 || !reflect.DeepEqual(record.Events, o.Events) {
		t.Errorf("what was written is not what happened: %v", err)
	}
	ops, err := history.Pair(o.Events)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[history.Type]int{}
	end := s.TimeLimit + Grace
	for _, op := range ops {
		kinds[op.Complete.Type]++
		if op.Invoke.Time >= s.TimeLimit || op.Complete.Time > end || op.Complete.Node != op.Invoke.Node {
			t.Fatalf("operation %+v: invoked until %v and completed until %v", op, s.TimeLimit, end)
		}
	}
	if kinds[history.OK] < 500 || kinds[history.Info] == 0 {
		t.Errorf("operations ended as %v", kinds)
	}
	if o.Lasted < s.TimeLimit || o.Start <= 0 || len(o.States) != s.Nodes {
		t.Errorf("lasted %v, began at %d, %d states", o.Lasted, o.Start, len(o.States))
	}
}

// errFull is what the writer of a full disk says.
var errFull = errors.New("no space left")

// short is a writer that takes so many lines.
type short struct{ left int }

func (s *short) Write(b []byte) (int, error) {
	if s.left--; s.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// plan is a plan made by hand.
type plan func(w cluster.World, f cluster.Faults) error

func (plan) Kind() string                                  { return "kill" }
func (p plan) Run(w cluster.World, f cluster.Faults) error { return p(w, f) }

func TestRunsThatCannotGoOn(t *testing.T) {
	errHeal := errors.New("the network cannot be healed")
	cases := []struct {
		name   string
		change func(*Setup)
		want   error
		says   string
		by     time.Duration // simulated
	}{
		{"a history that cannot be written", func(s *Setup) { s.History = &short{30} }, errFull, "no space left", 5 * time.Second},
		{"a plan that cannot heal", func(s *Setup) {
			s.Plans = []cluster.Plan{plan(func(w cluster.World, _ cluster.Faults) error {
				if err := w.Sleep(2 * time.Second); err != nil {
					return err
				}
				return errHeal
			})}
		}, errHeal, "cannot be healed", 5 * time.Second},
		{"a plan that never ends", func(s *Setup) {
			s.Plans = []cluster.Plan{plan(func(w cluster.World, _ cluster.Faults) error {
				for {
					if _, err := w.Status("n1", time.Second); err != nil {
						return err
					}
				}
			})}
		}, nil, "the run did not end", time.Hour},
		{"nobody can lead", func(s *Setup) { s.Machines.Core.MaxBatch = 0 }, nil, "no node leads 30s after", time.Minute},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := setup(t, load(t, "kill", "nodes=3"))
			c.change(&s)
			o, err := Run(s)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %v, want %q", err, c.says)
			}
			if o.Lasted > c.by {
				t.Errorf("it went on for %v", o.Lasted)
			}
		})
	}
}

// TestPlansAreEnded: a plan that sleeps hears of the end, and what it tells is
// in the history and among the faults.
func TestPlansAreEnded(t *testing.T) {
	s := setup(t, load(t, "kill"))
	var ended time.Duration
	s.Plans = []cluster.Plan{plan(func(w cluster.World, f cluster.Faults) error {
		f.Began("kill", "n1")
		if err := w.Sleep(time.Hour); !errors.Is(err, cluster.ErrEnding) {
			t.Errorf("the sleep ended with %v", err)
		}
		ended = w.Now()
		f.Healed("kill", "n1")
		f.Record(cluster.Fault{Nemesis: "kill", Nodes: []string{"n1"}})
		return nil
	})}
	o, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	var told []bool
	for _, e := range o.Events {
		if what, hasBegun, ok := history.Fault(e); ok && what == "n1" {
			told = append(told, hasBegun)
		}
	}
	if ended != s.TimeLimit || len(o.Faults) != 1 || !reflect.DeepEqual(told, []bool{true, false}) {
		t.Errorf("ended at %v, faults %v, events %v", ended, o.Faults, told)
	}
}

// TestStopAtViolation ends the run at the step of the violation, and only when
// it is asked to.
func TestStopAtViolation(t *testing.T) {
	for _, stop := range []bool{true, false} {
		s := setup(t, load(t, "kill"))
		s.StopAtViolation, s.Machines.Trace = stop, true
		p := newPlayer(s)
		at := 7 * time.Second
		p.engine.After(at, func() { p.cluster.Watch().Panicked(2, "by hand") })
		o, err := p.run()
		p.engine.Stop()
		if err != nil {
			t.Fatal(err)
		}
		if v := o.Violation; v == nil || v.Name != invariant.Panic || v.Step >= o.Steps+1 || stop && v.Step != o.Steps {
			t.Errorf("stop %v: violation %+v in %d steps", stop, v, o.Steps)
		}
		if stop != (o.Lasted == at) {
			t.Errorf("stop %v: the run lasted %v", stop, o.Lasted)
		}
		last := o.Trace[len(o.Trace)-1]
		if last.Kind != trace.Violation || last.Node != "n2" || !strings.HasPrefix(last.Text, "panic: ") {
			t.Errorf("stop %v: the account ends with %+v", stop, last)
		}
	}
}

func TestAViolationBeforeAnybodyLeads(t *testing.T) {
	s := setup(t, load(t, "kill"))
	s.StopAtViolation = true
	p := newPlayer(s)
	defer p.engine.Stop()
	p.engine.After(0, func() { p.cluster.Watch().Panicked(1, "at once") })
	o, err := p.run()
	if err != nil || o.Violation == nil || len(o.Events) > 0 {
		t.Errorf("violation %v, %d events, %v", o.Violation, len(o.Events), err)
	}
}

// BenchmarkRun is how many simulated seconds there are to a real one, and to a
// second of a core, with five nodes and 200 operations a second. The program
// itself runs with GOGC=400.
func BenchmarkRun(b *testing.B) {
	for _, c := range []struct{ name, scenario, faults string }{
		{"calm", "partition", "nemesis=[]"},
		{"partitions", "partition", "nemesis.partition.every=7s"},
	} {
		b.Run(c.name, func(b *testing.B) {
			var simulated time.Duration
			began := cpu(b)
			for i := 0; b.Loop(); i++ {
				s := load(b, c.scenario, "time-limit=60s", "workload.rate=200", c.faults)
				s.Seed = int64(i)
				o, err := Run(setup(b, s))
				if err != nil {
					b.Fatal(err)
				}
				simulated += o.Lasted
			}
			b.ReportMetric(simulated.Seconds()/b.Elapsed().Seconds(), "simulated-s/s")
			b.ReportMetric(simulated.Seconds()/(cpu(b)-began).Seconds(), "simulated-s/core-s")
		})
	}
}

// cpu is the time of cores that this process has had.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
