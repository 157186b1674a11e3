package exhaustive

import (
	"context"
	"fmt"
	"io"
	"strings"

	"partita/harness/trace"
)

// Run searches and says in lines how far it has come and what it found.
func Run(ctx context.Context, options Options, w io.Writer) (Result, error) {
	if err := options.Validate(); err != nil {
		return Result{}, err
	}
	fmt.Fprintf(w, "bounds: %s\n", options)
	r, err := Search(ctx, options, func(p Progress) { fmt.Fprintln(w, p) })
	if err == nil {
		Report(w, r)
	}
	return r, err
}

// String says how far the search has come, in a line.
func (p Progress) String() string {
	return fmt.Sprintf("depth %3d  %9d new  x%-5.2f  %10d distinct of %d  %.1f s  %.0f distinct/s",
		p.Depth, p.Distinct, p.Growth, p.TotalDistinct, p.TotalStates, p.Elapsed.Seconds(), float64(p.TotalDistinct)/p.Elapsed.Seconds())
}

// String says the bounds in words.
func (o Options) String() string {
	text := []string{fmt.Sprintf("three nodes from %s", o.Start)}
	if o.NoPreVote {
		text = append(text, "no pre-vote")
	} else {
		text = append(text, "pre-vote")
	}
	text = append(text, fmt.Sprintf("terms to %d", o.Terms), fmt.Sprintf("%d messages in flight", o.InFlight), fmt.Sprintf("batches of %d", o.Batch))
	for _, b := range []struct {
		value int
		name  string
	}{
		{o.Timeouts, "election timeouts"}, {o.Heartbeats, "heartbeats"}, {o.Proposals, "proposals"}, {o.Reads, "reads"},
		{o.Duplicates, "duplicates"}, {o.Crashes, "crashes"},
	} {
		text = append(text, fmt.Sprintf("%d %s", b.value, b.name))
	}
	for _, b := range []struct {
		value int
		name  string
	}{{o.Changes, "changes of the members"}, {o.Transfers, "transfers"}, {o.Ticks, "election timeouts of time, leases"}} {
		if b.value > 0 {
			text = append(text, fmt.Sprintf("%d %s", b.value, b.name))
		}
	}
	if o.Async || o.Crashes > 0 {
		text = append(text, "appends that take their time")
	}
	if o.Depth > 0 {
		text = append(text, fmt.Sprintf("%d actions", o.Depth))
	}
	return strings.Join(text, ", ")
}

// Report tells what a search found in words.
func Report(w io.Writer, r Result) {
	seconds := r.Elapsed.Seconds()
	fmt.Fprintf(w, "%d distinct states of %d looked at, to depth %d, in %.1f s: %.0f distinct/s\n", r.Distinct, r.States, r.Depth(), seconds, float64(r.Distinct)/seconds)
	fmt.Fprintf(w, "made of %d states of a node and %d messages\n", r.Locals, r.Messages)
	if r.Cut.Terms > 0 {
		fmt.Fprintf(w, "bound reached: %d times a node would have entered term %d\n", r.Cut.Terms, r.Options.Terms+1)
	}
	if r.Cut.InFlight > 0 {
		fmt.Fprintf(w, "bound reached: %d times more than %d messages would have been in flight\n", r.Cut.InFlight, r.Options.InFlight)
	}
	switch r.Stop {
	case Exhausted:
		fmt.Fprintln(w, "exhausted"+r.unless()+": no rule can be broken within these bounds")
	case AtDepth:
		fmt.Fprintf(w, "exhausted to depth %d%s: no rule can be broken by so many actions within these bounds\n", r.Depth(), r.unless())
	case Violated:
		fmt.Fprintf(w, "violated: %v\nshortest path, %d actions from the start:\n", r.Violation, r.Actions)
		if err := trace.Tell(w, r.Path); err != nil {
			fmt.Fprintln(w, err)
		}
	case AtStates:
		fmt.Fprintf(w, "not exhausted: ended after %d distinct states\n", r.Options.States)
	case AtTime:
		fmt.Fprintf(w, "not exhausted: ended after %v\n", r.Options.Time)
	case Stopped:
		fmt.Fprintln(w, "not exhausted: stopped")
	}
}

// unless says what the bound on messages in flight leaves out: a message that
// is lost, or has no effect, is not taken out of flight, and keeps its place.
func (r *Result) unless() string {
	if r.Cut.InFlight == 0 {
		return ""
	}
	return fmt.Sprintf(" but for what needs more than %d messages in flight, lost ones among them", r.Options.InFlight)
}
