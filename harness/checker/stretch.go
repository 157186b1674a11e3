package checker

import (
	"cmp"
	"slices"
)

// stretch is what touched one value: who wrote it and who saw it. A value
// written once is there for one stretch of time, so of two stretches one lies
// wholly before the other.
type stretch struct {
	value string
	spans []*span
	first bool  // the value before any write: before every other stretch
	ended *span // the operation of it that ended first, of those known to have happened
	began *span // the operation of it that began last
}

// stretchesOf groups the spans by value, in order of first touch. A value with
// several writers is left out.
func stretchesOf(spans []*span) []*stretch {
	written := writersOf(spans)
	byValue := make(map[string]*stretch)
	var stretches []*stretch
	touch := func(v string, s *span) {
		if v == "" || written[v] > 1 {
			return
		}
		t := byValue[v]
		if t == nil {
			t = &stretch{value: v, first: v == noValue && written[v] == 0}
			byValue[v] = t
			stretches = append(stretches, t)
		}
		t.spans = append(t.spans, s)
		if s.definite() && (t.ended == nil || s.ret < t.ended.ret) {
			t.ended = s
		}
		if t.began == nil || s.call > t.began.call {
			t.began = s
		}
	}
	for _, s := range spans {
		touch(s.access.Writes, s)
		touch(s.access.Sees, s)
	}
	return stretches
}

// writersOf counts the operations that bring in each value.
func writersOf(spans []*span) map[string]int {
	writers := make(map[string]int)
	for _, s := range spans {
		if v := s.access.brings(); v != "" {
			writers[v]++
		}
	}
	return writers
}

// before finds an operation of a that had ended before one of b began.
func (a *stretch) before(b *stretch) (ended, began *span) {
	if a.ended == nil || b.began == nil || a.ended.ret >= b.began.call {
		return nil, nil
	}
	return a.ended, b.began
}

// suspectsMax bounds how many suspects are listed, and stretchesMax how many
// values are compared in pairs.
const (
	suspectsMax  = 64
	stretchesMax = 2000
)

// suspects lists small selections of spans that look like violations, those
// that were complete first in front: a value seen without a write before,
// two operations that replaced the same value, two values of which each came
// before the other; and of a list, all that wrongsOf finds.
func suspects(spans []*span) [][]*span {
	var lists [][]*span
	for _, wrong := range wrongsOf(spans) {
		lists = append(lists, wrong.spans)
	}
	stretches := stretchesOf(spans)
	for _, s := range stretches {
		var writer, replaced *span
		for _, each := range s.spans {
			if each.access.Writes == s.value {
				writer = each
			}
		}
		for _, each := range s.spans {
			if each.access.Sees != s.value {
				continue
			}
			if !s.first && (writer == nil || writer.call > each.ret) {
				lists = append(lists, []*span{each})
			}
			if each.access.Writes != "" && replaced != nil {
				lists = append(lists, []*span{replaced, each})
			}
			if each.access.Writes != "" {
				replaced = each
			}
		}
	}
	if len(stretches) <= stretchesMax {
		lists = append(lists, backwards(stretches)...)
	}
	slices.SortStableFunc(lists, func(a, b []*span) int { return cmp.Compare(completeAt(a), completeAt(b)) })
	return lists[:min(len(lists), suspectsMax)]
}

// backwards lists the pairs of values of which each came before the other.
func backwards(stretches []*stretch) [][]*span {
	var lists [][]*span
	for _, old := range stretches {
		for _, newer := range stretches {
			ended, late := newer.before(old)
			if old == newer || late == nil {
				continue
			}
			first, second := old.before(newer)
			switch {
			case old.first:
				lists = append(lists, []*span{ended, late})
			case first != nil:
				lists = append(lists, []*span{first, second, ended, late})
			}
		}
	}
	return lists
}

// completeAt is when the last of the spans ended.
func completeAt(spans []*span) int64 {
	at := int64(0)
	for _, s := range spans {
		at = max(at, s.ret)
	}
	return at
}
