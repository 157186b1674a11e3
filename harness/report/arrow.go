package report

import (
	"math"

	"partita/harness/trace"
)

// arrow is one message on its way, once more for each duplicate.
type arrow struct {
	from, to int // rows
	x1, x2   float64
	class    string // message, again, lost, flight or call
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

// lostPlace is where the message ends that is lost in row i.
func (d *diagram) lostPlace(i int) float64 {
	for _, a := range d.arrows {
		if a.to == i && a.class == "lost" {
			return a.x2
		}
	}
	return 0
}
