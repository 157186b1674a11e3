package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"partita/harness/cluster"
	"partita/harness/history"
)

// AvailabilityInput is what Availability looks at. Instants are since the run
// began.
type AvailabilityInput struct {
	Operations []history.Operation
	Faults     []cluster.Fault
	Nodes      []string
	// Members are the nodes that are members when the run begins; all if left
	// out. Changes of the membership say who they are later.
	Members []string
	// Reads and Writes are the kinds of operations that count as one or the
	// other; "read" and "write" if left out.
	Reads, Writes []string
	// RecoverWithin is how long the cluster may take after a heal.
	RecoverWithin time.Duration
	// End is when the last operation was invoked: the time limit, or earlier
	// for a run that was ended.
	End time.Duration
	// Lags are when the harness itself was late.
	Lags []Lag
}

// Lag is a moment at which the harness noticed that it was late, and by how much.
type Lag struct {
	At, For time.Duration
}

// lagAllowed is how late the harness may be while the cluster's recovery is
// watched. A machine that slow says nothing about the cluster.
const lagAllowed = time.Second

// Lags reads the moments at which the harness was late from a history.
func Lags(events []history.Event) []Lag {
	var lags []Lag
	for _, e := range events {
		if e.Process != history.NemesisProcess || e.F != history.LagF {
			continue
		}
		if ns, err := history.ParseInt(e.Value); err == nil {
			lags = append(lags, Lag{At: e.Time, For: time.Duration(ns)})
		}
	}
	return lags
}

// interval is a stretch of time.
type interval struct{ from, to time.Duration }

// Availability asks whether the cluster came back: after each heal that is
// followed by RecoverWithin without faults, and after the last in any case,
// every node that is a member then must answer one read and one write with ok
// in that time, and a changed membership must be brought back. It is invalid
// otherwise; unknown when the harness was late in a window that failed, or when
// the run was too short to hold the last window.
func Availability(in AvailabilityInput) Result {
	in.withDefaults()
	result := Result{Verdict: Valid}
	if ok, total := OutsideFaults(in); total > 0 {
		ratio := float64(ok) / float64(total)
		result.OutsideFaults = &ratio
	}
	broken := faultIntervals(in.Faults)
	for i, fault := range broken {
		window := interval{fault.to, fault.to + in.RecoverWithin}
		last := i == len(broken)-1
		if !last && broken[i+1].from < window.to {
			continue
		}
		verdict, reason := in.judgeWindow(window)
		if verdict.Worse(result.Verdict) {
			result.Verdict, result.Reason = verdict, reason
		}
	}
	return result
}

func (in *AvailabilityInput) withDefaults() {
	if len(in.Reads) == 0 {
		in.Reads = []string{"read"}
	}
	if len(in.Writes) == 0 {
		in.Writes = []string{"write"}
	}
}

// judgeWindow looks at one recovery.
func (in *AvailabilityInput) judgeWindow(window interval) (Verdict, string) {
	after := fmt.Sprintf("within %v of the heal at %s", in.RecoverWithin, instant(window.from))
	members, since, ok := in.members(window.from)
	if !ok || since > window.to {
		return in.failed(window, "the voters are not as many again as they were", after)
	}
	_, missing := in.answered(window, members)
	if len(missing) == 0 {
		return Valid, ""
	}
	asked := in.asked(window, missing)
	if len(asked) == 0 {
		return Unknown, fmt.Sprintf("nobody asked for %s early enough, %s", owed(missing), after)
	}
	return in.failed(window, "no ok "+owed(asked), after)
}

// failed is the verdict on a window in which something is missing.
func (in *AvailabilityInput) failed(window interval, what, after string) (Verdict, string) {
	if in.End < window.to {
		return Unknown, fmt.Sprintf("the run ended at %s, too early to see the recovery %s", instant(in.End), after)
	}
	for _, lag := range in.Lags {
		// A lag is noticed at its end.
		if lag.For > lagAllowed && lag.At >= window.from && lag.At-lag.For <= window.to {
			return Unknown, fmt.Sprintf("machine too slow: the harness was late by %v at %s, %s", lag.For.Round(time.Millisecond), instant(lag.At), after)
		}
	}
	return Invalid, what + ", " + after
}

