// Package engine is simulated time: events in order of their instants, and
// coroutines that sleep.
//
// An Engine runs one event after another and nothing else; no event lasts.
// Events of the same instant run in the order in which they were asked for, so
// that a run is a function of what its events do. A Task is a coroutine: code
// that blocks, such as a client, a plan or a log that waits for its disk, runs in
// one and parks where a real one would wait.
package engine
