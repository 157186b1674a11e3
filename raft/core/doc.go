// Package core is the Raft algorithm as one struct of plain data: an event
// goes in, effects come out. It has no time, no goroutine, no I/O and no
// global randomness, so that the same code runs in the node, in a simulator
// and in an exhaustive search.
//
// The nouns:
//
//   - A [Core] is one member of a cluster of Config.Voters.
//   - An [Event] is something that happened to it: a message arrived, a timer
//     ran out, an append became durable, a client proposed.
//   - An [Effect] is something its runner has to do: append to the log, send
//     a message, hand entries to the state machine, set a timer.
//   - An [Envelope] carries one message from one member to another, with the
//     sender's term.
//
// Every ordering rule of Raft lives inside: a vote, an acknowledgement, an
// apply or a cut of the log is held back until the event that permits it has
// come. A runner that executes effects in the order in which they are
// returned, and reports their completions as events, cannot break
// persist-before-send (Ongaro and Ousterhout, "In Search of an
// Understandable Consensus Algorithm", figure 2: "updated on stable storage
// before responding to RPCs").
//
// Section numbers cite the extended version of that paper; "thesis" is
// Ongaro's "Consensus: Bridging Theory and Practice".
package core
