package report

import (
	"fmt"
	"math"
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

// arrowPart is what an arrow crosses of a row.
type arrowPart struct {
	Arrow    int // number of the arrow in the diagram
	X1, X2   float64
	Y1, Y2   int // in hundredths of the row
	Class    string
	Head     bool
	From, To bool // the row is that of the arrow's sending, of its end
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
	steps  []trace.Step
	lanes  []diagramLane
	place  map[string]float64
	gap    float64
	width  float64
	arrows []arrow
	sent   map[int]int // by message: the row of its sending
	ends   map[int]int // by message: the row of its first end
}

// arrow is one message on its way, once more for each duplicate.
type arrow struct {
	from, to int // rows
	x1, x2   float64
	class    string // message, again, lost, flight or call
}

func newDiagram(nodes []string, steps []trace.Step) *diagram {
	d := &diagram{nodes: nodes, steps: steps, place: map[string]float64{}, sent: map[int]int{}, ends: map[int]int{}}
	names := nodes
	for _, s := range steps {
		if s.Kind == trace.Invoke || s.Kind == trace.Complete {
			names = append([]string{clientsLane}, nodes...)
			break
		}
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

// findArrows pairs the ends of messages.
func (d *diagram) findArrows() {
	for i, s := range d.steps {
		switch s.Kind {
		case trace.Send:
			if s.Message > 0 {
				d.sent[s.Message] = i
			}
		case trace.Deliver, trace.Drop:
			d.arrive(i, s)
		case trace.Invoke:
			d.arrows = append(d.arrows, d.between(i, i, clientsLane, s.Node, "call"))
		case trace.Complete:
			d.arrows = append(d.arrows, d.between(i, i, s.Node, clientsLane, "call"))
		}
	}
	for i, s := range d.steps {
		if _, arrived := d.ends[s.Message]; s.Kind == trace.Send && !arrived {
			a := d.between(i, i, s.Node, s.Peer, "flight")
			a.x2 = a.x1 + flightEnds*(a.x2-a.x1)
			d.arrows = append(d.arrows, a)
		}
	}
}

// arrive draws the arrow that ends in row i.
func (d *diagram) arrive(i int, s trace.Step) {
	from, told := d.sent[s.Message]
	_, again := d.ends[s.Message]
	if !again && s.Message > 0 {
		d.ends[s.Message] = i
	}
	class := "message"
	switch {
	case s.Kind == trace.Drop:
		class = "lost"
	case again:
		class = "again"
	}
	if !told {
		from = i // sent before the first row
	}
	a := d.between(from, i, s.Peer, s.Node, class)
	if !told {
		a.x1 = a.x2 - flightEnds*(a.x2-a.x1)
	}
	if class == "lost" {
		a.x2 = a.x1 + lostAt*(a.x2-a.x1)
	}
	d.arrows = append(d.arrows, a)
}

func (d *diagram) between(from, to int, sender, receiver, class string) arrow {
	x1, x2 := d.place[sender], d.place[receiver]
	toward := math.Copysign(arrowEnd, x2-x1)
	return arrow{from, to, x1 + toward, x2 - toward, class}
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

// lostPlace is where the message ends that is lost in row i.
func (d *diagram) lostPlace(i int) float64 {
	for _, a := range d.arrows {
		if a.to == i && a.class == "lost" {
			return a.x2
		}
	}
	return 0
}

// drawLives draws each node's lane in the colour of its role: above a step's
// middle the one before it, below the one after.
func (d *diagram) drawLives(rows []slice) {
	roles := map[string]string{}
	for i, s := range d.steps {
		before := roles[s.Node]
		switch {
		case s.Kind == trace.Crash:
			roles[s.Node] = "down"
		case s.State != "":
			roles[s.Node] = roleOf(s.State)
		case s.Kind == trace.Start:
			roles[s.Node] = "unknown"
		}
		for _, l := range d.lanes {
			role := roles[l.Name]
			if l.Name == clientsLane {
				role = "clients"
			}
			if l.Name == s.Node && role != before {
				rows[i].Lives = append(rows[i].Lives, lifePart{l.X, -lifeSeam, 50, orUnknown(before)}, lifePart{l.X, 50, 100 + lifeSeam, orUnknown(role)})
				continue
			}
			rows[i].Lives = append(rows[i].Lives, lifePart{l.X, -lifeSeam, 100 + lifeSeam, orUnknown(role)})
		}
	}
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

// drawArrow cuts an arrow into the rows that it crosses, as if all were of one
// height; the page's script straightens it.
func (d *diagram) drawArrow(rows []slice, number int, a arrow) {
	head := a.class != "lost"
	if a.from == a.to {
		rows[a.from].Arrows = append(rows[a.from].Arrows, arrowPart{number, a.x1, a.x2, 50, 50, a.class, head, true, true})
		return
	}
	at := func(share float64) float64 {
		return math.Round(10*(a.x1+(a.x2-a.x1)*share/float64(a.to-a.from))) / 10
	}
	for row := a.from; row <= a.to; row++ {
		part := arrowPart{Arrow: number, Y2: 100, Class: a.class, From: row == a.from, To: row == a.to, Head: head && row == a.to}
		top := float64(row-a.from) - 0.5
		part.X1, part.X2 = at(max(0, top)), at(min(top+1, float64(a.to-a.from)))
		if part.From {
			part.Y1 = 50
		}
		if part.To {
			part.Y2 = 50
		}
		rows[row].Arrows = append(rows[row].Arrows, part)
	}
}

// labelOf is the text in row i of the diagram, cut to what fits before the
// next lane.
func (d *diagram) labelOf(i int, s trace.Step) *label {
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
	case trace.Violation:
		l = &label{X: diagramLeft - 26, Down: -9, Anchor: "start", Class: "violation", Text: "✕ " + clip(ruleOf(s.Text), 40)}
	case trace.Invoke, trace.Complete:
		l.Text = ""
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
