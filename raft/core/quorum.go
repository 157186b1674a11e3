package core

import "slices"

// quorum is the smallest number of voters such that any two sets of that size
// share a voter.
func quorum(voters int) int { return voters/2 + 1 }

// reached is the largest value that a quorum has reached, given every member's
// value: in a joint configuration a majority of both its parts (§6).
func reached[T ~uint64](m Membership, of func(NodeID) T) T {
	value := majorityReached(m.Voters, of)
	if m.Joint() {
		value = min(value, majorityReached(m.Outgoing, of))
	}
	return value
}

func majorityReached[T ~uint64](voters []NodeID, of func(NodeID) T) T {
	var array [MaxMembers]T
	values := array[:0]
	for _, id := range voters {
		values = append(values, of(id))
	}
	slices.Sort(values)
	return values[len(values)-quorum(len(values))]
}

// outcome is what a count of votes says.
type outcome uint8

const (
	pending outcome = iota
	won
	lost
)

// tally counts votes. It is a pure value, and decided as soon as a quorum said
// yes or no longer can. Whose answers count is for the configuration to say.
type tally struct {
	yes, no []NodeID // sorted
}

// record notes the first answer of a voter.
func (t tally) record(voter NodeID, granted bool) tally {
	if slices.Contains(t.yes, voter) || slices.Contains(t.no, voter) {
		return t
	}
	into := &t.no
	if granted {
		into = &t.yes
	}
	list := append(slices.Clone(*into), voter)
	slices.Sort(list)
	*into = list
	return t
}

// outcome decides the count. A joint election is won in both parts and lost in
// either.
func (t tally) outcome(m Membership) outcome {
	first := t.majority(m.Voters)
	if !m.Joint() {
		return first
	}
	switch second := t.majority(m.Outgoing); {
	case first == lost || second == lost:
		return lost
	case first == won && second == won:
		return won
	}
	return pending
}

func (t tally) majority(voters []NodeID) outcome {
	yes, no := 0, 0
	for _, id := range voters {
		switch {
		case slices.Contains(t.yes, id):
			yes++
		case slices.Contains(t.no, id):
			no++
		}
	}
	switch need := quorum(len(voters)); {
	case yes >= need:
		return won
	case len(voters)-no < need:
		return lost
	}
	return pending
}
