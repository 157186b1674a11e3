package checker

import (
	"maps"
	"slices"
)

// Verdict is a checker's answer. Verdicts are ordered: composing takes the worst.
type Verdict string

// The verdicts, from best to worst. Unknown is never reported as valid.
const (
	Valid   Verdict = "valid"
	Unknown Verdict = "unknown"
	Invalid Verdict = "invalid"
)

// Result is what one checker found.
type Result struct {
	Verdict Verdict  `json:"verdict"`
	Reason  string   `json:"reason,omitempty"`  // why it is not valid; of reached also what was
	Keys    int      `json:"keys,omitempty"`    // of linearizable: how many keys were judged
	Failing []string `json:"failing,omitempty"` // of linearizable: the keys that no order explains
	// Undecided lists, of linearizable, the keys that stayed unknown.
	Undecided []string `json:"undecided,omitempty"`
	// OutsideFaults, of availability, is the share of operations outside faults
	// that were ok, between 0 and 1.
	OutsideFaults *float64 `json:"outside_faults,omitempty"`
	// Sessions, of exactly-once, counts what became of copies.
	Sessions *SessionCounts `json:"sessions,omitempty"`
	// Counts, of reached, is how often each thing happened that the scenario
	// names; left out if nobody counted.
	Counts map[string]int `json:"counts,omitempty"`
}

// Worse says whether v is worse than other. A verdict that is none of the
// three counts as unknown.
func (v Verdict) Worse(other Verdict) bool { return v.rank() > other.rank() }

func (v Verdict) rank() int {
	switch v {
	case Valid:
		return 0
	case Invalid:
		return 2
	}
	return 1
}

// telling is the order in which checks tell what went wrong: a rule that was
// broken inside says more than what clients saw of it, and that more than a
// node that broke over it; that a command was executed twice says more than
// that no order explains it. The others follow by name.
var telling = []string{"invariants", "exactly-once", "linearizable", "crashes"}

// Compose takes the worst verdict of several checkers and says whose it is:
// the reason is that of the checker that tells most of those. No checkers at
// all prove nothing.
func Compose(checks map[string]Result) (Verdict, string) {
	if len(checks) == 0 {
		return Unknown, "nothing was checked"
	}
	verdict, reason := Valid, ""
	names := slices.Concat(telling, slices.Sorted(maps.Keys(checks)))
	for _, name := range names {
		if result, made := checks[name]; made && result.Verdict.Worse(verdict) {
			verdict = result.Verdict
			reason = name + ": " + result.Reason
		}
	}
	if verdict.rank() == 1 {
		verdict = Unknown
	}
	return verdict, reason
}
