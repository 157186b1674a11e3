package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"partita/harness/trace"
)

// The message diagram's geometry, in pixels. Rows are as high as their words,
// so that places down the page are shares of a row.
const (
	diagramLeft  = 38.0
	diagramRight = 104.0 // room for the labels of the last lane
	laneGap      = 126.0 // between lanes, while there are few
	laneGapLeast = 62.0
	laneRoom     = 560.0 // for the lanes of many nodes
	arrowEnd     = 6.0   // before a lane, so that heads do not hide it
	lostAt       = 0.68  // of its way, where a lost message ends
	flightEnds   = 0.42  // of its way, where one ends of which no more is told
	lifeSeam     = 2     // hundredths of a row by which a lane reaches into the next
	boldLetter   = 7.0   // the width of a label's letter
)

// clientsLane names the lane of the clients, if they do anything.
const clientsLane = "clients"

// diagramLane is the life of one node, from top to bottom.
type diagramLane struct {
	Name string
	X    float64
}

// slice is one row's part of the diagram.
type slice struct {
	Lives  []lifePart
	Arrows []arrowPart
	Signs  []sign
	Label  *label
}

// lifePart is half a row of a lane, or a whole one.
type lifePart struct {
	X        float64
	From, To int    // in hundredths of the row, a little over its ends to leave no seam
	Class    string // leader, candidate, follower, down or unknown
}

// sign marks what happened on a lane.
type sign struct {
	X     float64
	Class string // the kind of step
}

// label is the one text of a row.
type label struct {
	X, Down float64 // Down from the middle of the row
	Anchor  string
	Class   string
	Text    string
}

// diagram places steps: a lane a node, a row a step.
type diagram struct {
	nodes  []string
	all    []trace.Step // also those that have no row, for the roles that they leave
	rows   []int        // in all, the step of each row
	steps  []trace.Step // of each row
	lanes  []diagramLane
	place  map[string]float64
	gap    float64
	width  float64
	arrows []arrow
	sent   map[int]int // by message: the row of its sending
	ends   map[int]int // by message: the row of its first end
}

// newDiagram places those of all steps that have a row.
func newDiagram(all []trace.Step, rows []int) *diagram {
	d := &diagram{nodes: trace.Nodes(all), all: all, rows: rows, place: map[string]float64{}, sent: map[int]int{}, ends: map[int]int{}}
	for _, i := range rows {
		d.steps = append(d.steps, all[i])
	}
	names := d.nodes
	if slices.ContainsFunc(d.steps, func(s trace.Step) bool { return s.Kind == trace.Invoke || s.Kind == trace.Complete }) {
		names = append([]string{clientsLane}, names...)
	}
	d.gap = math.Floor(max(laneGapLeast, min(laneGap, laneRoom/float64(max(1, len(names)-1)))))
	for i, name := range names {
		x := diagramLeft + float64(i)*d.gap
		d.place[name] = x
		d.lanes = append(d.lanes, diagramLane{name, x})
	}
	d.width = diagramLeft + float64(max(0, len(names)-1))*d.gap + diagramRight
	d.findArrows()
	return d
}

// other is the number of the step at the other end of row i's message.
func (d *diagram) other(i int) int {
	s := d.steps[i]
	row, ok := d.sent[s.Message]
	if s.Kind == trace.Send {
		row, ok = d.ends[s.Message]
	}
	if !ok || s.Message == 0 || row == i {
		return 0
	}
	return d.steps[row].Number
}

// slices cuts the diagram into rows.
func (d *diagram) slices() []slice {
	rows := make([]slice, len(d.steps))
	d.drawLives(rows)
	for number, a := range d.arrows {
		d.drawArrow(rows, number, a)
	}
	for i, s := range d.steps {
		rows[i].Signs = d.signsOf(i, s)
		rows[i].Label = d.labelOf(i, s)
	}
	return rows
}

