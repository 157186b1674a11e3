package checker

import (
	"strings"
	"testing"
	"time"

	"partita/harness/cluster"
	"partita/harness/history"
	"partita/nemesis/wire"
)

func TestCompose(t *testing.T) {
	valid, unknown, invalid := Result{Verdict: Valid}, Result{Verdict: Unknown, Reason: "u"}, Result{Verdict: Invalid, Reason: "i"}
	cases := []struct {
		name    string
		checks  map[string]Result
		verdict Verdict
		reason  string
	}{
		{"nothing", nil, Unknown, "nothing was checked"},
		{"all valid", map[string]Result{"a": valid, "b": valid}, Valid, ""},
		{"one unknown", map[string]Result{"a": valid, "b": unknown}, Unknown, "b: u"},
		{"invalid wins", map[string]Result{"a": unknown, "b": invalid, "c": valid}, Invalid, "b: i"},
		{"first by name", map[string]Result{"z": invalid, "y": invalid}, Invalid, "y: i"},
		{"a verdict left empty", map[string]Result{"a": {}}, Unknown, "a: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if verdict, reason := Compose(c.checks); verdict != c.verdict || reason != c.reason {
				t.Errorf("%s, %q; want %s, %q", verdict, reason, c.verdict, c.reason)
			}
		})
	}
}

// many is n operations of a kind with an outcome, on a node, one a millisecond
// from a time on, each taking half of one.
func many(n int, f string, outcome history.Type, node string, from time.Duration) []history.Operation {
	var ops []history.Operation
	for i := range n {
		at := from + time.Duration(i)*time.Millisecond
		ops = append(ops, history.Operation{
			Invoke:   history.Event{F: f, Node: node, Type: history.Invoke, Time: at},
			Complete: history.Event{F: f, Node: node, Type: outcome, Time: at + time.Millisecond/2},
		})
	}
	return ops
}

