// Package interpreter runs a test: it draws operations from a generator, hands
// them to workers, and records what they and the nemesis did.
//
// One goroutine owns time, generator and history. A worker is a goroutine that
// plays successive processes: it takes an invocation, lets its Client carry it
// out, and gives back the completion. What the owner does at an instant is
// decided by Schedule, which is pure: completions in, invocations out, and
// when to wake next.
package interpreter
