package checker

import "partita/harness/history"

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
	// one value at a time. It lets the checker cap ambiguous writes, drop
	// writes from a failing sub-history and say in words what is wrong.
	// Without it only operations with F "read" are known to change nothing.
	Access func(op history.Operation) Access
}

// Access is how an operation touches an object that holds one value. Values
// are their JSON; "null" is the value before any write; empty is no value.
type Access struct {
	Writes string // what it leaves behind, if it happened
	Sees   string // what its outcome proves was there just before it
	Denies string // what its outcome proves was not there just before it
	Needs  string // what must have been there for it to leave Writes behind
}

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