func join(lists ...[]history.Operation) []history.Operation {
	var all []history.Operation
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func TestStats(t *testing.T) {
	cases := []struct {
		name    string
		ops     []history.Operation
		verdict Verdict
		reason  string
	}{
		{"enough", join(many(10, "read", history.OK, "n1", 0), many(10, "write", history.OK, "n1", 0)), Valid, ""},
		{"nine writes", join(many(10, "read", history.OK, "n1", 0), many(9, "write", history.OK, "n1", 0)), Unknown, "9 of at least 10 write operations were ok"},
		{"fails do not count", join(many(10, "read", history.OK, "n1", 0), many(99, "write", history.Fail, "n1", 0), many(99, "write", history.Info, "n1", 0)), Unknown, "0 of at least 10 write operations were ok"},
		{"a kind never tried", many(10, "read", history.OK, "n1", 0), Unknown, "0 of at least 10 write operations were ok"},
		{"a kind seen only", join(many(10, "read", history.OK, "n1", 0), many(10, "write", history.OK, "n1", 0), many(1, "cas", history.OK, "n1", 0)), Unknown, "1 of at least 10 cas operations were ok"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Stats([]string{"read", "write"}, c.ops); got.Verdict != c.verdict || got.Reason != c.reason {
				t.Errorf("%s, %q", got.Verdict, got.Reason)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	fault := func(kind string, evident bool, dropped any) cluster.Fault {
		return cluster.Fault{Nemesis: kind, Evident: evident, Evidence: map[string]any{"dropped": dropped}}
	}
	cases := []struct {
		name    string
		kinds   []string
		faults  []cluster.Fault
		verdict Verdict
		reason  string
	}{
		{"none asked", nil, nil, Valid, ""},
		{"asked and absent", []string{"kill"}, nil, Unknown, "vacuous: kill: no fault was injected"},
		{"half", []string{"kill"}, []cluster.Fault{fault("kill", true, nil), fault("kill", false, nil)}, Valid, ""},
		{"less than half", []string{"kill"}, []cluster.Fault{fault("kill", true, nil), fault("kill", false, nil), fault("kill", false, nil)}, Unknown, "vacuous: kill: 1 of 3 faults were evident"},
		{"partition that dropped", []string{"partition"}, []cluster.Fault{fault("partition", true, uint64(3))}, Valid, ""},
		{"partition read back from JSON", []string{"partition"}, []cluster.Fault{fault("partition", true, 3.0)}, Valid, ""},
		{"partition that dropped nothing", []string{"partition"}, []cluster.Fault{fault("partition", true, 0.0)}, Unknown, "vacuous: partition: no packet of a node was dropped in the whole run"},
		{"not asked but recorded", nil, []cluster.Fault{fault("pause", false, nil)}, Unknown, "vacuous: pause: 0 of 1 faults were evident"},
		{"two kinds", []string{"pause", "kill"}, nil, Unknown, "vacuous: kill: no fault was injected; vacuous: pause: no fault was injected"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Faults(c.kinds, c.faults); got.Verdict != c.verdict || got.Reason != c.reason {
				t.Errorf("%s, %q", got.Verdict, got.Reason)
			}
		})
	}
}

func TestCrashes(t *testing.T) {
	log := func(lines ...string) []wire.LogLine {
		var l []wire.LogLine
		for i, line := range lines {
			l = append(l, wire.LogLine{At: int64(i), Line: line})
		}
		return l
	}
	cases := []struct {
		name    string
		node    NodeRecord
		verdict Verdict
		reason  string
	}{
		{"quiet", NodeRecord{Node: "n1", Log: log(`{"msg":"panic: not at the start"}`)}, Valid, ""},
		{"killed on purpose", NodeRecord{Node: "n1", Exits: []wire.Exit{{Code: -1, Signal: "killed", Asked: true}}}, Valid, ""},
		{"exit", NodeRecord{Node: "n1", Exits: []wire.Exit{{At: 5, Code: 3}}, Log: log("disk failed")}, Invalid, "n1 exited on its own with code 3: disk failed"},
		{"signal", NodeRecord{Node: "n1", Exits: []wire.Exit{{Code: -1, Signal: "segmentation fault"}}}, Invalid, "n1 exited on its own by segmentation fault"},
		{"panic", NodeRecord{Node: "n2", Exits: []wire.Exit{{At: 5, Code: 2}}, Log: log("x", "panic: core: commit index went back", "goroutine 1")}, Invalid, "n2 exited on its own with code 2: panic: core: commit index went back"},
		{"fatal error, exit not seen", NodeRecord{Node: "n3", Log: log("fatal error: all goroutines are asleep")}, Invalid, "n3 logged fatal error: all goroutines are asleep"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Crashes([]NodeRecord{{Node: "n0"}, c.node}, nil, 0); got.Verdict != c.verdict || got.Reason != c.reason {
				t.Errorf("%s, %q", got.Verdict, got.Reason)
			}
		})
	}
	if got := Crashes(nil, nil, 0); got.Verdict != Unknown {
		t.Errorf("no records are %s", got.Verdict)
	}
}

// A node whose disk was made to fail has to end; nothing else has an excuse.
func TestCrashesOfFailedDisks(t *testing.T) {
	const start = int64(5_000_000_000)
	at := func(d time.Duration) int64 { return start + int64(d) }
	fault := func(kind, shape string, nodes ...string) cluster.Fault {
		return cluster.Fault{Nemesis: kind, Shape: shape, Nodes: nodes, At: 10 * time.Second, Healed: 13 * time.Second}
	}
	disk := []cluster.Fault{fault("disk", "fail-sync", "n2", "n1")}
	for name, c := range map[string]struct {
		faults []cluster.Fault
		exit   wire.Exit
		log    string
		want   Verdict
	}{
		"while its disk fails":         {disk, wire.Exit{At: at(11 * time.Second), Code: 3}, "", Valid},
		"of a failed write":            {[]cluster.Fault{fault("disk", "fail-write", "n1")}, wire.Exit{At: at(11 * time.Second), Code: 3}, "", Valid},
		"just after the heal":          {disk, wire.Exit{At: at(14 * time.Second), Code: 3}, "", Valid},
		"while the others' are failed": {disk, wire.Exit{At: at(9 * time.Second), Code: 3}, "", Valid},
		"long after the heal":          {disk, wire.Exit{At: at(14*time.Second + 1), Code: 3}, "", Invalid},
		"long before the fault":        {disk, wire.Exit{At: at(9*time.Second - 1), Code: 3}, "", Invalid},
		"instants not of the run":      {disk, wire.Exit{At: int64(11 * time.Second), Code: 3}, "", Invalid},
		"another code":                 {disk, wire.Exit{At: at(11 * time.Second), Code: 1}, "", Invalid},
		"a signal":                     {disk, wire.Exit{At: at(11 * time.Second), Code: -1, Signal: "aborted"}, "", Invalid},
		"a panic beside it":            {disk, wire.Exit{At: at(11 * time.Second), Code: 3}, "panic: x", Invalid},
		"the disk of another":          {[]cluster.Fault{fault("disk", "fail-sync", "n2")}, wire.Exit{At: at(11 * time.Second), Code: 3}, "", Invalid},
		"a slow disk":                  {[]cluster.Fault{fault("disk", "slow", "n1")}, wire.Exit{At: at(11 * time.Second), Code: 3}, "", Invalid},
		"another kind of fault":        {[]cluster.Fault{fault("power", "lose", "n1")}, wire.Exit{At: at(11 * time.Second), Code: 3}, "", Invalid},
		"no fault":                     {nil, wire.Exit{At: at(11 * time.Second), Code: 3}, "", Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			node := NodeRecord{Node: "n1", Exits: []wire.Exit{c.exit}, Log: []wire.LogLine{{Line: c.log}}}
			if got := Crashes([]NodeRecord{node}, c.faults, start); got.Verdict != c.want {
				t.Errorf("%s, %q", got.Verdict, got.Reason)
			}
		})
	}
	twice := NodeRecord{Node: "n1", Exits: []wire.Exit{{At: at(11 * time.Second), Code: 3}, {At: at(12 * time.Second), Code: 2}}}
	if got := Crashes([]NodeRecord{twice}, disk, start); got.Reason != "n1 exited on its own with code 2" {
		t.Errorf("an exit after an excused one: %s, %q", got.Verdict, got.Reason)
	}
}

func TestAvailability(t *testing.T) {
	s := time.Second
	both := func(node string, at time.Duration) []history.Operation {
		return join(many(1, "read", history.OK, node, at), many(1, "write", history.OK, node, at))
	}
	back := join(both("n1", 11*s), both("n2", 12*s))
	// Somebody asks every node after every heal, in vain.
	var asked []history.Operation
	for _, at := range []time.Duration{13 * s, 18 * s, 23 * s, 43 * s} {
		for _, node := range []string{"n1", "n2"} {
			asked = join(asked, many(1, "read", history.Fail, node, at), many(1, "write", history.Fail, node, at))
		}
	}
	fault := func(from, to time.Duration) cluster.Fault { return cluster.Fault{At: from, Healed: to} }
	one := []cluster.Fault{fault(5*s, 10*s)}
	cases := []struct {
		name    string
		ops     []history.Operation
		faults  []cluster.Fault
		end     time.Duration
		lags    []Lag
		verdict Verdict
		reason  string
	}{
		{"no faults", nil, nil, 30 * s, nil, Valid, ""},
		{"back in time", back, one, 30 * s, nil, Valid, ""},
		{"too late", join(both("n1", 11*s), both("n2", 21*s)), one, 30 * s, nil, Invalid, "no ok read on n2, write on n2, within 10s of the heal at 10.000 s"},
		{"begun before the heal", join(both("n1", 11*s), both("n2", 10*s-time.Millisecond/4)), one, 30 * s, nil, Invalid, "no ok read on n2"},
		{"reads only", join(both("n1", 11*s), many(1, "read", history.OK, "n2", 12*s)), one, 30 * s, nil, Invalid, "no ok write on n2, within"},
		{"ok only", join(both("n1", 11*s), many(9, "read", history.Fail, "n2", 12*s), many(1, "write", history.OK, "n2", 12*s)), one, 30 * s, nil, Invalid, "no ok read on n2, within"},
		{"a fault too soon after is no heal", back[:2], []cluster.Fault{one[0], fault(15*s, 16*s)}, 17 * s, nil, Unknown, "the run ended at 17.000 s, too early to see the recovery within 10s of the heal at 16.000 s"},
		{"overlapping faults heal once", join(both("n1", 21*s), both("n2", 22*s)), []cluster.Fault{one[0], fault(8*s, 20*s)}, 40 * s, nil, Valid, ""},
		{"the first of two heals counts", join(both("n1", 41*s), both("n2", 42*s)), []cluster.Fault{one[0], fault(35*s, 40*s)}, 60 * s, nil, Invalid, "of the heal at 10.000 s"},
		{"harness too slow", nil, one, 30 * s, []Lag{{At: 12 * s, For: 1500 * time.Millisecond}}, Unknown, "machine too slow"},
		{"harness a little slow", nil, one, 30 * s, []Lag{{At: 12 * s, For: s}}, Invalid, "no ok"},
		{"harness slow elsewhere", nil, one, 30 * s, []Lag{{At: 9 * s, For: 2 * s}}, Invalid, "no ok"},
		{"cut short but back", back, one, 13 * s, nil, Valid, ""},
		{"too short", nil, one, 13 * s, nil, Unknown, "the run ended at 13.000 s, too early"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := Availability(AvailabilityInput{Operations: join(c.ops, asked), Faults: c.faults, Nodes: []string{"n1", "n2"},
				RecoverWithin: 10 * s, End: c.end, Lags: c.lags})
			if got.Verdict != c.verdict || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("%s, %q", got.Verdict, got.Reason)
			}
		})
	}
}

