// Package trace is an account of what happened inside a cluster, step by step,
// as only a simulator or an exhaustive search can give it.
//
// A Step is one thing that happened to one node: a message left or arrived, a
// timer ran out, a batch became durable, a node died. Steps that tell of the
// same message have the same Message number, which is how a diagram draws its
// arrow. Past finds the steps that led to a violation; Tell tells steps in a
// terminal. On disk a trace is trace.jsonl, one step a line.
package trace
