package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Membership is a configuration (§6): who votes and who learns. With Outgoing
// it is joint: a decision then needs a majority of Voters and a majority of
// Outgoing, the voters of the configuration that it leaves. Learners get the log and do
// not vote (thesis §4.2.1). Each list is sorted. A Membership is not changed
// once it is made.
type Membership struct {
	Voters   []NodeID
	Outgoing []NodeID
	Learners []NodeID
}

// ChangeKind says what becomes of a member.
type ChangeKind uint8

// The kinds of changes. A voter that becomes a learner is demoted; a learner
// that becomes a voter is promoted, once its log has caught up.
const (
	AddLearner ChangeKind = iota
	AddVoter
	Remove
)

// Change is one part of a change of the configuration.
type Change struct {
	Kind ChangeKind
	ID   NodeID
}

// errMembership is wrapped by what DecodeMembership returns.
var errMembership = errors.New("core: not the encoding of a configuration")

// Joint says whether the configuration is on the way from one to another.
func (m Membership) Joint() bool { return len(m.Outgoing) > 0 }

// Votes says whether a member's vote counts.
func (m Membership) Votes(id NodeID) bool {
	return slices.Contains(m.Voters, id) || slices.Contains(m.Outgoing, id)
}

// Has says whether a member is part of the configuration.
func (m Membership) Has(id NodeID) bool { return m.Votes(id) || slices.Contains(m.Learners, id) }

// All lists all members, sorted.
func (m Membership) All() []NodeID {
	all := slices.Concat(m.Voters, m.Outgoing, m.Learners)
	slices.Sort(all)
	return slices.Compact(all)
}

// Equal says whether two configurations are the same.
func (m Membership) Equal(o Membership) bool {
	return slices.Equal(m.Voters, o.Voters) && slices.Equal(m.Outgoing, o.Outgoing) && slices.Equal(m.Learners, o.Learners)
}

// String gives a configuration as "voters 1 2 3, outgoing 1 2, learners 4".
func (m Membership) String() string {
	s := "voters" + list(m.Voters)
	if m.Joint() {
		s += ", outgoing" + list(m.Outgoing)
	}
	if len(m.Learners) > 0 {
		s += ", learners" + list(m.Learners)
	}
	return s
}

func list(ids []NodeID) string {
	s := ""
	for _, id := range ids {
		s += fmt.Sprintf(" %d", id)
	}
	return s
}

// Validate says what is wrong with a configuration, or nil. That of a member
// which has not joined yet is empty.
func (m Membership) Validate() error {
	for _, part := range [][]NodeID{m.Voters, m.Outgoing, m.Learners} {
		for i, id := range part {
			if id == None || i > 0 && id <= part[i-1] {
				return fmt.Errorf("core: members %v must be sorted, distinct and not zero", part)
			}
		}
	}
	for _, id := range m.Learners {
		if slices.Contains(m.Voters, id) {
			return fmt.Errorf("core: member %d is both voter and learner", id)
		}
	}
	if n := len(m.All()); n > MaxMembers {
		return fmt.Errorf("core: %d members; at most %d are allowed", n, MaxMembers)
	}
	if len(m.Voters) == 0 && (m.Joint() || len(m.Learners) > 0) {
		return errors.New("core: a configuration without voters decides nothing")
	}
	return nil
}

// AppendTo appends the encoding of a configuration to b: three lists, voters,
// outgoing and learners, each as its length and its IDs, all unsigned varints.
func (m Membership) AppendTo(b []byte) []byte {
	for _, part := range [][]NodeID{m.Voters, m.Outgoing, m.Learners} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		for _, id := range part {
			b = binary.AppendUvarint(b, uint64(id))
		}
	}
	return b
}

// DecodeMembership gives the configuration that AppendTo encoded. Anything
// else is an error.
func DecodeMembership(b []byte) (Membership, error) {
	var m Membership
	r := flatReader{b: b}
	for _, part := range []*[]NodeID{&m.Voters, &m.Outgoing, &m.Learners} {
		for n := r.count(); n > 0 && !r.bad; n-- {
			*part = append(*part, r.id())
		}
	}
	if r.end() != nil || len(m.AppendTo(nil)) != len(b) {
		return Membership{}, fmt.Errorf("%w: %d bytes", errMembership, len(b))
	}
	if err := m.Validate(); err != nil {
		return Membership{}, fmt.Errorf("%w: %w", errMembership, err)
	}
	return m, nil
}