// Not every node need be asked after a heal, by a script say; who is asked, owes an
// answer.
func TestAvailabilityOfWhoIsAsked(t *testing.T) {
	s := time.Second
	for name, c := range map[string]struct {
		ops    []history.Operation
		want   Verdict
		reason string
	}{
		"all answered":    {join(many(1, "read", history.OK, "n1", 11*s), many(1, "write", history.OK, "n1", 12*s)), Valid, ""},
		"nobody asked":    {nil, Unknown, "nobody asked for read on n1, write on n1 early enough"},
		"asked too early": {many(1, "write", history.Fail, "n1", 9*s), Unknown, "nobody asked for read on n1"},
		"asked too late": {[]history.Operation{{
			Invoke:   history.Event{Type: history.Invoke, F: "read", Node: "n1", Time: 19999 * time.Millisecond},
			Complete: history.Event{Type: history.OK, F: "read", Node: "n1", Time: 20001 * time.Millisecond}}}, Unknown, "nobody asked for read on n1"},
		"asked in vain": {many(1, "write", history.Fail, "n1", 12*s), Invalid, "no ok write on n1, within"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Availability(AvailabilityInput{Operations: c.ops, Faults: []cluster.Fault{{At: 5 * s, Healed: 10 * s}},
				Nodes: []string{"n1"}, RecoverWithin: 10 * s, End: 30 * s})
			if got.Verdict != c.want || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("%s, %q", got.Verdict, got.Reason)
			}
		})
	}
}

