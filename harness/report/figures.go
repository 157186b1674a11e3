package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"partita/harness/cluster"
	"partita/harness/history"
)

// The figures' common geometry, in units of their view box.
const (
	figureWidth = 1000.0
	figureLeft  = 56.0
	figureRight = 988.0
	plotTop     = 24.0
	plotBottom  = 196.0
)

// figures are the drawings that share the run's axis of time.
type figures struct {
	Shown     bool
	End       string
	Ticks     []tick
	Bands     []band
	Changes   bool // whether the membership is among the faults
	Rate      plot
	Latency   plot
	Lanes     []roleLane
	LanesEnd  float64 // where the lanes end, downwards
	LanesTall float64
	Hover     hover
}

// tick is a mark on an axis.
type tick struct {
	At    float64
	Label string
}

// band shades the time of a fault. Number is its row in the table.
type band struct {
	Number   int
	X, Width float64
	Pattern  int
	Title    string
	Label    string
	LabelY   float64 // lower where another label is in the way
}

// plot is a set of lines over time.
type plot struct {
	Rows  []tick // the vertical axis
	Lines []line
	Marks []mark
}

// line is one series; Points is SVG's list, in pieces where data is missing.
type line struct {
	Class, Name string
	Points      []string
}

// mark is one operation that was not ok.
type mark struct {
	X, Y float64
	Info bool
}

// hover is what the page shows for the point in time under the pointer.
type hover struct {
	Left    float64    `json:"left"`
	Right   float64    `json:"right"`
	Seconds float64    `json:"seconds"` // the run's length
	Width   float64    `json:"width"`   // of a bucket, in seconds
	Buckets [][]string `json:"buckets"` // ok, fail, info, p50, p95, p99, max
	Faults  []span     `json:"faults"`
	Roles   []laneData `json:"roles"`
}

// span is something that lasted, in seconds.
type span struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	What string  `json:"what"`
}

// laneData is one node's roles.
type laneData struct {
	Node  string `json:"node"`
	Spans []span `json:"spans"`
}

// scale maps the run's time to the figures' width.
type scale struct{ end time.Duration }

func (s scale) x(t time.Duration) float64 {
	part := float64(min(max(t, 0), s.end)) / float64(s.end)
	return math.Round((figureLeft+part*(figureRight-figureLeft))*10) / 10
}

func figuresOf(in Input) figures {
	end := endOf(in)
	if end == 0 {
		return figures{}
	}
	s := scale{end}
	data := seriesOf(in.Operations, end)
	f := figures{
		Shown: true, End: instant(end), Ticks: timeTicks(s), Bands: bandsOf(in.Faults, s),
		Changes: slices.ContainsFunc(in.Faults, func(f cluster.Fault) bool { return f.Nemesis == membershipKind }),
		Rate:    ratePlot(data, s), Latency: latencyPlot(data, in.Operations, s),
		Hover: hover{Left: figureLeft / figureWidth, Right: figureRight / figureWidth, Seconds: end.Seconds(), Width: data.width.Seconds(),
			Buckets: [][]string{}, Faults: []span{}, Roles: []laneData{}},
	}
	for _, b := range data.buckets {
		f.Hover.Buckets = append(f.Hover.Buckets, hoverOf(data, b))
	}
	for _, b := range in.Faults {
		f.Hover.Faults = append(f.Hover.Faults, span{b.At.Seconds(), b.Healed.Seconds(), faultName(b)})
	}
	f.Lanes = roleLanes(in, s)
	for _, lane := range f.Lanes {
		f.Hover.Roles = append(f.Hover.Roles, lane.data())
	}
	f.LanesEnd = plotTop + float64(len(f.Lanes))*laneStep
	f.LanesTall = f.LanesEnd + 24
	return f
}

// endOf is the last instant that any record speaks of.
func endOf(in Input) time.Duration {
	var end time.Duration
	for _, op := range in.Operations {
		end = max(end, op.Invoke.Time)
		if op.Complete.Time != history.Never {
			end = max(end, op.Complete.Time)
		}
	}
	for _, f := range in.Faults {
		end = max(end, f.At, f.Healed)
	}
	return end
}

func hoverOf(s series, b bucket) []string {
	row := []string{fmt.Sprintf("%.0f", s.perSecond(b.ok)), fmt.Sprintf("%.0f", s.perSecond(b.fail)), fmt.Sprintf("%.0f", s.perSecond(b.info))}
	if len(b.latencies) == 0 {
		return row
	}
	return append(row, short(quantile(b.latencies, 0.5)), short(quantile(b.latencies, 0.95)), short(quantile(b.latencies, 0.99)), short(quantile(b.latencies, 1)))
}

// timeTicks marks about ten round instants.
func timeTicks(s scale) []tick {
	step := roundStep(s.end.Seconds() / 10)
	var ticks []tick
	for i := 0; float64(i)*step <= s.end.Seconds(); i++ {
		at := time.Duration(float64(i) * step * float64(time.Second))
		ticks = append(ticks, tick{s.x(at), coordinate(float64(i)*step) + " s"})
	}
	return ticks
}

// roundStep is the next of 1, 2 and 5 times a power of ten.
func roundStep(least float64) float64 {
	if least <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least {
			return m * power
		}
	}
	return 10 * power
}

// letter is about the width of a letter of a band's label.
const letter = 6.2

// patterns is how many shadings tell kinds of faults apart, and membershipPattern
// that of changes of the membership, in a colour of its own: they break nothing.
const (
	patterns          = 4
	membershipPattern = 4
)

