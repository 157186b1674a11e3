// Package kv is the state machine that the cluster replicates: strings under
// keys. It is pure: the same commands in the same order give the same
// results and the same bytes of snapshot on every node.
//
// The nouns:
//
//   - A command is the binary form of an api.Request that writes; it is what
//     stands in the log ([Encode], [Decode]).
//   - A [Store] holds the values. [Store.Apply] takes a command and gives a
//     [Result].
//   - A snapshot is the whole store as bytes, sorted and checksummed
//     ([Store.Snapshot], [Store.Restore]).
package kv
