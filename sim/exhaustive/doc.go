// Package exhaustive is a model checker whose model is the code that ships. It
// visits every state that three members of raft/core can get into within
// stated bounds, breadth first, and checks the rules of package invariant in
// each.
//
// The nouns:
//
//   - Options say where the search starts, what may happen and how often: the
//     bounds. A preset is a set of bounds with a name.
//   - A node is a core together with what its runner keeps for it: the disk,
//     the timers that are armed, how far its state machine has come.
//   - An event is something that happens to one node; a transition is what the
//     node makes of it: another local state, messages, observations.
//   - The ghost is what the search remembers and no node knows: who led which
//     term, what was committed, what a read has to see.
//   - A state of the cluster is three nodes, the messages in flight, the ghost
//     and what is left of the bounds. An action leads from one to another.
//   - The frontier are the states of one level, all equally many actions away
//     from the start, that are yet to be expanded.
//
// Since an action changes one node, and nodes are in few different states
// beside the many states of the cluster, the core runs once for each pair of a
// local state and an event. Everything is interned: the search moves small
// numbers. docs/exhaustive.md has the reductions and why they are safe.
package exhaustive
