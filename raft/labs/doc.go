// Package labs runs raft under the test suite of another world: that of the
// labs of MIT 6.5840, whose tests are written against a Raft of integers,
// remote procedure calls and a persister. The tests here check what those
// check, under their names, and are written anew; all of the package is tests.
//
// The nouns are the labs':
//
//   - A [Raft] has the labs' face (Make, Start, GetState, Snapshot, Kill) over
//     one of package raft.
//   - A [Persister] holds in memory what survives a crash.
//   - A [Network] joins ends: it loses, delays and reorders what they send, and
//     a server can be disconnected.
//   - An [ApplyMsg] is one command, or a snapshot. Indices of commands are
//     contiguous, so the leader of a term appends no no-op (Config.NoNoop).
//
// The parts are 3A elections, 3B agreement, 3C persistence and 3D snapshots. A
// test runs in a bubble of testing/synctest: its ten seconds of patience are
// fake ones, which a slow machine does not use up. What the labs do to a
// procedure's reply, the network here does to a message that is one. An
// answer that never comes holds nobody up, since nobody waits for one: the
// labs' long delays of calls to the dead have no counterpart.
package labs
