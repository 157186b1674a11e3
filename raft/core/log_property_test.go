package core

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// naiveLog is a log as one would write it without a thought for speed: every
// entry there ever was, and where it begins and ends.
type naiveLog struct {
	entries []Entry // entries[i] has index i+1
	base    Index   // everything up to here is gone
	term    Term    // of the entry at base
}

func (l *naiveLog) last() Index { return Index(len(l.entries)) }

// at gives the entry at an index that is in the log or is its base.
func (l *naiveLog) at(i Index) (SnapshotMeta, bool) {
	switch {
	case i == l.base:
		return SnapshotMeta{i, l.term}, true
	case i < l.base || i > l.last():
		return SnapshotMeta{}, false
	}
	return SnapshotMeta{i, l.entries[i-1].Term}, true
}

// TestLogLikeNaiveOne does the same to a raftLog and to a naive one, and asks
// both the same. What was handed out before stays as it was.
func TestLogLikeNaiveOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var log raftLog
		var naive naiveLog
		type handed struct{ got, copy []Entry }
		var out []handed
		hand := func(got []Entry) {
			out = append(out, handed{got, slices.Clone(got)})
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				var batch []Entry
				term := log.last().Term
				for n := rapid.IntRange(1, 4).Draw(t, "count"); n > 0; n-- {
					term += Term(rapid.IntRange(0, 1).Draw(t, "term rises"))
					batch = append(batch, Entry{
						Index: naive.last() + 1 + Index(len(batch)), Term: term,
						Data: rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "data"),
					})
				}
				log.append(batch...)
				naive.entries = append(naive.entries, batch...)
			},
			"truncate": func(t *rapid.T) {
				if naive.last() == naive.base {
					t.Skip("nothing to truncate")
				}
				from := draw(t, "from", naive.base+1, naive.last())
				log.truncate(from)
				naive.entries = slices.Clone(naive.entries[:from-1])
			},
			"cut": func(t *rapid.T) {
				to := draw(t, "to", naive.base, naive.last())
				at, _ := naive.at(to)
				log.cut(to)
				naive.base, naive.term = to, at.Term
			},
			"reset": func(t *rapid.T) {
				at := SnapshotMeta{draw(t, "snapshot", naive.base, naive.last()+3), Term(rapid.IntRange(1, 9).Draw(t, "term"))}
				log.reset(at)
				naive = naiveLog{entries: make([]Entry, at.Index), base: at.Index, term: at.Term}
			},
			"slice": func(t *rapid.T) {
				first := draw(t, "first", naive.base+1, naive.last()+1)
				count, bytes := rapid.IntRange(1, 5).Draw(t, "count"), rapid.IntRange(0, 12).Draw(t, "bytes")
				got := log.slice(first, count, bytes)
				var want []Entry
				size := 0
				for _, e := range naive.entries[first-1:] {
					size += len(e.Data)
					if len(want) == count || len(want) > 0 && size > bytes {
						break
					}
					want = append(want, e)
				}
				if !sameEntries(got, want) {
					t.Fatalf("slice(%d, %d, %d) is %v, want %v", first, count, bytes, got, want)
				}
				hand(got)
			},
			"from": func(t *rapid.T) {
				first := draw(t, "first", naive.base+1, naive.last()+1)
				if got := log.from(first); !sameEntries(got, naive.entries[first-1:]) {
					t.Fatalf("from(%d) is %v, want %v", first, got, naive.entries[first-1:])
				}
				hand(log.from(first))
			},
			"agreeable": func(t *rapid.T) {
				at, term := draw(t, "at", 0, naive.last()+3), Term(rapid.IntRange(0, 12).Draw(t, "term"))
				want, _ := naive.at(naive.base)
				for i := naive.base + 1; i <= min(at, naive.last()); i++ {
					if here, _ := naive.at(i); here.Term <= term {
						want = here
					}
				}
				if got := log.agreeable(at, term); got != want {
					t.Fatalf("agreeable(%d, %d) is %v, want %v", at, term, got, want)
				}
			},
			"": func(t *rapid.T) {
				if at, _ := naive.at(naive.last()); log.last() != at {
					t.Fatalf("last is %v, want %v", log.last(), at)
				}
				for i := Index(0); i <= naive.last()+2; i++ {
					want, known := naive.at(i)
					if term, ok := log.term(i); ok != known || term != want.Term {
						t.Fatalf("term(%d) is %d, %v, want %v, %v", i, term, ok, want, known)
					}
					if known != log.holds(SnapshotMeta{i, want.Term}) || log.holds(SnapshotMeta{i, want.Term + 1}) {
						t.Fatalf("holds is wrong at %d", i)
					}
				}
				for _, h := range out {
					if !reflect.DeepEqual(h.got, h.copy) {
						t.Fatalf("what was handed out as %v is %v now", h.copy, h.got)
					}
				}
			},
		})
	})
}

func draw(t *rapid.T, name string, from, to Index) Index {
	return Index(rapid.Uint64Range(uint64(from), uint64(to)).Draw(t, name))
}

func sameEntries(a, b []Entry) bool {
	return slices.EqualFunc(a, b, func(a, b Entry) bool {
		return a.Index == b.Index && a.Term == b.Term && a.Kind == b.Kind && slices.Equal(a.Data, b.Data)
	})
}
