package core

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// memberSet is a set of members, a bit each: bit i stands for member i+1.
type memberSet uint

func setOf(ids []NodeID) (s memberSet) {
	for _, id := range ids {
		s |= 1 << (id - 1)
	}
	return s
}

func (s memberSet) has(id NodeID) bool { return s&(1<<(id-1)) != 0 }

// majority is the definition: more than half.
func (s memberSet) majority(of []NodeID) bool {
	n := 0
	for _, id := range of {
		if s.has(id) {
			n++
		}
	}
	return 2*n > len(of)
}

// decides says whether a set is a quorum of a configuration (§6).
func (s memberSet) decides(m Membership) bool {
	return s.majority(m.Voters) && (!m.Joint() || s.majority(m.Outgoing))
}

const someMembers = 6

func drawIDs(t *rapid.T, name string, atLeast int) []NodeID {
	ids := rapid.SliceOfNDistinct(rapid.Uint64Range(1, someMembers), atLeast, someMembers, rapid.ID[uint64]).Draw(t, name)
	slices.Sort(ids)
	var out []NodeID
	for _, id := range ids {
		out = append(out, NodeID(id))
	}
	return out
}

// drawMembership draws a configuration that is valid, joint or not.
func drawMembership(t *rapid.T) Membership {
	m := Membership{Voters: drawIDs(t, "voters", 1)}
	if rapid.Bool().Draw(t, "joint") {
		m.Outgoing = drawIDs(t, "outgoing", 1)
	}
	for _, id := range drawIDs(t, "learners", 0) {
		if !slices.Contains(m.Voters, id) {
			m.Learners = append(m.Learners, id)
		}
	}
	return m
}

// TestQuorumIsSmallestThatOverlaps tries all sets of up to nine voters: any two
// of the size of a quorum share a voter, and of the size below not all do.
func TestQuorumIsSmallestThatOverlaps(t *testing.T) {
	overlap := func(n, size int) bool {
		var sets []memberSet
		for s := memberSet(0); s < 1<<n; s++ {
			count := 0
			for i := range n {
				count += int(s >> i & 1)
			}
			if count == size {
				sets = append(sets, s)
			}
		}
		for _, a := range sets {
			for _, b := range sets {
				if a&b == 0 {
					return false
				}
			}
		}
		return true
	}
	for n := 1; n <= 9; n++ {
		if q := quorum(n); !overlap(n, q) || overlap(n, q-1) {
			t.Errorf("of %d voters, %d are no smallest quorum", n, q)
		}
	}
}

// TestReachedIsLargestOfAQuorum compares with trying every value.
func TestReachedIsLargestOfAQuorum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMembership(t)
		values := map[NodeID]Index{}
		for id := NodeID(1); id <= someMembers; id++ {
			values[id] = draw(t, "value", 0, 9)
		}
		of := func(id NodeID) Index { return values[id] }
		want := Index(0)
		for v := range Index(10) {
			var s memberSet
			for id, has := range values {
				if has >= v {
					s |= 1 << (id - 1)
				}
			}
			if s.decides(m) {
				want = v
			}
		}
		got := reached(m, of)
		if got != want {
			t.Fatalf("%v with %v has reached %d, want %d", m, values, got, want)
		}
		// More from anybody never means less.
		id := NodeID(draw(t, "who", 1, someMembers))
		values[id] += draw(t, "more", 0, 5)
		if reached(m, of) < got {
			t.Fatalf("%v: with %d at %d it has reached less", m, id, values[id])
		}
	})
}

// TestTallyLikeBruteForce records answers in a random order, some twice or the
// other way the second time, and compares with the definition after each: won if
// who said yes is a quorum, lost if even with all who have not answered it would not be.
func TestTallyLikeBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMembership(t)
		type answer struct {
			id  NodeID
			yes bool
		}
		var yes, no memberSet
		var count tally
		before := pending
		var heard []answer
		for range rapid.IntRange(1, 10).Draw(t, "answers") {
			a := answer{NodeID(draw(t, "who", 1, someMembers)), rapid.Bool().Draw(t, "yes")}
			if bit := memberSet(1) << (a.id - 1); (yes|no)&bit == 0 {
				if heard = append(heard, a); a.yes {
					yes |= bit
				} else {
					no |= bit
				}
			}
			count = count.record(a.id, a.yes)
			want := pending
			if yes.decides(m) {
				want = won
			} else if !(^no).decides(m) {
				want = lost
			}
			got := count.outcome(m)
			if got != want {
				t.Fatalf("%v with yes %b and no %b is %d, want %d", m, yes, no, got, want)
			}
			if before != pending && got != before {
				t.Fatalf("%v: what was decided is decided otherwise", m)
			}
			before = got
		}
		// The order of first answers makes no difference.
		var again tally
		for _, a := range rapid.Permutation(heard).Draw(t, "order") {
			again = again.record(a.id, a.yes)
		}
		if !slices.Equal(again.yes, count.yes) || !slices.Equal(again.no, count.no) {
			t.Fatalf("%v in another order is %v, not %v", heard, again, count)
		}
	})
}

// TestQuorumsOfAChangeOverlap: any quorum shares a member with any other of the
// same configuration, and a joint one's with those of the configuration before
// and after it, which is why a change goes through it (§6).
func TestQuorumsOfAChangeOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, next := Membership{Voters: drawIDs(t, "old", 1)}, Membership{Voters: drawIDs(t, "new", 1)}
		joint := Membership{Voters: next.Voters, Outgoing: old.Voters}
		for a := memberSet(0); a < 1<<someMembers; a++ {
			for b := a; b < 1<<someMembers; b++ {
				if a&b != 0 {
					continue
				}
				for _, pair := range [][2]Membership{{old, old}, {joint, joint}, {next, next}, {old, joint}, {joint, next}} {
					if a.decides(pair[0]) && b.decides(pair[1]) || b.decides(pair[0]) && a.decides(pair[1]) {
						t.Fatalf("%b and %b both decide, of %v and %v", a, b, pair[0], pair[1])
					}
				}
			}
		}
	})
}
