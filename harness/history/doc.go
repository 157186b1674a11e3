// Package history is the record of a run: every operation's invocation and
// its completion, in one order.
//
// An Event is one line of it. An Operation is an invocation with its
// completion. A process is a logical, single-threaded client; a process whose
// operation ended as info is retired, since nobody knows whether the operation
// is still under way, and its worker goes on as another process. The nemesis
// is process -1; its events say that a fault began or was healed.
//
// A client may send an operation in several Copies, under one number of a
// Session: its completion tells what came of each.
//
// On disk a history is history.jsonl, one event a line. A Writer appends to it
// without any buffer; Read takes it back, and forgives a torn last line only.
package history
