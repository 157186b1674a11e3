package core

// Effect is something that the runner has to do. Effects are executed in the
// order in which they are returned. Log effects (AppendLog, SaveSnapshot,
// ResetLog, CutLog) act on one log, in order; apply effects (Apply,
// RestoreSnapshot) act on one state machine, in order; the two streams, sends
// and timers may run beside each other.
type Effect interface{ isEffect() }

// AppendLog makes a hard state and entries durable as one batch, and is
// answered by Appended. Entries follow the entry at From-1 and replace
// whatever the log holds from From on; with no entries the log stays as it
// is. Several may be made durable by one sync.
type AppendLog struct {
	Number    uint64
	HardState HardState
	From      Index
	Entries   []Entry
}

// Send sends a message. It may be lost, delayed, repeated or reordered.
type Send struct{ Envelope Envelope }

// SendChunk sends SnapshotChunk bytes of a saved snapshot from Offset on, as
// an InstallSnapshot message, which the runner fills in. If Snapshot is no longer
// there it sends the beginning of the newest. It may be lost like any message.
type SendChunk struct {
	To       NodeID
	Term     Term
	Snapshot SnapshotMeta
	Offset   uint64
}

// Apply hands committed entries to the state machine, and is answered by
// Applied with the index of the last.
type Apply struct{ Entries []Entry }

// RestoreSnapshot replaces the state machine by a snapshot that is durable,
// and is answered by Applied with its index. Data is nil when the runner is to
// read it from its storage.
type RestoreSnapshot struct {
	Snapshot SnapshotMeta
	Data     []byte
}

// SaveSnapshot makes a snapshot durable beside the log, which is left as it
// is, and is answered by SnapshotSaved.
type SaveSnapshot struct {
	Snapshot SnapshotMeta
	Members  Membership // the configuration as of the snapshot
	Data     []byte
}

// ResetLog makes a snapshot durable and then empties the log, which goes on
// after Snapshot.Index. It is answered by SnapshotSaved.
type ResetLog struct {
	Snapshot SnapshotMeta
	Members  Membership
	Data     []byte
}

// CutLog lets entries up to and including To go: a durable snapshot covers
// them. It needs no completion and need not be done at once.
type CutLog struct{ To Index }

// Proposed says where a proposal was put. Whether it stays there is known
// when the entry at Index is applied: it is this one if its term is Term.
type Proposed struct {
	ID    uint64
	Index Index
	Term  Term
}

// ReadReady says that a state machine which has applied everything up to
// Index answers the read with this ID linearizably.
type ReadReady struct {
	ID    uint64
	Index Index
	Lease bool // a lease confirmed it, not a round of heartbeats
}

// TransferDone says that this member leads no more after a TransferLeadership:
// it has seen a later term. Who leads in that is told by Changed.
type TransferDone struct{ ID uint64 }

// MembersChanged says which configuration is in force, after the start and
// whenever it changes: committed or not, and it may change back.
type MembersChanged struct{ Members Membership }

// Refused ends a proposal, a read, a change of members or a transfer without
// success.
type Refused struct {
	ID     uint64
	Reason Reason
}

// Reason says why a proposal or a read was refused.
type Reason uint8

// The reasons. All but Lost and Abandoned are definite: what was asked for did
// not happen and will not.
const (
	// NoLeader: no leader is known.
	NoLeader Reason = iota
	// NotAccepted: the leader refused it, being no leader any more.
	NotAccepted
	// Lost: it was forwarded and no answer came before the leader changed. A
	// forwarded command may have been appended.
	Lost
	// Overloaded: the leader's log holds too much that is not committed.
	Overloaded
	// Transferring: the leader is letting another member lead.
	Transferring
	// NotLeader: only the leader does this, and this member does not lead.
	NotLeader
	// NotReady: the leader has committed nothing in its term yet.
	NotReady
	// ChangePending: another change of the configuration is under way.
	ChangePending
	// BadChange: the change makes no sense for the present configuration.
	BadChange
	// CatchingUp: the learner to be promoted lacks too much of the log, or the
	// voter that is to lead does not answer.
	CatchingUp
	// Abandoned: the other member did not take the lead within an election
	// timeout, or this one lost it otherwise. The other may have been asked to stand, and may do
	// so yet: this reason is not definite.
	Abandoned
)

// SetTimer starts a timer, or restarts it if it runs.
type SetTimer struct {
	Timer Timer
	After Duration
}

// StopTimer stops a timer if it runs.
type StopTimer struct{ Timer Timer }

// Timer names one of a member's timers.
type Timer uint8

// The timers. ElectionTimer first measures the loyalty to a leader and then
// the jitter before an election; on a leader it paces the check for a quorum.
const (
	ElectionTimer Timer = iota
	HeartbeatTimer
	TransferTimer // the patience of a leader that transfers its lead
)

// Changed reports a change of role, term or leader, for logs and metrics.
type Changed struct {
	Role   Role
	Term   Term
	Leader NodeID
	Reason string
}

func (AppendLog) isEffect()       {}
func (Send) isEffect()            {}
func (SendChunk) isEffect()       {}
func (Apply) isEffect()           {}
func (RestoreSnapshot) isEffect() {}
func (SaveSnapshot) isEffect()    {}
func (ResetLog) isEffect()        {}
func (CutLog) isEffect()          {}
func (Proposed) isEffect()        {}
func (ReadReady) isEffect()       {}
func (Refused) isEffect()         {}
func (SetTimer) isEffect()        {}
func (StopTimer) isEffect()       {}
func (Changed) isEffect()         {}
func (TransferDone) isEffect()    {}
func (MembersChanged) isEffect()  {}
