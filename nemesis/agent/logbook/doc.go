// Package logbook keeps what the node writes: every line of its standard
// output and error, stamped with the shared clock when it was read, as one
// wire.LogLine of JSON a line in a file.
//
// A follower reads one boot's pipe; lines wait in a bounded queue for the
// writer, so the node's writes are as good as free. If the disk stalls and the
// queue fills, followers wait for room, a line at most Patience; then the line
// is dropped, and how many were is said in the log itself. Lines longer than
// MaxLine are split.
package logbook
