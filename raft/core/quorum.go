package core

import (
	"math/bits"
	"slices"
)

// quorum is the smallest number of voters such that any two sets of that size
// share a voter.
func quorum(voters int) int { return voters/2 + 1 }

// quorumValue is the largest value that a quorum of the voters has reached,
// given every voter's value. It sorts its argument.
func quorumValue[T ~uint64](values []T) T {
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
// yes or no longer can. A bit stands for a voter's position in Config.Voters.
type tally struct {
	voters  int
	yes, no uint64
}

// record notes the first answer of the voter at this position.
func (t tally) record(voter int, granted bool) tally {
	bit := uint64(1) << voter
	switch {
	case (t.yes|t.no)&bit != 0:
	case granted:
		t.yes |= bit
	default:
		t.no |= bit
	}
	return t
}

// outcome decides the count.
func (t tally) outcome() outcome {
	need := quorum(t.voters)
	switch {
	case bits.OnesCount64(t.yes) >= need:
		return won
	case t.voters-bits.OnesCount64(t.no) < need:
		return lost
	}
	return pending
}
