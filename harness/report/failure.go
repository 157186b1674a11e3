package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"partita/harness/checker"
	"partita/harness/history"
)

// failure is a failing key as it is shown.
type failure struct {
	Key        string
	Words      []string
	Operations []operationRow
	Picture    picture
	// Interactive is the attribute that holds porcupine's page.
	Interactive template.HTMLAttr
	Tall        int // in pixels
	Lines       []logRow
	LinesFrom   string
	LinesTo     string
	LinesMore   int // lines left out
}

// operationRow is one operation of the smallest failing sub-history.
type operationRow struct {
	Process, Node, Described string
	From, To, Outcome        string
	Faults                   string
	Last                     bool
}

// logRow is one line of a node's log.
type logRow struct {
	At, Node, Level, Text string
	Inside                bool // while one of the operations was under way
}

func newFailure(ctx context.Context, in Input, f *checker.Failure) (failure, error) {
	shown := failure{Key: f.Key, Words: f.Words, Picture: pictureOf(in, f)}
	last := lastCompleted(f.Operations)
	for i, op := range f.Operations {
		row := operationRow{
			Process: fmt.Sprintf("p%d", op.Invoke.Process), Node: op.Invoke.Node, Described: f.Described[i],
			From: instant(op.Invoke.Time), To: "never", Outcome: string(op.Complete.Type),
			Faults: faultsNear(in, op), Last: i == last,
		}
		if op.Complete.Time != history.Never {
			row.To = instant(op.Complete.Time)
		}
		if op.Complete.Error != "" {
			row.Outcome += ": " + clip(op.Complete.Error, 120)
		}
		shown.Operations = append(shown.Operations, row)
	}
	var drawn bytes.Buffer
	if err := f.Visualize(ctx, &drawn, notesOf(in)); err != nil {
		return failure{}, err
	}
	// The call is the page's last words, after the data.
	before, after, found := cutLast(drawn.String(), "render(data)")
	if !found {
		return failure{}, fmt.Errorf("the picture of key %s has no drawing to put off", f.Key)
	}
	shown.Interactive = srcdoc(before + framed + after)
	// Porcupine's lanes are 45 pixels high; the faults have theirs below.
	shown.Tall = min(900, 120+45*(f.Lanes()+3))
	shown.Lines, shown.LinesMore = linesNear(in, f)
	return shown, nil
}

// framed draws once the frame is on the screen: before, a browser measures
// texts as nothing and the boxes come out too narrow. It then shows the first
// point at which no order goes on.
const framed = `requestAnimationFrame(() => {
  render(data)
  const wrong = document.querySelector('.linearization-invalid')
  if (wrong) {
    const box = wrong.getBoundingClientRect()
    window.scrollTo(box.left - window.innerWidth / 2, box.top - window.innerHeight / 2)
  }
})`

// srcdoc is a whole page as an attribute in single quotes: its many double
// quotes stay one byte each. The frame that shows it is sandboxed.
func srcdoc(page string) template.HTMLAttr {
	return template.HTMLAttr("srcdoc='" + strings.NewReplacer("&", "&amp;", "'", "&#39;").Replace(page) + "'")
}

// cutLast cuts a text around the last place of another.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func notesOf(in Input) []checker.Note {
	var notes []checker.Note
	for i, f := range in.Faults {
		notes = append(notes, checker.Note{
			Lane: f.Nemesis, Text: fmt.Sprintf("%d %s", i+1, shapeOf(f)),
			Details: fmt.Sprintf("fault %d: %s, %s to %s", i+1, faultName(f), instant(f.At), instant(f.Healed)),
			From:    f.At, To: f.Healed,
		})
	}
	return notes
}

// lastCompleted is the operation whose answer completed the violation.
func lastCompleted(ops []history.Operation) int {
	last := -1
	for i, op := range ops {
		if op.Complete.Type == history.OK && (last < 0 || op.Complete.Index > ops[last].Complete.Index) {
			last = i
		}
	}
	return last
}

// logMargin is how far around the operations the nodes' logs are shown, and
// logLinesMax how many lines at most.
const (
	logMargin   = 2 * time.Second
	logLinesMax = 500
)

// linesNear collects the nodes' lines of the two seconds around each
// operation, all nodes together, by time. When there are too many, those
// farthest from any operation go first.
func linesNear(in Input, f *checker.Failure) ([]logRow, int) {
	type near struct {
		row      logRow
		at       int64
		distance time.Duration
	}
	var lines []near
	for _, node := range nodesOf(in) {
		for _, l := range in.Logs[node] {
			at := time.Duration(l.At - in.Results.MonotonicStartNS)
			distance := distanceTo(f.Operations, at)
			if distance > logMargin {
				continue
			}
			level, text := logText(l.Line)
			row := logRow{At: instant(at), Node: node, Level: level, Text: text, Inside: distance == 0}
			lines = append(lines, near{row, l.At, distance})
		}
	}
	slices.SortStableFunc(lines, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	more := max(0, len(lines)-logLinesMax)
	lines = lines[:len(lines)-more]
	slices.SortStableFunc(lines, func(a, b near) int { return cmp.Compare(a.at, b.at) })
	var rows []logRow
	for _, l := range lines {
		rows = append(rows, l.row)
	}
	return rows, more
}

// distanceTo is how far an instant is from the nearest operation.
func distanceTo(ops []history.Operation, at time.Duration) time.Duration {
	nearest := time.Duration(math.MaxInt64)
	for _, op := range ops {
		from, to := op.Invoke.Time, op.Complete.Time
		if op.Complete.Type != history.OK {
			to = from // its end says nothing about when it took effect
		}
		nearest = min(nearest, max(0, from-at, at-to))
	}
	return nearest
}

// lineMax bounds a shown line, in bytes.
const lineMax = 400

// logText is a node's line as a person reads it: the message, then the
// attributes. A line that is no JSON is shown as it is.
func logText(line string) (level, text string) {
	var fields map[string]any
	if json.Unmarshal([]byte(line), &fields) != nil {
		return "", clip(line, lineMax)
	}
	level, _ = fields["level"].(string)
	message, _ := fields["msg"].(string)
	for _, name := range []string{"level", "msg", "time"} {
		delete(fields, name)
	}
	parts := []string{message}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		parts = append(parts, name+"="+said(fields[name]))
	}
	return level, clip(strings.Join(parts, "  "), lineMax)
}
