package core

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// roles is a configuration that is not joint as what each member is.
func roles(m Membership) map[NodeID]ChangeKind {
	is := map[NodeID]ChangeKind{}
	for _, id := range m.Voters {
		is[id] = AddVoter
	}
	for _, id := range m.Learners {
		is[id] = AddLearner
	}
	return is
}

// TestMembershipEncoding: what is encoded is decoded, and validates.
func TestMembershipEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMembership(t)
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		b := m.AppendTo([]byte("before"))
		got, err := DecodeMembership(b[len("before"):])
		if err != nil || !got.Equal(m) || got.String() != m.String() {
			t.Fatalf("%v is decoded as %v, %v", m, got, err)
		}
		if _, err := DecodeMembership(b[len("before") : len(b)-1]); !errors.Is(err, errMembership) {
			t.Fatalf("what is cut short is decoded, or with %v", err)
		}
		if _, err := DecodeMembership(append(b[len("before"):], 0)); !errors.Is(err, errMembership) {
			t.Fatalf("what is too long is decoded, or with %v", err)
		}
	})
}

// TestMembershipQuestions compares the questions about a configuration with
// looking through its lists.
func TestMembershipQuestions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMembership(t)
		var all []NodeID
		for id := NodeID(1); id <= someMembers; id++ {
			votes := setOf(m.Voters).has(id) || setOf(m.Outgoing).has(id)
			learns := setOf(m.Learners).has(id)
			if m.Votes(id) != votes || m.Has(id) != (votes || learns) {
				t.Fatalf("%v: votes or has is wrong for %d", m, id)
			}
			if votes || learns {
				all = append(all, id)
			}
		}
		if !slices.Equal(m.All(), all) || m.Joint() != (len(m.Outgoing) > 0) {
			t.Fatalf("%v: all are %v, joint is %v", m, m.All(), m.Joint())
		}
	})
}

// TestValidate has one configuration for every rule, broken.
func TestValidate(t *testing.T) {
	many := make([]NodeID, MaxMembers+1)
	for i := range many {
		many[i] = NodeID(i + 1)
	}
	for name, m := range map[string]Membership{
		"voters not sorted":    {Voters: []NodeID{2, 1}},
		"a voter twice":        {Voters: []NodeID{1, 1}},
		"a voter zero":         {Voters: []NodeID{0, 1}},
		"outgoing not sorted":  {Voters: []NodeID{1}, Outgoing: []NodeID{3, 2}},
		"a learner twice":      {Voters: []NodeID{1}, Learners: []NodeID{2, 2}},
		"voter and learner":    {Voters: []NodeID{1, 2}, Learners: []NodeID{2}},
		"too many":             {Voters: many},
		"too many together":    {Voters: many[:40], Outgoing: many[40:]},
		"learners and nobody":  {Learners: []NodeID{1}},
		"joint towards nobody": {Outgoing: []NodeID{1}},
	} {
		if m.Validate() == nil {
			t.Errorf("%s: %v is valid", name, m)
		}
		if _, err := DecodeMembership(m.AppendTo(nil)); err == nil {
			t.Errorf("%s: %v is decoded", name, m)
		}
	}
	for name, m := range map[string]Membership{
		"empty, of who waits to be added": {},
		"full":                            {Voters: many[:MaxMembers]},
		"a voter that becomes a learner":  {Voters: []NodeID{1}, Outgoing: []NodeID{1, 2}, Learners: []NodeID{2}},
	} {
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChangesLikeNaiveOnes compares what changes lead to with a map of who is
// what. A change makes sense if it changes something, names each member once,
// promotes only learners, and leaves somebody to vote.
func TestChangesLikeNaiveOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMembership(t)
		m.Outgoing = nil
		var changes []Change
		for range rapid.IntRange(0, 3).Draw(t, "count") {
			changes = append(changes, Change{
				ChangeKind(rapid.IntRange(int(AddLearner), int(Remove)).Draw(t, "kind")),
				NodeID(draw(t, "who", 0, someMembers+1)),
			})
		}
		is, sense := roles(m), len(changes) > 0
		named := map[NodeID]bool{}
		for _, ch := range changes {
			now, member := is[ch.ID]
			switch {
			case named[ch.ID], ch.ID == None,
				member && now == ch.Kind, // is that already
				ch.Kind == Remove && !member,
				ch.Kind == AddVoter && !member: // learns first
				sense = false
			}
			named[ch.ID] = true
			if delete(is, ch.ID); ch.Kind != Remove {
				is[ch.ID] = ch.Kind
			}
		}
		votes := slices.ContainsFunc(m.All(), func(id NodeID) bool { now, ok := is[id]; return ok && now == AddVoter })
		before := m.AppendTo(nil)
		next, ok := m.after(changes)
		if ok != (sense && votes) {
			t.Fatalf("%v with %v makes sense: %v", m, changes, ok)
		}
		if !bytes.Equal(m.AppendTo(nil), before) {
			t.Fatalf("the change was made in place: %v", m)
		}
		if !ok {
			return
		}
		if err := next.Validate(); err != nil {
			t.Fatal(err)
		}
		got := roles(next)
		for id := NodeID(1); id <= someMembers+1; id++ {
			a, inA := is[id]
			if b, inB := got[id]; inA != inB || a != b {
				t.Fatalf("%v with %v is %v", m, changes, next)
			}
		}
		// Joint exactly if voters change, and then from the old ones.
		if slices.Equal(next.Voters, m.Voters) == next.Joint() || next.Joint() && !slices.Equal(next.Outgoing, m.Voters) {
			t.Fatalf("%v with %v goes through %v", m, changes, next)
		}
	})
}

// FuzzDecodeMembership: whatever decodes is valid and has one encoding.
func FuzzDecodeMembership(f *testing.F) {
	for _, m := range []Membership{{}, {Voters: []NodeID{1, 2, 3}}, {Voters: []NodeID{2, 300}, Outgoing: []NodeID{1, 2}, Learners: []NodeID{4}}} {
		f.Add(m.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMembership(b)
		if err != nil {
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatalf("decoded and not valid: %v", err)
		}
		if again := m.AppendTo(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x is decoded as %v, which is encoded as %x", b, m, again)
		}
	})
}

// TestMembershipInWords: a configuration is told with the lists that it has, and
// equals no other that differs in one of them.
func TestMembershipInWords(t *testing.T) {
	all := map[string]Membership{
		"voters 1 2":                         {Voters: []NodeID{1, 2}},
		"voters 1":                           {Voters: []NodeID{1}},
		"voters 1 2, outgoing 1":             {Voters: []NodeID{1, 2}, Outgoing: []NodeID{1}},
		"voters 1 2, learners 3":             {Voters: []NodeID{1, 2}, Learners: []NodeID{3}},
		"voters 1 2, outgoing 1, learners 3": {Voters: []NodeID{1, 2}, Outgoing: []NodeID{1}, Learners: []NodeID{3}},
	}
	for words, m := range all {
		if m.String() != words {
			t.Errorf("%q, not %q", m, words)
		}
		for others, o := range all {
			if m.Equal(o) != (words == others) {
				t.Errorf("%q equals %q: %v", m, o, m.Equal(o))
			}
		}
	}
}