// need is an answer that a node owes: to a read or to a write.
type need struct{ node, what string }

// owed lists what is missing.
func owed(missing []need) string {
	var all []string
	for _, n := range missing {
		all = append(all, n.what+" on "+n.node)
	}
	return strings.Join(all, ", ")
}

// asked are those of the missing answers that somebody asked for in vain: the
// operation ended without one, or waited for it for a third of the window at
// least. A node that nobody asked, or only at the very end, owes nothing yet.
func (in *AvailabilityInput) asked(window interval, missing []need) []need {
	var all []need
	enough := (window.to - window.from) / 3
	for _, n := range missing {
		kinds := in.Reads
		if n.what == "write" {
			kinds = in.Writes
		}
		if slices.ContainsFunc(in.Operations, func(op history.Operation) bool {
			from, to := max(op.Invoke.Time, window.from), min(op.Complete.Time, window.to)
			inside := op.Invoke.Time >= window.from && op.Complete.Time <= window.to
			return op.Invoke.Node == n.node && slices.Contains(kinds, op.Invoke.F) && (inside || to-from >= enough)
		}) {
			all = append(all, n)
		}
	}
	return all
}

// answered is when the last of some nodes had answered one ok read and one ok
// write, both begun and ended in the window; and what is missing if not all have.
func (in *AvailabilityInput) answered(window interval, nodes []string) (time.Duration, []need) {
	first := make(map[need]time.Duration)
	for _, op := range in.Operations {
		if op.Complete.Type != history.OK || op.Invoke.Time < window.from || op.Complete.Time > window.to {
			continue
		}
		node := cmp.Or(op.Complete.Node, op.Invoke.Node)
		for what, kinds := range map[string][]string{"read": in.Reads, "write": in.Writes} {
			key := need{node, what}
			at, seen := first[key]
			if slices.Contains(kinds, op.Invoke.F) && (!seen || op.Complete.Time < at) {
				first[key] = op.Complete.Time
			}
		}
	}
	last := window.from
	var missing []need
	for _, node := range nodes {
		for _, what := range []string{"read", "write"} {
			at, ok := first[need{node, what}]
			if !ok {
				missing = append(missing, need{node, what})
			}
			last = max(last, at)
		}
	}
	return last, missing
}

// OutsideFaults counts the operations of members that lie wholly outside
// faults, and how many of them were ok. Outside begins when every member has
// answered after a heal, or after the start, and ends when the next fault is in force; an
// operation that a fault interrupted is not outside. One without a completion
// counts as long as no fault followed.
func OutsideFaults(in AvailabilityInput) (ok, total int) {
	in.withDefaults()
	type lull struct {
		interval
		members []string
	}
	var calm []lull
	from := time.Duration(0)
	for _, fault := range append(faultIntervals(in.Faults), interval{history.Never, history.Never}) {
		if members, _, ok := in.members(from); ok {
			if begin, missing := in.answered(interval{from, fault.from}, members); len(missing) == 0 {
				calm = append(calm, lull{interval{begin, fault.from}, members})
			}
		}
		from = fault.to
	}
	for _, op := range in.Operations {
		if op.Invoke.Process == history.NemesisProcess {
			continue
		}
		for _, c := range calm {
			inside := op.Invoke.Time >= c.from && op.Invoke.Time <= c.to && op.Complete.Time <= c.to
			if !inside || !slices.Contains(c.members, op.Invoke.Node) {
				continue
			}
			total++
			if op.Complete.Type == history.OK {
				ok++
			}
		}
	}
	return ok, total
}

// faultIntervals merges the faults into stretches in which at least one was in
// force, in order.
func faultIntervals(faults []cluster.Fault) []interval {
	var all []interval
	for _, fault := range faults {
		all = append(all, interval{fault.At, max(fault.At, fault.Healed)})
	}
	slices.SortFunc(all, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	var merged []interval
	for _, next := range all {
		if n := len(merged); n > 0 && next.from <= merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, next.to)
			continue
		}
		merged = append(merged, next)
	}
	return merged
}
