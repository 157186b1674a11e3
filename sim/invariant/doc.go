// Package invariant watches the rules of Raft from inside a cluster, where a
// client's history cannot look. It counts its own majorities and keeps its own
// view of every node's log and disk, made from the effects that the core asks
// for: a bug that blinds a helper of the core does not blind it.
package invariant
