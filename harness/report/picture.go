package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"partita/harness/checker"
	"partita/harness/history"
)

// The picture's geometry, in units of its view box.
const (
	pictureLeft  = 92.0
	pictureRight = 980.0
	pictureTop   = 46.0
	pictureStep  = 52.0
	pictureBar   = 22.0
)

// picture shows the smallest failing sub-history: a lane a process, an
// operation from its invocation to its completion. Every event has a place of
// its own, in order; long silences are shortened, so only the order and the
// times written are to scale.
type picture struct {
	Height, Bottom float64
	Lanes          []pictureLane
	Bars           []pictureBarShape
	Ticks          []tick
	Bands          []band
}

// pictureLane is a process.
type pictureLane struct {
	Y     float64
	Label string
}

// pictureBarShape is one operation.
type pictureBarShape struct {
	X, Y, Width, Height float64
	LabelX, LabelY      float64
	Anchor              string
	Class               string // of the outcome: ok or open
	Label, Title        string
	Last                bool
}

func pictureOf(in Input, f *checker.Failure) picture {
	axis := newRankedAxis(f.Operations)
	lanes := make(map[int]float64)
	var p picture
	for _, op := range f.Operations {
		process := op.Invoke.Process
		if _, ok := lanes[process]; ok {
			continue
		}
		lanes[process] = pictureTop + float64(len(lanes))*pictureStep
		p.Lanes = append(p.Lanes, pictureLane{lanes[process], fmt.Sprintf("p%d · %s", process, op.Invoke.Node)})
	}
	p.Bottom = pictureTop + float64(len(lanes))*pictureStep
	p.Height = p.Bottom + 34
	last := lastCompleted(f.Operations)
	for i, op := range f.Operations {
		p.Bars = append(p.Bars, axis.bar(op, lanes[op.Invoke.Process], f.Described[i], i == last))
	}
	p.Ticks = axis.ticks()
	for i, fault := range in.Faults {
		if fault.Healed < axis.times[0] || fault.At > axis.times[len(axis.times)-1] {
			continue
		}
		b := band{Number: i + 1, X: axis.at(fault.At), Title: fmt.Sprintf("fault %d: %s, %s to %s", i+1, faultName(fault), instant(fault.At), instant(fault.Healed))}
		b.Width = math.Max(2, math.Round((axis.at(fault.Healed)-b.X)*10)/10)
		b.Label = fmt.Sprintf("%d", i+1)
		if long := b.Label + " " + faultName(fault); letter*float64(len(long)) < b.Width {
			b.Label = long
		}
		p.Bands = append(p.Bands, b)
	}
	return p
}

// rankedAxis gives every event of the operations its place.
type rankedAxis struct {
	times  []time.Duration // of the events, in order
	places []float64
	place  map[int]float64 // by index of the event
}

func newRankedAxis(ops []history.Operation) *rankedAxis {
	var events []history.Event
	for _, op := range ops {
		events = append(events, op.Invoke)
		if op.Complete.Type == history.OK {
			events = append(events, op.Complete)
		}
	}
	slices.SortFunc(events, func(a, b history.Event) int { return cmp.Compare(a.Index, b.Index) })
	a := &rankedAxis{place: make(map[int]float64, len(events))}
	// A silence ten times as long is drawn one step wider.
	at := 0.0
	for i, e := range events {
		if i > 0 {
			gap := max(0, e.Time-events[i-1].Time)
			at += 3 + math.Log10(1+float64(gap)/float64(time.Millisecond))
		}
		a.times = append(a.times, e.Time)
		a.places = append(a.places, at)
	}
	// Room at the right for what has no end.
	span := (pictureRight - pictureLeft - 60) / math.Max(at, 1)
	for i, e := range events {
		a.places[i] = math.Round((pictureLeft+12+a.places[i]*span)*10) / 10
		a.place[e.Index] = a.places[i]
	}
	return a
}

// at is the place of any instant, between those of the events around it.
func (a *rankedAxis) at(t time.Duration) float64 {
	i, _ := slices.BinarySearch(a.times, t)
	switch {
	case i == 0:
		return pictureLeft
	case i == len(a.times):
		return pictureRight
	}
	from, to := a.times[i-1], a.times[i]
	part := 0.5
	if to > from {
		part = float64(t-from) / float64(to-from)
	}
	return math.Round((a.places[i-1]+part*(a.places[i]-a.places[i-1]))*10) / 10
}

// ticks marks the events, leaving out labels that would cover one another.
func (a *rankedAxis) ticks() []tick {
	var ticks []tick
	free := 0.0
	for i, x := range a.places {
		label := ""
		if x >= free {
			label = instant(a.times[i])
			free = x + 64
		}
		ticks = append(ticks, tick{x, label})
	}
	return ticks
}

func (a *rankedAxis) bar(op history.Operation, laneY float64, described string, last bool) pictureBarShape {
	b := pictureBarShape{X: a.place[op.Invoke.Index], Y: laneY + 20, Height: pictureBar, Class: "ok", Label: described, Last: last, Anchor: "start"}
	right, end := pictureRight, "nobody knows when"
	if op.Complete.Type == history.OK {
		right, end = a.place[op.Complete.Index], instant(op.Complete.Time)
	} else {
		b.Class = "open"
	}
	b.Width = math.Round((right-b.X)*10) / 10
	b.Title = fmt.Sprintf("p%d on %s: %s, %s to %s", op.Invoke.Process, op.Invoke.Node, described, instant(op.Invoke.Time), end)
	b.LabelX, b.LabelY = b.X, b.Y-5
	if b.X > (pictureLeft+pictureRight)*2/3 {
		b.LabelX, b.Anchor = right, "end"
	}
	return b
}
