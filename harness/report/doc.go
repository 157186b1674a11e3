// Package report writes one HTML file a run, whatever its verdict.
//
// The file is self-contained: it needs no network, and everything that a node
// or a client said is escaped, since a node under test may say anything. The
// verdict comes first, then how to run it again; a failure shows the offending
// operations in words, drawn, and in porcupine's interactive picture, with the
// nodes' log lines around them. Figures share one axis of time: rates,
// latencies, and a timeline of roles and terms, with the faults as numbered
// bands. A band's number is its row in the table of faults.
//
// A run whose cluster was seen from inside has an account of it as well: its
// steps, message by message, in a table whose rows each hold their slice of a
// message diagram. A path that an exhaustive search found has no run, and gets
// a page of its own (WritePath).
package report
