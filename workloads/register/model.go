package register

import (
	"fmt"

	"partita/harness/checker"
	"partita/harness/history"
)

// Model is one register. Its state is the value's JSON.
func Model() checker.Model {
	return checker.Model{
		Init:          func() any { return "null" },
		Step:          step,
		Describe:      describe,
		DescribeState: func(state any) string { return state.(string) },
		Access:        checker.RegisterAccess,
	}
}

// step says whether the operation could have had its outcome.
func step(state any, op history.Operation) (bool, any) {
	now := state.(string)
	known := op.Complete.Type == history.OK
	switch op.Invoke.F {
	case Read:
		return !known || history.Canonical(op.Complete.Value) == now, now
	case Write:
		return true, history.Canonical(op.Invoke.Value)
	case CAS:
		matches := history.Canonical(op.Invoke.Old) == now
		if known && op.Complete.Swapped != nil && *op.Complete.Swapped != matches {
			return false, now
		}
		if matches {
			return true, history.Canonical(op.Invoke.Value)
		}
		return true, now
	}
	panic(fmt.Sprintf("register: invariant broken: there is no operation %q", op.Invoke.F))
}

// describe says an operation in a few words.
func describe(op history.Operation) string {
	value, end := history.Canonical(op.Invoke.Value), ""
	switch op.Complete.Type {
	case history.Fail:
		end = " (failed)"
	case history.Info:
		end = " (nobody knows)"
	}
	switch op.Invoke.F {
	case Read:
		if op.Complete.Type == history.OK {
			return "read -> " + history.Canonical(op.Complete.Value)
		}
		return "read" + end
	case Write:
		return "write " + value + end
	}
	if op.Complete.Swapped != nil && !*op.Complete.Swapped {
		end = " -> found another value"
	}
	return fmt.Sprintf("cas %s to %s%s", history.Canonical(op.Invoke.Old), value, end)
}
