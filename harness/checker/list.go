package checker

import (
	"cmp"
	"fmt"
	"slices"
)

// wrong is something about a list that no order explains and that shows at a
// glance: the operations that show it, and how to say it. Whoever made its
// values may be missing from spans: see sound.
type wrong struct {
	spans []*span
	words func(key *keyHistory) string
}

// listView is what the outcomes on a list prove.
type listView struct {
	shown  []*span            // the operations whose outcome shows the list, by return
	adders map[string][]*span // by value
}

// wrongsOf lists what is wrong with a list at a glance. A list shows its whole
// past in each outcome, so when every completed addition shows it too and no
// value is added twice, this finds something in every history that no order
// explains: outcomes that are prefixes of each other stand in an order already,
// and it is wrong only if one that ended comes after one that began later.
func wrongsOf(spans []*span) []wrong {
	view := listView{adders: make(map[string][]*span)}
	for _, s := range spans {
		if s.definite() && s.access.Shows != nil {
			view.shown = append(view.shown, s)
		}
		if v := s.access.Adds; v != "" {
			view.adders[v] = append(view.adders[v], s)
		}
	}
	slices.SortStableFunc(view.shown, func(a, b *span) int { return cmp.Compare(a.ret, b.ret) })
	var wrongs []wrong
	var longest []string
	for _, s := range view.shown {
		wrongs = append(wrongs, misplaced(s)...)
		if begins(longest, s.access.Shows) {
			continue // a list was looked at that says as much and was complete before
		}
		longest = s.access.Shows
		wrongs = append(wrongs, view.strange(s)...)
		wrongs = append(wrongs, view.reordered(s)...)
	}
	return slices.Concat(wrongs, view.missing(), view.disagreeing())
}

// misplaced finds an addition after which its own value was not at the end.
func misplaced(s *span) []wrong {
	v, shows := s.access.Adds, s.access.Shows
	if v == "" || len(shows) > 0 && shows[len(shows)-1] == v {
		return nil
	}
	return []wrong{{[]*span{s}, func(key *keyHistory) string {
		return fmt.Sprintf("%s: the list that it left does not end in %s.", at(key, s), v)
	}}}
}

// strange finds values in one list that nobody can have put there: not
// appended before, or there more often than appended.
func (l *listView) strange(s *span) []wrong {
	var wrongs []wrong
	times := make(map[string]int)
	for _, v := range s.access.Shows {
		times[v]++
		adders := l.adders[v]
		begun := slices.ContainsFunc(adders, func(a *span) bool { return a.call < s.ret })
		switch {
		case !begun:
			wrongs = append(wrongs, wrong{[]*span{s}, func(key *keyHistory) string { return sayUnborn(key, s, v) }})
		case times[v] > len(adders):
			wrongs = append(wrongs, wrong{[]*span{s}, func(key *keyHistory) string {
				return fmt.Sprintf("%s, with %s in it %d times, though it was appended %s.", at(key, s), v, times[v], often(len(adders)))
			}})
		}
	}
	return wrongs
}

// reordered finds two additions in one list the wrong way round: the second
// had ended before the first began.
func (l *listView) reordered(s *span) []wrong {
	var ended *span // of the additions behind, the one that ended first
	for _, v := range slices.Backward(s.access.Shows) {
		adders := l.adders[v]
		if len(adders) != 1 {
			continue
		}
		late := adders[0]
		if ended != nil && ended.ret < late.call {
			early := ended
			return []wrong{{[]*span{early, s}, func(key *keyHistory) string {
				return fmt.Sprintf("%s, with %s before %s, but %s at %s, before %s began at %s.",
					at(key, s), late.access.Adds, early.access.Adds, acknowledged(early, early.access.Adds),
					instant(early.op.Complete.Time), noun(late, late.access.Adds), instant(late.op.Invoke.Time))
			}}}
		}
		if late.definite() && (ended == nil || late.ret < ended.ret) {
			ended = late
		}
	}
	return nil
}

