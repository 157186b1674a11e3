package report

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
)

// golden reads one of the traces written by hand.
func golden(t testing.TB, name string) []trace.Step {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "trace", "testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	steps, err := trace.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// simulatedSample is a simulated run that broke a rule inside.
func simulatedSample(t testing.TB, name string) Input {
	t.Helper()
	in := sample(t, checker.Valid, 600)
	in.Trace = golden(t, name)
	last := in.Trace[len(in.Trace)-1]
	rule, text, _ := strings.Cut(last.Text, ": ")
	in.Simulation = &store.Simulation{
		Steps: 51230, Seconds: 12.5, HistorySHA256: strings.Repeat("9f", 32),
		Coverage:  map[string]int{"elections": 7, "snapshots installed": 0, "torn tails cut": 2, "forwarded writes": 1204},
		Violation: &store.Violation{Name: rule, Step: last.Number, Text: text},
	}
	in.Results.Cluster = "sim"
	in.Results.Checks["invariants"] = checker.Result{Verdict: checker.Invalid, Reason: in.Simulation.Violation.String()}
	in.Results.Verdict, in.Results.Reason = checker.Compose(in.Results.Checks)
	return in
}

func TestTheAccountOfAViolation(t *testing.T) {
	for name, want := range map[string][]string{
		"two-leaders": {"invariants: election safety: n1 and n2 lead in term 2 (step 33)", "32 of these 33 steps", "n3 ← n1", "what led to the violation", "leader, term 2</text>"},
		"lost-entry":  {"invariants: leader completeness: n3 leads", "n2 ← n3", "a-again", "✕ leader completeness", "clients</text>"},
	} {
		t.Run(name, func(t *testing.T) {
			page := written(t, simulatedSample(t, name))
			for _, want := range append(want, "Inside the cluster", "never", strings.Repeat("9f", 32), "51\u2009230", "byte for byte") {
				if !strings.Contains(page, want) {
					t.Errorf("the report lacks %q", want)
				}
			}
		})
	}
}

// longTrace is a healthy leader's rounds of heartbeats, then a violation of a
// node that heard one early.
func longTrace(rounds int) []trace.Step {
	var steps []trace.Step
	add := func(s trace.Step) {
		s.Number, s.At = len(steps)+1, time.Duration(len(steps))*time.Millisecond
		steps = append(steps, s)
	}
	for round := range rounds {
		for _, node := range []string{"n2", "n3", "n4", "n5"} {
			message := 2*len(steps) + 1
			add(trace.Step{Kind: trace.Send, Node: "n1", Peer: node, Message: message, Text: "Heartbeat term 3", State: "leader, term 3"})
			if node == "n5" && round > 0 {
				add(trace.Step{Kind: trace.Drop, Node: node, Peer: "n1", Message: message, Text: "lost"})
				continue
			}
			add(trace.Step{Kind: trace.Deliver, Node: node, Peer: "n1", Message: message, Text: "Heartbeat term 3", State: "follower, term 3"})
		}
	}
	add(trace.Step{Kind: trace.Violation, Node: "n5", Text: "durable promises: n5 forgot"})
	return steps
}

// TestALongTraceIsCut: the last steps are shown, and all that led to the
// violation however long ago.
func TestALongTraceIsCut(t *testing.T) {
	steps := longTrace(200)
	a := newAccount(steps)
	if got, want := len(a.Rows), accountMax+5; got != want { // four sendings, the last to n5, and its taking
		t.Fatalf("%d rows, want %d", got, want)
	}
	if a.Rows[4].Number != 8 || a.Rows[5].Number != len(steps)-accountMax+1 || a.Left() != len(steps)-len(a.Rows) {
		t.Errorf("rows of steps %d, %d; %d left out", a.Rows[4].Number, a.Rows[5].Number, a.Left())
	}
	in := sample(t, checker.Valid, 600)
	in.Trace = steps
	if page := written(t, in); len(page) > 2<<20 || !strings.Contains(page, "Shown are 405 of 1601 steps") {
		t.Errorf("the report has %d bytes, or does not say what it leaves out", len(page))
	}
}

// every gives each step a row.
func every(steps []trace.Step) []int {
	rows := make([]int, len(steps))
	for i := range rows {
		rows[i] = i
	}
	return rows
}

// TestRolesOfStepsWithoutARow: a lane has the role that a step left which is
// not shown.
func TestRolesOfStepsWithoutARow(t *testing.T) {
	steps := []trace.Step{
		{Kind: trace.Timer, Node: "n1", State: "follower, term 1"},
		{Kind: trace.Change, Node: "n1", State: "leader, term 2"},
		{Kind: trace.Timer, Node: "n2"},
	}
	rows := newDiagram(steps, []int{0, 2}).slices()
	if lives := rows[1].Lives; len(rows) != 2 || lives[0].Class != "leader" {
		t.Errorf("%d rows, the lanes of the second are %+v; want two, n1 leading", len(rows), lives)
	}
}

// TestArrows follows every arrow down the rows that it crosses: it is whole,
// and begins and ends beside the lanes of its nodes.
func TestArrows(t *testing.T) {
	send := func(m int) trace.Step {
		return trace.Step{Kind: trace.Send, Node: "n1", Peer: "n2", Message: m, Text: "Append"}
	}
	take := func(m int) trace.Step {
		return trace.Step{Kind: trace.Deliver, Node: "n2", Peer: "n1", Message: m, Text: "Append"}
	}
	lose := func(m int) trace.Step {
		return trace.Step{Kind: trace.Drop, Node: "n2", Peer: "n1", Message: m, Text: "lost"}
	}
	other := trace.Step{Kind: trace.Timer, Node: "n2"}
	type shape struct {
		class    string
		from, to int  // rows
		full     bool // all of the way
		head     bool
	}
	for name, tc := range map[string]struct {
		steps []trace.Step
		want  []shape
	}{
		"next row":            {[]trace.Step{send(1), take(1)}, []shape{{"message", 0, 1, true, true}}},
		"over others":         {[]trace.Step{send(1), other, other, take(1)}, []shape{{"message", 0, 3, true, true}}},
		"lost":                {[]trace.Step{send(1), other, lose(1)}, []shape{{"lost", 0, 2, false, false}}},
		"twice":               {[]trace.Step{send(1), take(1), take(1)}, []shape{{"message", 0, 1, true, true}, {"again", 0, 2, true, true}}},
		"taken, then lost":    {[]trace.Step{send(1), take(1), lose(1)}, []shape{{"message", 0, 1, true, true}, {"lost", 0, 2, false, false}}},
		"on its way":          {[]trace.Step{send(1), other}, []shape{{"flight", 0, 0, false, true}}},
		"sent before":         {[]trace.Step{other, take(1)}, []shape{{"message", 1, 1, false, true}}},
		"crossing":            {[]trace.Step{send(1), send(2), take(2), take(1)}, []shape{{"message", 1, 2, true, true}, {"message", 0, 3, true, true}}},
		"asked by a client":   {[]trace.Step{{Kind: trace.Invoke, Node: "n2"}}, []shape{{"call", 0, 0, true, true}}},
		"a number that is no": {[]trace.Step{send(0), send(0), take(0)}, []shape{{"message", 2, 2, false, true}, {"flight", 0, 0, false, true}, {"flight", 1, 1, false, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDiagram(tc.steps, every(tc.steps))
			parts := map[int][]arrowPart{}
			rows := map[int][]int{}
			for row, s := range d.slices() {
				for _, p := range s.Arrows {
					parts[p.Arrow], rows[p.Arrow] = append(parts[p.Arrow], p), append(rows[p.Arrow], row)
				}
			}
			if len(parts) != len(tc.want) {
				t.Fatalf("%d arrows, want %d", len(parts), len(tc.want))
			}
			way := d.gap - 2*arrowEnd
			for i, want := range tc.want {
				first, last := parts[i][0], parts[i][len(parts[i])-1]
				for j, p := range parts[i][1:] {
					if before := parts[i][j]; p.X1 != before.X2 || before.Y2 != 100 || p.Y1 != 0 {
						t.Errorf("arrow %d is broken between %+v and %+v", i, before, p)
					}
				}
				got := shape{first.Class, rows[i][0], rows[i][len(rows[i])-1], last.X2-first.X1 == way, last.Head}
				if got != want || first.Y1 != 50 || last.Y2 != 50 {
					t.Errorf("arrow %d is %+v (%+v), want %+v", i, got, parts[i], want)
				}
			}
		})
	}
}

// TestLanes: a node's lane has the colour of the role that its state begins
// with, and is broken while the node is down.
func TestLanes(t *testing.T) {
	steps := []trace.Step{
		{Kind: trace.Start, Node: "n1", State: "follower, term 1"},
		{Kind: trace.Change, Node: "n1", State: "pre-candidate, term 1"},
		{Kind: trace.Change, Node: "n1", State: "leader, term 2"},
		{Kind: trace.Crash, Node: "n1"},
		{Kind: trace.Start, Node: "n1"},
		{Kind: trace.Timer, Node: "n1", State: "learner, term 2"},
	}
	var got []string
	for _, s := range newDiagram(steps, every(steps)).slices() {
		for _, l := range s.Lives {
			got = append(got, l.Class)
		}
	}
	want := "unknown follower follower candidate candidate leader leader down down unknown unknown"
	if strings.Join(got, " ") != want {
		t.Errorf("the lane is %v, want %s", got, want)
	}
}

// TestHostileSteps: whatever a trace says is escaped, and it may say nothing.
func TestHostileSteps(t *testing.T) {
	long := strings.Repeat("é", 5000)
	steps := []trace.Step{
		{}, {Kind: trace.Kind(hostile), Node: hostile, Peer: hostile, Text: hostile, State: hostile, Message: -3},
		{Kind: trace.Deliver, Text: long, State: long}, {Kind: trace.Send, Message: 1}, {Kind: trace.Drop, Message: 1}, {Kind: trace.Violation, Text: hostile},
	}
	page := written(t, Input{Trace: steps})
	if strings.Contains(page, "<img") || strings.Contains(page, long) || strings.Contains(page, "ZgotmplZ") {
		t.Error("a step's text came through as it was")
	}
	if newAccount(nil) != nil {
		t.Error("no steps have an account")
	}
}

func TestAPathHasAPageOfItsOwn(t *testing.T) {
	steps := golden(t, "two-leaders")
	for i := range steps {
		steps[i].At = 0 // an exhaustive search has no time
	}
	var b bytes.Buffer
	p := Path{Title: "vote-twice: two leaders in a term", Words: []string{"The shortest way has 33 steps."}, Command: "bin/harness explore --exhaustive --bug vote-twice", Steps: steps}
	if err := WritePath(&b, p); err != nil {
		t.Fatal(err)
	}
	keepSample(t, b.Bytes())
	for _, want := range []string{p.Title, p.Words[0], p.Command, "election safety: n1 and n2 lead in term 2", "Message by message", "leader of term 2"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"0.000 s", "trace.jsonl", "ZgotmplZ"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}
