// Package service is the part of a node between its clients and its Raft:
// requests in, replies out. It is pure, so that the same code runs in the
// node and in a simulator: something happened, and effects say what to do.
//
// The nouns:
//
//   - A request has an ID, given by the caller and unique while the
//     [Service] lives. Each ends by exactly one [Reply] or [Fail].
//   - A write becomes a [Propose] effect. Its proposal is unplaced until
//     [Service.Proposed] says at which (term, index) it stands; then it is a
//     waiter until that index is applied.
//   - A read becomes a [Read] effect, and waits until the state machine has
//     applied the index that [Service.ReadReady] names. One that asks for no
//     more than a stale answer gets it at once.
//   - An outcome is what an applied entry did. Outcomes are remembered while
//     proposals are unplaced, for a forwarded command may be applied here
//     before the leader's answer says where it was put.
//
// A waiter is completed by (term, index), never by index alone: an entry of
// another term at its index means that its own was overwritten and will never
// be applied. Waiters outlive a change of leader: their entries may still be
// committed.
package service
