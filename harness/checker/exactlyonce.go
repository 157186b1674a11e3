package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"partita/harness/history"
	"partita/node/api"
)

// SessionCounts is what became of copies, as clients saw it.
type SessionCounts struct {
	Opened     int `json:"opened"`     // sessions that a change was sent in
	Resent     int `json:"resent"`     // copies beyond an operation's first
	Duplicates int `json:"duplicates"` // copies answered from a session's memory
	Stale      int `json:"stale"`      // copies of an older command that were refused
	Expired    int `json:"expired"`    // copies refused because their session had expired
}

// ExactlyOnce asks of every addition to a list, sent in copies under one number
// of a session, whether it was executed exactly once if it was acknowledged, and
// once at most if it was not; whether all its answers say the same; and whether
// a session that had expired stayed so. Linearizability shows
// a part of that: it does not know what copies there were.
func ExactlyOnce(ops []history.Operation, model Model) Result {
	result := Result{Verdict: Valid, Sessions: countCopies(ops)}
	if model.Access == nil {
		return Result{Verdict: Unknown, Reason: "the workload keeps no lists"}
	}
	for _, key := range byKey(ops, model) {
		result.Keys++
		wrongs := timesWrong(key)
		for _, op := range key.ops {
			if why := answersWrong(op); why != "" {
				wrongs = append(wrongs, miscount{op, why})
			}
		}
		if len(wrongs) == 0 {
			continue
		}
		result.Failing = append(result.Failing, key.key)
		first := slices.MinFunc(wrongs, func(a, b miscount) int { return cmp.Compare(a.op.Invoke.Index, b.op.Invoke.Index) })
		if result.Verdict == Valid {
			result.Verdict = Invalid
			result.Reason = fmt.Sprintf("%s's append of %s to %s as %s %s", who(*first.op), history.Canonical(first.op.Invoke.Value),
				key.key, sentAs(first.op), first.why)
		}
	}
	if n := len(result.Failing); n > 1 {
		result.Reason += andMore(n - 1)
	}
	return result
}

// enoughCopies says that a run in which hardly any copy met another proves
// nothing.
func enoughCopies(r Result) Result {
	if r.Verdict == Valid && r.Sessions.Duplicates < enough {
		r.Verdict = Unknown
		r.Reason = fmt.Sprintf("%d of at least %d copies were answered as duplicates", r.Sessions.Duplicates, enough)
	}
	return r
}

// miscount is what is wrong with an operation, in words that go on after its name.
type miscount struct {
	op  *history.Operation
	why string
}

// timesWrong finds the additions to a key that are in its list another number
// of times than they may be.
func timesWrong(key *keyHistory) []miscount {
	views := viewsOf(key)
	var wrongs []miscount
	for _, op := range key.ops {
		v := asHappened(key.model, *op).Adds
		if v == "" {
			continue
		}
		for _, view := range views {
			times, ended := view.times[v], op.Complete.Index < view.op.Invoke.Index
			why := ""
			switch {
			case times > 1:
				why = fmt.Sprintf("was executed %d times", times)
			case times == 1 && op.Complete.Type == history.Fail:
				why = fmt.Sprintf("was executed though every copy was refused (%s)", op.Complete.Error)
			case times == 0 && op.Complete.Type == history.OK && ended:
				why = "was acknowledged and is lost"
			}
			if why != "" {
				wrongs = append(wrongs, miscount{op, fmt.Sprintf("%s: %s's %s of %s on %s shows it %s at %s.", why, who(*view.op), view.op.Invoke.F,
					key.key, view.op.Invoke.Node, often(times), instant(view.op.Complete.Time))})
				break
			}
		}
	}
	return wrongs
}

// listSeen is an outcome that shows a list, with how often each value is in it.
type listSeen struct {
	op    *history.Operation
	times map[string]int
}

// viewsOf lists the outcomes that show a key's list, in the order in which they
// ended.
func viewsOf(key *keyHistory) []listSeen {
	var views []listSeen
	for _, op := range key.ops {
		shows := key.model.Access(*op).Shows
		if shows == nil {
			continue
		}
		view := listSeen{op, make(map[string]int, len(shows))}
		for _, v := range shows {
			view.times[v]++
		}
		views = append(views, view)
	}
	slices.SortStableFunc(views, func(a, b listSeen) int { return cmp.Compare(a.op.Complete.Index, b.op.Complete.Index) })
	return views
}

// answersWrong finds what the answers to an operation's copies contradict, or
// nothing. The client sent them one after the other.
func answersWrong(op *history.Operation) string {
	if op.Complete.Session == nil {
		return ""
	}
	var first, expired *history.Copy
	for i := range op.Complete.Session.Copies {
		c := &op.Complete.Session.Copies[i]
		switch {
		case c.Number != 0 && c.Answered():
			return fmt.Sprintf("was followed by an older command, number %d, which %s did not refuse: it answered %s %s.",
				c.Number, c.Node, c.Answer, history.Canonical(c.Value))
		case c.Number != 0:
		case c.Answer == string(api.SessionExpired):
			expired = c
		case !c.Answered():
		case expired != nil:
			return fmt.Sprintf("was taken after its session had expired: %s refused a copy, and %s answered the next: %s %s.",
				expired.Node, c.Node, c.Answer, history.Canonical(c.Value))
		case c.Answer == history.Executed && first != nil:
			return fmt.Sprintf("was executed again: %s answered %s and %s then answered %s, not as a duplicate.",
				first.Node, history.Canonical(first.Value), c.Node, history.Canonical(c.Value))
		case first != nil && history.Canonical(first.Value) != history.Canonical(c.Value):
			return fmt.Sprintf("has two results: %s answered %s, and %s answered %s.",
				first.Node, history.Canonical(first.Value), c.Node, history.Canonical(c.Value))
		}
		if c.Number == 0 && c.Answered() && first == nil {
			first = c
		}
	}
	return ""
}

// sentAs says under which number an operation was sent, and what came of each
// copy.
func sentAs(op *history.Operation) string {
	s := op.Complete.Session
	if s == nil {
		return "an unknown number"
	}
	answers := make([]string, len(s.Copies))
	for i, c := range s.Copies {
		answers[i] = c.Node + " " + c.Answer
	}
	return fmt.Sprintf("number %d of session %d (%s)", s.Number, s.ID, strings.Join(answers, ", "))
}

func countCopies(ops []history.Operation) *SessionCounts {
	counts, seen := &SessionCounts{}, map[uint64]bool{}
	for _, op := range ops {
		s := op.Complete.Session
		if s == nil {
			continue
		}
		if !seen[s.ID] {
			seen[s.ID] = true
			counts.Opened++
		}
		counts.Resent += max(0, len(s.Copies)-1)
		for _, c := range s.Copies {
			switch c.Answer {
			case history.Repeated:
				counts.Duplicates++
			case string(api.SessionStale):
				counts.Stale++
			case string(api.SessionExpired):
				counts.Expired++
			}
		}
	}
	return counts
}
