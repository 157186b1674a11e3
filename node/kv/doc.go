// Package kv is the state machine that the cluster replicates: strings under
// keys, and the sessions of clients (thesis, section 6.3). It is pure: the same
// commands in the same order give the same results and the same bytes of
// snapshot on every node.
//
// The nouns:
//
//   - A command is the binary form of an api.Request that writes; it is what
//     stands in the log ([Encode], [Decode]).
//   - A [Store] holds the values. [Store.Apply] takes a command and gives a
//     [Result].
//   - A session remembers the number and the result of a client's latest
//     command, so that one that is sent again is executed once. It is opened by
//     an entry of the log, whose index is its ID, and dropped by what the log
//     holds alone ([Limits]).
//   - A snapshot is the whole store as bytes, sorted and checksummed
//     ([Store.Snapshot], [Store.Restore]).
package kv
