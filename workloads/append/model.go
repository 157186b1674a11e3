package append

import (
	"fmt"
	"strings"

	"partita/harness/checker"
	"partita/harness/history"
)

// Model is one list. Its state is the list's JSON.
func Model() checker.Model {
	return checker.Model{
		Init:          func() any { return "[]" },
		Step:          step,
		Describe:      describe,
		DescribeState: func(state any) string { return brief(state.(string)) },
		Access:        checker.ListAccess,
	}
}

// step says whether the operation could have had its outcome.
func step(state any, op history.Operation) (bool, any) {
	next := state.(string)
	switch op.Invoke.F {
	case Read:
	case Append:
		next = grown(next, history.Canonical(op.Invoke.Value))
	default:
		panic(fmt.Sprintf("append: invariant broken: there is no operation %q", op.Invoke.F))
	}
	return op.Complete.Type != history.OK || history.Canonical(op.Complete.Value) == next, next
}

// grown is a list with one value more.
func grown(list, value string) string {
	if list == "[]" {
		return "[" + value + "]"
	}
	return strings.TrimSuffix(list, "]") + "," + value + "]"
}

// describe says an operation in a few words.
func describe(op history.Operation) string {
	said := op.Invoke.F
	if said == Append {
		said += " " + history.Canonical(op.Invoke.Value)
	}
	switch op.Complete.Type {
	case history.OK:
		return said + " -> " + brief(history.Canonical(op.Complete.Value))
	case history.Fail:
		return said + " (failed)"
	}
	return said + " (nobody knows)"
}

// Lists of more than briefMost values are said by their length and their last
// briefLast values.
const (
	briefMost = 10
	briefLast = 6
)

// brief says a list in a few words.
func brief(list string) string {
	values := strings.Split(strings.Trim(list, "[]"), ",")
	if !strings.HasPrefix(list, "[") || len(values) <= briefMost {
		return list
	}
	return fmt.Sprintf("%d values, last %s", len(values), strings.Join(values[len(values)-briefLast:], ","))
}
