package checker

import (
	"fmt"
	"strings"
	"time"

	"partita/harness/history"
)

// say tells in one to three sentences what is wrong with a smallest failing
// sub-history. Everything that the key recorded is asked who wrote a value.
func say(key *keyHistory, smallest []*span) []string {
	if key.model.Access != nil {
		for _, find := range []func(*keyHistory, []*span) []string{sayPhantom, sayTwice, sayBackwards, sayDenied, sayList} {
			if words := find(key, smallest); words != nil {
				return words
			}
		}
	}
	if len(smallest) == 1 {
		return []string{fmt.Sprintf("%s at %s, which no correct object could answer.",
			phrase(key, smallest[0]), instant(lastOf(smallest[0])))}
	}
	return []string{fmt.Sprintf("no order of these %d operations explains all their outcomes.", len(smallest))}
}

// sayPhantom tells of a value seen that nobody wrote, or not yet.
func sayPhantom(key *keyHistory, smallest []*span) []string {
	for _, s := range smallest {
		v := s.access.Sees
		if v == "" || v == noValue || !s.definite() {
			continue
		}
		head := fmt.Sprintf("%s at %s", phrase(key, s), instant(s.op.Complete.Time))
		switch writer, failed := origin(key, v); {
		case writer == nil && failed == nil:
			return []string{head + ", but nobody ever wrote " + v + "."}
		case writer == nil:
			return []string{fmt.Sprintf("%s, but %s's write of it on %s definitely failed at %s (%s).", head,
				who(*failed), failed.Invoke.Node, instant(failed.Complete.Time), failed.Complete.Error)}
		case writer.Invoke.Index > s.op.Complete.Index:
			return []string{fmt.Sprintf("%s, but %s on %s only began to write it at %s, later.", head,
				who(*writer), writer.Invoke.Node, instant(writer.Invoke.Time))}
		}
	}
	return nil
}

// origin finds who first tried to bring in a value, among everything that the
// key recorded: one that may have happened, and one that definitely failed.
func origin(key *keyHistory, value string) (writer, failed *history.Operation) {
	for _, op := range key.ops {
		switch {
		case asHappened(key.model, *op).brings() != value:
		case op.Complete.Type == history.Fail:
			failed = op
		case writer == nil || op.Invoke.Index < writer.Invoke.Index:
			writer = op
		}
	}
	return writer, failed
}

// asHappened is how the operation would touch the object had it happened.
func asHappened(model Model, op history.Operation) Access {
	if op.Complete.Type == history.Fail {
		op.Complete.Type = history.Info
	}
	return model.Access(op)
}

// sayTwice tells of two operations that each replaced the same value.
func sayTwice(key *keyHistory, smallest []*span) []string {
	written := writersOf(smallest)
	for i, a := range smallest {
		if a.access.Sees == "" || a.access.Writes == "" || written[a.access.Sees] > 1 {
			continue
		}
		for _, b := range smallest[i+1:] {
			if b.access.Writes != "" && b.access.Sees == a.access.Sees {
				return []string{fmt.Sprintf("%s at %s and %s at %s: both replaced %s, which was there only once.",
					phrase(key, a), instant(a.op.Complete.Time), phrase(key, b), instant(b.op.Complete.Time), a.access.Sees)}
			}
		}
	}
	return nil
}

// sayBackwards tells of two values of which each came before the other: a
// stale read, or reads that disagree on the order.
func sayBackwards(key *keyHistory, smallest []*span) []string {
	stretches := stretchesOf(smallest)
	var best []string
	for _, old := range stretches {
		for _, newer := range stretches {
			if old == newer {
				continue
			}
			ended, late := newer.before(old)
			if late == nil {
				continue
			}
			first, second := old.before(newer)
			if first == nil && !old.first {
				continue
			}
			words := []string{fmt.Sprintf("%s at %s, but %s at %s, before the %s began.",
				phrase(key, late), instant(lastOf(late)),
				acknowledged(ended, newer.value), instant(ended.op.Complete.Time), late.op.Invoke.F)}
			if !old.first {
				words = append(words, fmt.Sprintf("And %s is older than %s: %s at %s, before %s began at %s.",
					old.value, newer.value, acknowledged(first, old.value), instant(first.op.Complete.Time),
					noun(second, newer.value), instant(second.op.Invoke.Time)))
			}
			// A read that saw the past says it best.
			if late.access.Writes == "" {
				return words
			}
			if best == nil {
				best = words
			}
		}
	}
	return best
}

// sayDenied tells of a compare-and-set that missed a value that was there.
func sayDenied(key *keyHistory, smallest []*span) []string {
	for _, s := range smallest {
		if s.access.Denies == "" {
			continue
		}
		return []string{fmt.Sprintf("%s at %s found something else than %s there; no order of these %d operations explains that.",
			phrase(key, s), instant(s.op.Complete.Time), s.access.Denies, len(smallest))}
	}
	return nil
}

// phrase says who did what to the key: "p13 on n2 read k4.2 -> 17".
func phrase(key *keyHistory, s *span) string {
	described := key.model.Describe(s.op)
	f := s.op.Invoke.F
	if rest, ok := strings.CutPrefix(described, f); ok && key.key != "" {
		described = f + " " + key.key + rest
	}
	if s.access.brings() != "" || s.access.Denies != "" {
		described = "did " + described
	}
	return fmt.Sprintf("%s on %s %s", who(s.op), s.op.Invoke.Node, described)
}

// noun names an operation by what it has to do with a value.
func noun(s *span, value string) string {
	switch {
	case s.access.Writes == value && s.access.Sees != "":
		return fmt.Sprintf("%s's %s of %s to %s on %s", who(s.op), s.op.Invoke.F, s.access.Sees, value, s.op.Invoke.Node)
	case s.access.Writes == value:
		return fmt.Sprintf("%s's write of %s on %s", who(s.op), value, s.op.Invoke.Node)
	}
	return fmt.Sprintf("%s's %s of %s on %s", who(s.op), s.op.Invoke.F, value, s.op.Invoke.Node)
}

// acknowledged is the noun with the verb for its end.
func acknowledged(s *span, value string) string {
	if s.access.brings() == value {
		return noun(s, value) + " was acknowledged"
	}
	return noun(s, value) + " had ended"
}

func who(op history.Operation) string { return fmt.Sprintf("p%d", op.Invoke.Process) }

// lastOf is when the operation ended, or began if nobody knows its end.
func lastOf(s *span) time.Duration {
	if s.definite() {
		return s.op.Complete.Time
	}
	return s.op.Invoke.Time
}

// instant says a time since the run began.
func instant(t time.Duration) string { return fmt.Sprintf("%.3f s", t.Seconds()) }
