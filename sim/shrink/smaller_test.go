package shrink

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
	"partita/harness/scenario"
	"partita/nemesis"
	"partita/sim/explore"
	"partita/sim/play"
)

// scripted is a scenario with given faults and operations.
func scripted(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("scripted.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const fiveNodes = `
nodes: 5
workload:
  name: register
  concurrency: 3n
  script:
    - {at: 1s, worker: 0, f: read, key: k7.1}
    - {at: 2s, worker: 6, f: write, key: k9.0, value: 501}
    - {at: 3s, worker: 14, f: cas, key: k7.1, old: 501, value: 77}
    - {at: 3.5s, worker: 9, f: cas, key: k9.0, old: null, value: 78}
nemesis:
  - partition:
      schedule:
        - {at: 1s, for: 1s, shape: ring, nodes: [n5, n4, n3, n2, n1]}
        - {at: 3s, for: 1s, shape: halves, nodes: [n2, n1, n3, n4, n5]}
  - power:
      schedule:
        - {at: 2s, for: 2s, shape: torn, targets: minority, nodes: [n3, n5, n1, n2, n4], calls: [4, 9]}
time-limit: 20s
seed: 3
`

// TestWithoutNodes: who is left keeps its client and its place in each fault.
func TestWithoutNodes(t *testing.T) {
	s := scripted(t, fiveNodes)
	for name, c := range map[string]struct {
		moved   bool
		out     []int
		nodes   int
		workers []int // of the steps that are left
		faults  []string
	}{
		"two of them": {false, []int{3, 1}, 3, []int{0, 8, 5}, []string{
			"partition one of one n3 n2 n1", "power torn of minority n2 n3 n1", "partition halves of all n1 n2 n3"}},
		"and asked of others": {true, []int{3, 1}, 3, []int{0, 3, 8, 5}, []string{
			"partition one of one n3 n2 n1", "power torn of minority n2 n3 n1", "partition halves of all n1 n2 n3"}},
		"all but one": {false, []int{0, 1, 3, 4}, 1, []int{0}, []string{"power torn of one n1"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := reread(without(s, c.moved, c.out...))
			if got == nil {
				t.Fatal("that is no scenario")
			}
			var workers []int
			for _, step := range got.Workload.Script {
				workers = append(workers, step.Worker)
			}
			var faults []string
			for _, in := range got.Schedule() {
				text := in.Kind + " " + in.Shape + " of " + in.Targets
				for _, node := range in.Order {
					text += " " + node
				}
				faults = append(faults, text)
			}
			if got.Nodes != c.nodes || !slices.Equal(workers, c.workers) || !slices.Equal(faults, c.faults) {
				t.Errorf("%d nodes, workers %v, faults %q", got.Nodes, workers, faults)
			}
		})
	}
	if without(scripted(t, "nodes: 1\nworkload: {concurrency: 2n}"), false, 0) != nil {
		t.Error("a cluster without a node")
	}
}

// TestWithoutMembers: the members that are left are the cluster that begins,
// and a change that needs a spare goes where there is none.
func TestWithoutMembers(t *testing.T) {
	s := scripted(t, `
members: 3
nemesis:
  - membership:
      schedule:
        - {at: 1s, for: 1s, shape: add, targets: follower, nodes: [n5, n4, n3, n2, n1]}
        - {at: 3s, for: 1s, shape: remove, targets: leader, nodes: [n2, n1, n3, n4, n5]}
`)
	for name, c := range map[string]struct {
		out     []int
		members int // 0: no such scenario
		faults  string
	}{
		"a member":        {[]int{1}, 2, "add follower 2 remove leader 2"},
		"a spare":         {[]int{4}, 3, "add follower 3 remove leader 3"},
		"both spares":     {[]int{3, 4}, 3, "remove leader 3"},
		"all but a voter": {[]int{1, 2}, 1, "add follower 1"},
		"every member":    {[]int{0, 1, 2}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := without(s, true, c.out...)
			if c.members == 0 {
				if got != nil {
					t.Errorf("a cluster of spares: %+v", got)
				}
				return
			}
			if got = reread(got); got == nil {
				t.Fatal("that is no scenario")
			}
			var faults []string
			for _, in := range got.Schedule() {
				faults = append(faults, fmt.Sprintf("%s %s %d", in.Shape, in.Targets, in.Voters))
			}
			if text := strings.Join(faults, " "); len(got.MemberNames()) != c.members || text != c.faults {
				t.Errorf("%v begin, faults %q", got.MemberNames(), text)
			}
		})
	}
}

// TestShorter: a gap is closed for all that comes after it, and never so far
// that a fault does not show.
func TestShorter(t *testing.T) {
	s := scripted(t, fiveNodes)
	closed := pulled(s, time.Second, time.Second)
	var at []time.Duration
	for _, step := range closed.Workload.Script {
		at = append(at, step.At)
	}
	if want := []time.Duration{0, time.Second, 2 * time.Second, 2500 * time.Millisecond}; !slices.Equal(at, want) || closed.TimeLimit != 19*time.Second {
		t.Errorf("operations at %v, %v in all", at, closed.TimeLimit)
	}
	if first := closed.Schedule()[0]; first.At != 0 || first.Heal != time.Second {
		t.Errorf("the first fault is %v", first)
	}
	if s.Schedule()[0].At != time.Second || s.Workload.Script[0].At != time.Second {
		t.Error("the original has changed")
	}
	for _, c := range shorter(s) {
		if c == nil {
			continue
		}
		if reread(c) == nil {
			t.Errorf("no scenario: %v", c.Schedule())
		}
		if gain := s.TimeLimit - c.TimeLimit; gain < leastGain {
			t.Errorf("shorter by %v", gain)
		}
		for _, in := range c.Schedule() {
			if in.Heal-in.At < leastFault {
				t.Errorf("too short: %v", in)
			}
		}
	}
}

// TestLasting cuts a scenario, and what lies across the cut.
func TestLasting(t *testing.T) {
	got := reread(lasting(scripted(t, fiveNodes), 3100*time.Millisecond))
	if got == nil {
		t.Fatal("that is no scenario")
	}
	if size := sizeOf(got); size != (Size{Faults: 2, Operations: 3, Nodes: 5, Lasts: 3100 * time.Millisecond}) {
		t.Errorf("%+v", size)
	}
	if cut := got.Schedule()[1]; cut.Kind != nemesis.Power || cut.Heal != got.TimeLimit {
		t.Errorf("the fault across the cut is %v", cut)
	}
}

// TestPlainNames: keys and values by their first use, an absent one as it was;
// clients from the first on.
func TestPlainNames(t *testing.T) {
	s := scripted(t, fiveNodes)
	want := []generator.Step{
		{At: time.Second, Worker: 0, F: "read", Key: "k1"},
		{At: 2 * time.Second, Worker: 6, F: "write", Key: "k2", Value: history.Int(1)},
		{At: 3 * time.Second, Worker: 14, F: "cas", Key: "k1", Old: history.Int(1), Value: history.Int(2)},
		{At: 3500 * time.Millisecond, Worker: 9, F: "cas", Key: "k2", Old: history.Null(), Value: history.Int(3)},
	}
	for i, step := range renamed(s).Workload.Script {
		if w := want[i]; step.Key != w.Key || string(step.Value) != string(w.Value) || string(step.Old) != string(w.Old) || step.Worker != w.Worker {
			t.Errorf("step %d is %+v, want %+v", i, step, w)
		}
	}
	few := crowded(s)
	var workers []int
	for _, step := range few.Workload.Script {
		workers = append(workers, step.Worker)
	}
	if !slices.Equal(workers, []int{0, 1, 4, 9}) || few.Workload.Concurrency.Of(5) != 10 {
		t.Errorf("workers %v of %d", workers, few.Workload.Concurrency.Of(5))
	}
}

// TestFair: silence is held against a node that was asked late in the recovery
// and early enough before its end.
func TestFair(t *testing.T) {
	s := scripted(t, "name: fair\nnodes: 1\nworkload: {concurrency: 2n, script: [{f: read, key: k}]}\nchecks: {availability: {recover-within: 6s}}")
	const healed = 2 * time.Second
	asked := func(at time.Duration, f string, kind history.Type) []history.Event {
		e := history.Event{Time: healed + at, Type: history.Invoke, F: f, Key: "k", Node: "n1"}
		done := e
		done.Time, done.Type = e.Time+time.Millisecond, kind
		return []history.Event{e, done}
	}
	for name, c := range map[string]struct {
		events []history.Event
		want   bool
	}{
		"nobody asked":               {nil, false},
		"at once":                    {asked(0, "read", history.Info), false},
		"late":                       {asked(4*time.Second, "read", history.Info), true},
		"a write":                    {asked(4*time.Second, "write", history.Fail), true},
		"a compare-and-set":          {asked(4*time.Second, "cas", history.Info), true},
		"too late for an answer":     {asked(5900*time.Millisecond, "read", history.Info), false},
		"another at the very end":    {slices.Concat(asked(4*time.Second, "read", history.Info), asked(5900*time.Millisecond, "write", history.Info)), false},
		"answered":                   {asked(4*time.Second, "read", history.OK), false},
		"answered when asked before": {slices.Concat(asked(time.Second, "read", history.OK), asked(4*time.Second, "read", history.Info)), false},
		"before the heal":            {asked(-time.Second, "read", history.Info), false},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range c.events {
				c.events[i].Index, c.events[i].Process = i, i/2
			}
			o := play.Outcome{Events: c.events, Faults: []cluster.Fault{{Nemesis: nemesis.Kill, At: time.Second, Healed: healed}}}
			if got := fair(s, explore.Verdict{Check: availability}, o); got != c.want {
				t.Errorf("fair is %v, want %v", got, c.want)
			}
			if !fair(s, explore.Verdict{Check: linearizable}, o) {
				t.Error("another check asks for nothing")
			}
		})
	}
}
