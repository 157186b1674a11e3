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
}