// signsOf marks what happened in row i; arrows say it of messages and clients.
func (d *diagram) signsOf(i int, s trace.Step) []sign {
	nodes := []string{s.Node}
	switch s.Kind {
	case trace.Send, trace.Deliver, trace.Invoke, trace.Complete:
		return nil
	case trace.Drop:
		return []sign{{d.lostPlace(i), string(s.Kind)}}
	case trace.Violation:
		nodes = trace.Concerned(s, d.nodes)
	}
	var signs []sign
	for _, node := range nodes {
		if x, ok := d.place[node]; ok {
			signs = append(signs, sign{x, string(s.Kind)})
		}
	}
	return signs
}

// drawLives draws each node's lane in the colour of its role: above a step's
// middle the one before it, below the one after.
func (d *diagram) drawLives(rows []slice) {
	roles := map[string]string{}
	row := 0
	for i, s := range d.all {
		before := roles[s.Node]
		switch {
		case s.Kind == trace.Crash:
			roles[s.Node] = "down"
		case s.State != "":
			roles[s.Node] = roleOf(s.State)
		case s.Kind == trace.Start:
			roles[s.Node] = "unknown"
		}
		if row < len(rows) && d.rows[row] == i {
			rows[row].Lives = d.livesIn(s.Node, before, roles)
			row++
		}
	}
}

// livesIn draws the lanes of one row, in which a node went from one role to
// that which it has now.
func (d *diagram) livesIn(node, before string, roles map[string]string) []lifePart {
	var parts []lifePart
	for _, l := range d.lanes {
		role := roles[l.Name]
		if l.Name == clientsLane {
			role = "clients"
		}
		if l.Name == node && role != before {
			parts = append(parts, lifePart{l.X, -lifeSeam, 50, orUnknown(before)}, lifePart{l.X, 50, 100 + lifeSeam, orUnknown(role)})
			continue
		}
		parts = append(parts, lifePart{l.X, -lifeSeam, 100 + lifeSeam, orUnknown(role)})
	}
	return parts
}

func orUnknown(role string) string {
	if role == "" {
		return "unknown"
	}
	return role
}

// roleOf reads the role in a state, which begins with it.
func roleOf(state string) string {
	role, _, _ := strings.Cut(state, ",")
	switch {
	case role == "leader", role == "follower", role == "down":
		return role
	case strings.HasSuffix(role, "candidate"):
		return "candidate"
	}
	return "unknown"
}

// labelOf is the text in row i of the diagram, cut to what fits before the
// next lane.
func (d *diagram) labelOf(i int, s trace.Step) *label {
	if s.Kind == trace.Violation {
		return &label{X: diagramLeft - 26, Down: -9, Anchor: "start", Class: "violation", Text: "✕ " + clip(ruleOf(s.Text), 40)}
	}
	x, ok := d.place[s.Node]
	if !ok {
		return nil
	}
	l := &label{X: x + 12, Down: 4, Anchor: "start", Class: string(s.Kind)}
	switch s.Kind {
	case trace.Send:
		l.Down, l.Text = -5, fmt.Sprintf("%s #%d", firstWord(s.Text), s.Message)
		if !d.fits(l.Text) {
			l.Text = fmt.Sprintf("#%d", s.Message)
		}
		l.turn(x, d.place[s.Peer])
	case trace.Deliver:
		l.Down, l.Text = 14, fmt.Sprintf("#%d", s.Message)
		l.turn(x, d.place[s.Peer])
	case trace.Drop:
		l.X, l.Text = d.lostPlace(i)+9, fmt.Sprintf("#%d", s.Message)
	case trace.Change:
		l.Text = roleAndTerm(s.State)
		if !d.fits(l.Text) {
			l.Text = roleOf(s.State)
		}
	case trace.Invoke, trace.Complete: // the arrow says it
	default:
		l.Text = kindWords[s.Kind]
	}
	if l.Text == "" {
		return nil
	}
	return l
}

// turn puts a label on the side of a lane on which the peer is.
func (l *label) turn(own, peer float64) {
	if peer < own {
		l.X, l.Anchor = own-12, "end"
	}
}

func (d *diagram) fits(text string) bool { return boldLetter*float64(len(text)) <= d.gap-24 }

// roleAndTerm is what a state begins with: "leader, term 4".
func roleAndTerm(state string) string {
	parts := strings.SplitN(state, ",", 3)
	return strings.Join(parts[:min(2, len(parts))], ",")
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return strings.TrimRight(word, ":,")
}
