package checker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"partita/harness/history"
)

// Failure is a key that no order of its operations explains.
type Failure struct {
	Key string
	// Words says what is wrong, in sentences.
	Words []string
	// Operations is the smallest sub-history found that no order explains, by
	// invocation.
	Operations []history.Operation
	// Described says each of Operations in a few words.
	Described []string
	// From and To are when the first of Operations began and the last ended.
	From, To time.Duration

	model   Model
	all     []*span
	minimal []*span
}

// Note is something to be drawn beside the operations: a fault and its
// interval.
type Note struct {
	Lane     string // notes of one lane are drawn on one line
	Text     string
	Details  string
	From, To time.Duration
}

// drawBudget bounds the steps of the search whose partial orders are drawn.
const drawBudget = 500_000

// drawnLimit bounds what Visualize writes, in bytes.
const drawnLimit = 400 << 10

// explain minimises a failing key and finds words for it.
func explain(ctx context.Context, key *keyHistory, budget int) *Failure {
	minimal := minimise(ctx, key, budget)
	f := &Failure{Key: key.key, Words: say(key, minimal), model: key.model, all: key.spans, minimal: minimal}
	for i, s := range minimal {
		f.Operations = append(f.Operations, s.op)
		f.Described = append(f.Described, key.model.Describe(s.op))
		if i == 0 || s.op.Invoke.Time < f.From {
			f.From = s.op.Invoke.Time
		}
		f.To = max(f.To, lastOf(s))
	}
	return f
}

// Visualize writes porcupine's interactive picture of the key, a whole HTML
// page of at most some 400 KB: of all its operations if they fit, else of
// those near the failing ones, else of the failing ones alone.
func (f *Failure) Visualize(ctx context.Context, w io.Writer, notes []Note) error {
	var page bytes.Buffer
	for _, margin := range []time.Duration{-1, 10 * time.Second, 3 * time.Second, time.Second, 0} {
		spans := f.near(margin)
		page.Reset()
		if err := f.draw(ctx, &page, spans, notes); err != nil {
			return fmt.Errorf("checker: draw key %s: %w", f.Key, err)
		}
		if page.Len() <= drawnLimit {
			break
		}
	}
	if _, err := w.Write(page.Bytes()); err != nil {
		return fmt.Errorf("checker: write picture of key %s: %w", f.Key, err)
	}
	return nil
}

// Lanes is how many processes touched the key: Visualize draws a lane each.
func (f *Failure) Lanes() int { return len(lanesOf(f.all)) }

// near selects the operations within a margin of the failing ones, with those
// that may not be missing beside them; a negative margin selects all.
func (f *Failure) near(margin time.Duration) []*span {
	if margin < 0 {
		return f.all
	}
	if margin == 0 {
		return f.minimal
	}
	failing := make(map[int]bool, len(f.minimal))
	for _, s := range f.minimal {
		failing[s.op.Invoke.Index] = true
	}
	var chosen []*span
	for _, s := range f.all {
		close := s.op.Invoke.Time <= f.To+margin && lastOf(s) >= f.From-margin
		if close || failing[s.op.Invoke.Index] {
			chosen = append(chosen, s)
		}
	}
	m := &minimiser{model: f.model, all: f.all}
	return m.sound(chosen)
}

// draw renders one selection.
func (f *Failure) draw(ctx context.Context, w io.Writer, spans []*span, notes []Note) error {
	spans = capOpen(spans)
	m := newMeter(ctx, drawBudget, len(spans))
	_, info := porcupine.CheckOperationsVerbose(metered(f.model, m), porcupineOperations(spans), 0)
	first, last := int64(math.MaxInt64), int64(0)
	for _, s := range spans {
		first, last = min(first, s.call), max(last, s.ret)
	}
	var annotations []porcupine.Annotation
	for _, note := range notes {
		if int64(note.To) < first || int64(note.From) > last {
			continue // it would only stretch the picture
		}
		annotations = append(annotations, porcupine.Annotation{
			Tag:             plainText(note.Lane),
			Start:           max(int64(note.From), first),
			End:             min(int64(note.To), last),
			Description:     plainText(note.Text),
			Details:         plainText(note.Details),
			TextColor:       "#5a1500",
			BackgroundColor: "#ffd9c2",
		})
	}
	info.AddAnnotations(annotations)
	plain := porcupine.Model{
		Init: f.model.Init,
		Step: func(state, input, _ any) (bool, any) { return f.model.Step(state, input.(*span).op) },
		DescribeOperation: func(input, _ any) string {
			s := input.(*span)
			return plainText(fmt.Sprintf("p%d %s: %s", s.op.Invoke.Process, s.op.Invoke.Node, f.model.Describe(s.op)))
		},
		DescribeState: func(state any) string { return plainText(f.model.DescribeState(state)) },
	}
	return porcupine.Visualize(plain, info, w)
}

// lanesOf numbers the processes of the spans from zero, in order.
func lanesOf(spans []*span) map[int]int {
	lanes := make(map[int]int)
	for _, s := range spans {
		lanes[s.op.Invoke.Process] = 0
	}
	for lane, process := range slices.Sorted(maps.Keys(lanes)) {
		lanes[process] = lane
	}
	return lanes
}

// plainText takes from a text what could be markup: porcupine's page shows
// some of what it is given as text and some as HTML.
func plainText(s string) string {
	return strings.NewReplacer("<", "‹", "&", "+").Replace(s)
}
