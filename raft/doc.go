// Package raft runs one member of a Raft cluster: it gives the algorithm of
// raft/core a disk, a network and time, and a service something to call.
//
// The nouns:
//
//   - A [Raft] is a running member, made by [Make].
//   - A [Storage] is its disk, a [Transport] its network; raft/wal and
//     raft/transport have one of each.
//   - A command is bytes that mean something to the service. It becomes an
//     entry of the log; the entry is committed, and then applied: handed to
//     the service as part of an [ApplyMsg].
//   - A configuration ([core.Membership]) is who votes and who learns. It is an
//     entry of the log too, in force from where it stands (§6).
//   - [Accepted] is where in the log a command was put. Whether it stays there
//     shows when the entry of that index is applied: it is the command if it
//     has the same term, and otherwise the command is lost for good (§5.3: an
//     index and a term name one entry).
//   - The owner is the one goroutine that has the core.
//
// # Embedding it
//
// docs/guide.md goes through all of it, and the examples are a small service.
//
// Open a storage and a transport, make an apply channel, call [Make], and
// receive from the channel until [Raft.Stop] closes it: every member applies
// the same entries in the same order (§5.4.3, state machine safety). An entry
// of kind [core.Noop] opens a leader's term (§8), one of kind
// [core.Configuration] says who is a member, and neither is a command.
// [ApplyMsg.Snapshot] tells to replace the state machine, after a restart or
// when a leader sent a snapshot (§7).
//
// A write: [Raft.Propose] on any member, then wait until the entry at
// Accepted.Index has been applied, and compare terms. A command can reach the
// log and its proposer not hear of it, so an error may leave its fate open;
// [Definite] tells. A linearizable read (§8; thesis §6.4): [Raft.ReadIndex]
// on any member, then wait until that index has been applied, then look.
// [Raft.ProposeAsync] and [Raft.ReadAsync] are the same without a goroutine a
// request, and [Raft.Start] is for the leader alone.
//
// A read by lease ([Raft.LeaseRead], with Config.Lease; thesis §6.4.1) asks
// nobody while the leader's lease holds, and is a [Raft.ReadIndex] otherwise. It
// trusts clocks: no member's may be off by more than Config.LeaseDrift, and a
// machine that was suspended, with its monotonic clock, breaks that.
//
// After every so many entries the service calls [Raft.Snapshot] with its
// state, and the log below is let go (§7).
//
// When the storage fails nothing is promised any more: the member falls silent,
// no request ends well, [Raft.Failed] closes, and the process is best ended,
// since no one knows what is on the disk.
//
// # Members come and go
//
// A cluster begins with Config.Voters, the same on each of them. One that
// joins is started with no voters and an address that the others' transports
// know; it waits. The leader's [Raft.ChangeMembers] adds it as a learner, and when
// it has caught up makes it a voter; more than one member can be changed at once,
// by way of a joint configuration (§6). One that is removed falls silent by itself
// and can then be stopped. [Raft.TransferLeadership] lets a voter lead whom the
// leader chooses (thesis §3.10), before it is stopped for instance.
//
// # Who waits for what
//
// The owner drains what came in since it last looked (messages, completions,
// timers, then all proposals as one event and all reads as one) and executes
// the core's effects. It never touches the disk and never waits for a queue.
// Beside it run one goroutine that appends to the log, making everything that
// is queued durable with one sync, while the same entries are on their way to
// the followers; one that saves snapshots; one that hands entries to the service;
// and one that reads snapshots piece by piece, for the owner to send. So
// [Raft.Start] waits for the owner's turn and never for a disk, and
// [Raft.GetState] and [Raft.Status] read an atomic snapshot that the owner
// publishes. The rules of what must be durable before what is said (figure 2)
// are the core's, and nothing here adds to them.
//
// Every queue is bounded: the requests' by Config.QueueLimit, and those behind
// the core by what the core has under way, which Config.MaxBacklogBytes keeps
// in bounds: beyond it proposals are refused, and entries that a leader sends
// are dropped as if the network had lost them; it sends them again. Commands
// that a follower forwards are dropped likewise, and are lost to it.
package raft
