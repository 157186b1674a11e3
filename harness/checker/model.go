package checker

import (
	"cmp"
	"strings"

	"partita/harness/history"
)

// Model says what one correct object (a key's register, set, queue ...) would
// answer. States are values that are never changed once returned, comparable
// with ==.
type Model struct {
	Init func() any
	// Step says whether the operation could have had its outcome in this
	// state, and the state after it. An operation that completed as info is
	// asked as one that happened, with any outcome.
	Step func(state any, op history.Operation) (ok bool, next any)
	// Describe says an operation in a few words: "read -> 17", "write 18".
	Describe func(op history.Operation) string
	// DescribeState says a state in a few words.
	DescribeState func(state any) string
	// Access, if not nil, says how an operation touches an object that holds
	// one value at a time, or a list that keeps them all. It lets the checker
	// bound or drop ambiguous changes, drop changes from a failing sub-history
	// and say in words what is wrong. Without it only operations with F "read"
	// are known to change nothing.
	Access func(op history.Operation) Access
}

// Access is how an operation touches an object. Values are their JSON; empty
// is no value. Of an object that holds one value, "null" is the value before
// any write; a list has Adds and Shows alone.
type Access struct {
	Writes string // what it leaves behind, if it happened
	Sees   string // what its outcome proves was there just before it
	Denies string // what its outcome proves was not there just before it
	Needs  string // what must have been there for it to leave Writes behind

	Adds  string   // what it puts at the end of a list, if it happened
	Shows []string // what its outcome proves the whole list to be just after it; nil proves nothing
}

// brings is the value that the operation brings in, if it happened.
func (a Access) brings() string { return cmp.Or(a.Writes, a.Adds) }

// noValue is the value of a register that nobody has written.
const noValue = "null"

// RegisterAccess is the Access of a register with read, write and cas.
func RegisterAccess(op history.Operation) Access {
	ok := op.Complete.Type == history.OK
	switch op.Invoke.F {
	case "read":
		if ok {
			return Access{Sees: history.Canonical(op.Complete.Value)}
		}
	case "write":
		return Access{Writes: history.Canonical(op.Invoke.Value)}
	case "cas":
		swapped := op.Complete.Swapped
		switch {
		case !ok || swapped == nil:
			return Access{Writes: history.Canonical(op.Invoke.Value), Needs: history.Canonical(op.Invoke.Old)}
		case *swapped:
			old := history.Canonical(op.Invoke.Old)
			return Access{Writes: history.Canonical(op.Invoke.Value), Sees: old, Needs: old}
		default:
			return Access{Denies: history.Canonical(op.Invoke.Old)}
		}
	}
	return Access{}
}

// ListAccess is the Access of a list of whole numbers with append, whose
// outcome is the list that it left, and read.
func ListAccess(op history.Operation) Access {
	var a Access
	if op.Complete.Type == history.OK {
		a.Shows = listOf(history.Canonical(op.Complete.Value))
	}
	if op.Invoke.F == "append" {
		a.Adds = history.Canonical(op.Invoke.Value)
	}
	return a
}

// listOf splits the compact JSON of a list of whole numbers; nil if it is none.
func listOf(text string) []string {
	inner, opened := strings.CutPrefix(text, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	switch {
	case !opened || !closed || strings.ContainsFunc(inner, notOfNumbers):
		return nil
	case inner == "":
		return []string{}
	}
	return strings.Split(inner, ",")
}

func notOfNumbers(r rune) bool { return r != ',' && r != '-' && (r < '0' || r > '9') }