func bandsOf(faults []cluster.Fault, s scale) []band {
	kinds := make(map[string]int)
	var bands []band
	for i, f := range faults {
		pattern := membershipPattern
		if f.Nemesis != membershipKind {
			if _, ok := kinds[f.Nemesis]; !ok {
				kinds[f.Nemesis] = len(kinds) % patterns
			}
			pattern = kinds[f.Nemesis]
		}
		b := band{Number: i + 1, X: s.x(f.At), Pattern: pattern}
		b.Width = math.Max(2, s.x(f.Healed)-b.X)
		b.Title = fmt.Sprintf("fault %d: %s, %s to %s", i+1, faultName(f), instant(f.At), instant(f.Healed))
		b.Label = fmt.Sprintf("%d", i+1)
		if long := b.Label + " " + shapeOf(f); letter*float64(len(long)) < b.Width {
			b.Label = long
		}
		b.LabelY = 12
		for _, other := range bands {
			if b.X < other.X+letter*float64(len(other.Label))+6 && other.X < b.X+letter*float64(len(b.Label))+6 && other.LabelY == b.LabelY {
				b.LabelY += 20
			}
		}
		bands = append(bands, b)
	}
	return bands
}

func shapeOf(f cluster.Fault) string {
	if f.Shape != "" {
		return f.Shape
	}
	return f.Nemesis
}

func faultName(f cluster.Fault) string {
	name := f.Nemesis
	if f.Shape != "" {
		name += " " + f.Shape
	}
	if len(f.Nodes) > 0 {
		name += " (" + strings.Join(f.Nodes, ", ") + ")"
	}
	return name
}

// ratePlot draws completions a second by outcome.
func ratePlot(s series, x scale) plot {
	top := 1.0
	for _, b := range s.buckets {
		top = math.Max(top, s.perSecond(max(b.ok, b.fail, b.info)))
	}
	step := roundStep(top / 4)
	top = math.Ceil(top/step) * step
	y := func(v float64) float64 { return plotBottom - v/top*(plotBottom-plotTop) }
	var p plot
	for v := 0.0; v <= top+step/2; v += step {
		p.Rows = append(p.Rows, tick{y(v), coordinate(v)})
	}
	for _, l := range []struct {
		class, name string
		value       func(bucket) int
	}{
		{"ok", "ok", func(b bucket) int { return b.ok }},
		{"fail", "fail", func(b bucket) int { return b.fail }},
		{"info", "info", func(b bucket) int { return b.info }},
	} {
		var points []string
		for i, b := range s.buckets {
			points = append(points, point(x.x(middle(s, i)), y(s.perSecond(l.value(b)))))
		}
		p.Lines = append(p.Lines, line{l.class, l.name, []string{strings.Join(points, " ")}})
	}
	return p
}

// The latency axis is logarithmic between these.
const (
	latencyLow  = 100 * time.Microsecond
	latencyHigh = 10 * time.Second
)

// marksMax bounds the single operations drawn.
const marksMax = 1500

// latencyPlot draws quantiles of the ok operations, and every other one by
// itself.
func latencyPlot(s series, ops []history.Operation, x scale) plot {
	span := math.Log(float64(latencyHigh) / float64(latencyLow))
	y := func(d time.Duration) float64 {
		d = min(max(d, latencyLow), latencyHigh)
		return plotBottom - math.Log(float64(d)/float64(latencyLow))/span*(plotBottom-plotTop)
	}
	var p plot
	for _, row := range []struct {
		at    time.Duration
		label string
	}{{latencyLow, "0.1 ms"}, {time.Millisecond, "1 ms"}, {10 * time.Millisecond, "10 ms"}, {100 * time.Millisecond, "100 ms"}, {time.Second, "1 s"}, {latencyHigh, "10 s"}} {
		p.Rows = append(p.Rows, tick{y(row.at), row.label})
	}
	for _, q := range []struct {
		class, name string
		q           float64
	}{{"median", "median", 0.5}, {"high", "99 %", 0.99}, {"most", "slowest", 1}} {
		l := line{Class: q.class, Name: q.name}
		var points []string
		flush := func() {
			if len(points) == 1 {
				points = append(points, points[0]) // a point of its own is a dot
			}
			if len(points) > 0 {
				l.Points = append(l.Points, strings.Join(points, " "))
			}
			points = nil
		}
		for i, b := range s.buckets {
			if len(b.latencies) == 0 {
				flush()
				continue
			}
			points = append(points, point(x.x(middle(s, i)), y(quantile(b.latencies, q.q))))
		}
		flush()
		p.Lines = append(p.Lines, l)
	}
	p.Marks = marksOf(ops, x, y)
	return p
}

// marksOf draws each operation that was not ok where it ended, one in so many
// when there are too many, those on the same spot once.
func marksOf(ops []history.Operation, x scale, y func(time.Duration) float64) []mark {
	seen := make(map[mark]bool)
	var marks []mark
	for _, op := range ops {
		if op.Complete.Type == history.OK || op.Complete.Time == history.Never {
			continue
		}
		m := mark{X: x.x(op.Complete.Time), Y: math.Round(y(op.Complete.Time - op.Invoke.Time)), Info: op.Complete.Type == history.Info}
		m.X = math.Round(m.X)
		if !seen[m] {
			seen[m] = true
			marks = append(marks, m)
		}
	}
	if every := len(marks)/marksMax + 1; every > 1 {
		var some []mark
		for i := 0; i < len(marks); i += every {
			some = append(some, marks[i])
		}
		return some
	}
	return marks
}

// middle is the middle of a bucket.
func middle(s series, i int) time.Duration { return time.Duration(i)*s.width + s.width/2 }

func point(x, y float64) string { return coordinate(x) + "," + coordinate(y) }