// missing finds outcomes that lack a value which had been shown, or whose
// addition had been acknowledged, before they began.
func (l *listView) missing() []wrong {
	byCall := slices.Clone(l.shown)
	slices.SortStableFunc(byCall, func(a, b *span) int { return cmp.Compare(a.call, b.call) })
	var wrongs []wrong
	var longest *span // of those that had ended
	ended := 0
	for _, late := range byCall {
		for ; ended < len(l.shown) && l.shown[ended].ret < late.call; ended++ {
			if longest == nil || len(l.shown[ended].access.Shows) > len(longest.access.Shows) {
				longest = l.shown[ended]
			}
		}
		if longest == nil || begins(late.access.Shows, longest.access.Shows) {
			continue
		}
		absent := slices.IndexFunc(longest.access.Shows, func(v string) bool { return !slices.Contains(late.access.Shows, v) })
		if absent >= 0 {
			wrongs = append(wrongs, l.lost(longest, late, longest.access.Shows[absent]))
		}
	}
	return wrongs
}

// lost tells of a value that one outcome showed and a later one lacks. The
// addition itself is the better witness, if it had been acknowledged.
func (l *listView) lost(shown, late *span, v string) wrong {
	witness := shown
	if adders := l.adders[v]; len(adders) == 1 && adders[0].definite() && adders[0].ret < late.call {
		witness = adders[0]
	}
	return wrong{[]*span{witness, late}, func(key *keyHistory) string {
		why := acknowledged(witness, v) + " at " + instant(witness.op.Complete.Time)
		if witness.access.Adds != v {
			why = at(key, witness) + ", with " + v + " in it"
		}
		return fmt.Sprintf("%s, without %s, but %s, before the %s began.", at(key, late), v, why, late.op.Invoke.F)
	}}
}

// disagreeing finds two lists of which neither is the beginning of the other.
func (l *listView) disagreeing() []wrong {
	var wrongs []wrong
	var longest *span
	for _, s := range l.shown {
		if longest == nil {
			longest = s
			continue
		}
		other, apart := longest, common(s.access.Shows, longest.access.Shows)
		switch {
		case apart < min(len(s.access.Shows), len(other.access.Shows)):
			wrongs = append(wrongs, wrong{[]*span{other, s}, func(key *keyHistory) string {
				return fmt.Sprintf("%s, but %s: the lists part at place %d, where one has %s and the other %s, and neither is the beginning of the other.",
					at(key, s), at(key, other), apart+1, s.access.Shows[apart], other.access.Shows[apart])
			}})
		case len(s.access.Shows) > len(other.access.Shows):
			longest = s
		}
	}
	return wrongs
}

// common is how many values two lists begin with alike.
func common(a, b []string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// begins says whether a list begins with all of another.
func begins(list, with []string) bool { return common(list, with) == len(with) }

// sayList tells what is wrong with a list, by what was complete first.
func sayList(key *keyHistory, smallest []*span) []string {
	wrongs := wrongsOf(smallest)
	if len(wrongs) == 0 {
		return nil
	}
	first := slices.MinFunc(wrongs, func(a, b wrong) int { return cmp.Compare(completeAt(a.spans), completeAt(b.spans)) })
	return []string{first.words(key)}
}

// sayUnborn tells of a value in a list that nobody had appended.
func sayUnborn(key *keyHistory, s *span, v string) string {
	head := at(key, s) + ", with " + v + " in it, but "
	switch writer, failed := origin(key, v); {
	case writer == nil && failed == nil:
		return head + "nobody ever appended " + v + "."
	case writer == nil:
		return fmt.Sprintf("%s%s's append of it on %s definitely failed at %s (%s).", head,
			who(*failed), failed.Invoke.Node, instant(failed.Complete.Time), failed.Complete.Error)
	default:
		return fmt.Sprintf("%s%s on %s only began to append it at %s, later.", head,
			who(*writer), writer.Invoke.Node, instant(writer.Invoke.Time))
	}
}

// at is who did what, and when it ended.
func at(key *keyHistory, s *span) string { return phrase(key, s) + " at " + instant(lastOf(s)) }

// often says a number of times.
func often(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