func TestOutsideFaults(t *testing.T) {
	s := time.Second
	ops := join(
		many(1, "read", history.OK, "n1", s), many(1, "write", history.OK, "n1", s), // from here on outside
		many(8, "read", history.OK, "n1", 2*s), many(2, "read", history.Fail, "n1", 3*s),
		many(5, "read", history.Info, "n1", 10*s),                                         // in the fault
		many(4, "read", history.Fail, "n1", 15*s),                                         // not back yet
		many(1, "read", history.OK, "n1", 16*s), many(1, "write", history.OK, "n1", 16*s), // back
		many(5, "read", history.OK, "n1", 17*s),
	)
	interrupted := many(1, "write", history.Info, "n1", 9*s)
	interrupted[0].Complete.Time = 14 * s
	pending := many(1, "write", history.Info, "n1", 18*s)
	pending[0].Complete.Time = history.Never
	ok, total := OutsideFaults(AvailabilityInput{Operations: join(ops, interrupted, pending), Nodes: []string{"n1"},
		Faults: []cluster.Fault{{At: 10 * s, Healed: 15 * s}}, End: 20 * s})
	if ok != 13 || total != 16 {
		t.Errorf("%d of %d, want 13 of 16", ok, total)
	}
}

func TestLags(t *testing.T) {
	late := history.Lag(int64(2 * time.Second))
	late.Time = 5 * time.Second
	got := Lags([]history.Event{history.Began("kill", "n1"), late, {F: history.LagF, Type: history.OK}})
	if len(got) != 1 || got[0] != (Lag{At: 5 * time.Second, For: 2 * time.Second}) {
		t.Errorf("lags are %v", got)
	}
}
