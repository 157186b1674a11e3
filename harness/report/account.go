package report

import (
	"strings"

	"partita/harness/trace"
)

// accountMax is how many of the last steps are shown, and how many of those
// that led to a violation when these reach back farther.
const accountMax = 400

// textMax and stateMax bound what a step may say, in bytes.
const (
	textMax  = 400
	stateMax = 200
)

// account is a cluster's steps, told in a table whose rows each hold their
// slice of the message diagram.
type account struct {
	Lanes  []diagramLane
	Width  float64 // of the diagram
	Timed  bool    // steps have instants
	Broken string  // the rule that was broken, or empty
	Rows   []accountRow
	Past   int      // rows that led to the violation
	Whole  int      // steps of the trace
	Nodes  []string // to choose from
	Groups []string // of kinds, to choose from
}

// Left is how many steps are not shown.
func (a account) Left() int { return a.Whole - len(a.Rows) }

// accountRow is one step.
type accountRow struct {
	Number  int
	At      string
	Class   string // the kind, or plain for a kind that is not known
	Node    string
	Group   string // empty: shown whatever is chosen
	Past    bool
	Who     string // "n1 → n2", or the node
	What    string // the kind in words
	Message int
	Other   int // number of the step at a message's other end, 0 if it is not shown
	Sent    bool
	Words   string
	State   string
	Same    bool // the state is what it was
	Slice   slice
}

// groups are the kinds that a reader chooses by, in order. What is in none of
// them is always shown.
var groups = []struct {
	name  string
	kinds []trace.Kind
}{
	{"messages", []trace.Kind{trace.Send, trace.Deliver}},
	{"losses", []trace.Kind{trace.Drop}},
	{"timers", []trace.Kind{trace.Timer}},
	{"disks", []trace.Kind{trace.Durable}},
	{"applied", []trace.Kind{trace.Apply}},
	{"roles", []trace.Kind{trace.Change}},
	{"clients", []trace.Kind{trace.Invoke, trace.Complete}},
	{"faults", []trace.Kind{trace.Fault}},
}

// said of each kind beside its words.
var kindWords = map[trace.Kind]string{
	trace.Send: "sends", trace.Deliver: "takes", trace.Drop: "lost", trace.Timer: "timer", trace.Durable: "on disk",
	trace.Apply: "applies", trace.Change: "becomes", trace.Start: "starts", trace.Crash: "crashes", trace.Invoke: "asked",
	trace.Complete: "answers", trace.Fault: "fault", trace.Violation: "violation",
}

// newAccount tells steps. It is nil if there are none.
func newAccount(steps []trace.Step) *account {
	if len(steps) == 0 {
		return nil
	}
	past := trace.Past(steps)
	rows := window(past)
	d := newDiagram(steps, rows)
	a := &account{Lanes: d.lanes, Width: d.width, Timed: trace.Timed(steps), Whole: len(steps), Nodes: d.nodes}
	slices := d.slices()
	states := map[string]string{}
	used := map[string]bool{}
	for i, at := range rows {
		s := steps[at]
		if s.Kind == trace.Crash {
			delete(states, s.Node)
		}
		row := accountRow{
			Number: s.Number, At: instant(s.At), Class: "plain", Node: s.Node, Group: groupOf(s.Kind), Past: past[at],
			Who: arrowed(s), What: kindWords[s.Kind], Message: s.Message, Other: d.other(i), Sent: s.Kind == trace.Send,
			Words: clip(s.Text, textMax), State: clip(s.State, stateMax), Same: s.State == states[s.Node], Slice: slices[i],
		}
		if row.What != "" {
			row.Class = string(s.Kind)
		} else {
			row.What = clip(string(s.Kind), 20)
		}
		if s.State != "" {
			states[s.Node] = s.State
		}
		if s.Kind == trace.Violation {
			a.Broken = clip(ruleOf(s.Text), 60)
		}
		if past[at] {
			a.Past++
		}
		used[row.Group] = true
		a.Rows = append(a.Rows, row)
	}
	for _, g := range groups {
		if used[g.name] {
			a.Groups = append(a.Groups, g.name)
		}
	}
	return a
}

// window chooses the steps that are shown, given which led to a violation.
func window(past []bool) []int {
	from, count := 0, 0 // of those that led to it, the first that is shown
	for i := len(past) - 1; i >= 0 && count < accountMax; i-- {
		if past[i] {
			from, count = i, count+1
		}
	}
	var rows []int
	for i := range past {
		if i >= len(past)-accountMax || past[i] && i >= from {
			rows = append(rows, i)
		}
	}
	return rows
}

func groupOf(kind trace.Kind) string {
	for _, g := range groups {
		for _, k := range g.kinds {
			if k == kind {
				return g.name
			}
		}
	}
	return ""
}

// arrowed says to whom a step happened, as a page writes it.
func arrowed(s trace.Step) string {
	return strings.NewReplacer("->", "→", "<-", "←", "x-", "✕").Replace(trace.Who(s))
}

// ruleOf is the name of the rule that a violation broke.
func ruleOf(text string) string {
	name, _, _ := strings.Cut(text, ":")
	return name
}
