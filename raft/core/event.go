package core

// Event is something that happened to a member: one of the structs below.
type Event interface{ isEvent() }

// Started opens a member's life, once, before any other event.
type Started struct{}

// Received says that a message arrived. Now is an instant read after that.
type Received struct {
	Envelope Envelope
	Now      Instant
}

// TimerFired says that the timer of this kind ran out. A runner keeps at most
// one timer of each kind; setting it again replaces it. Now is an instant read
// after that.
type TimerFired struct {
	Timer Timer
	Now   Instant
}

// Appended says that the Append effect of this number, and all before it, are
// durable. The number alone decides what is proven: a late completion says
// nothing about entries written since.
type Appended struct{ Number uint64 }

// Applied says that the state machine has taken everything up to Index.
type Applied struct{ Index Index }

// Propose asks for commands to be replicated. Requests are answered in order
// by Proposed or Refused effects with the same IDs. IDs are the runner's own
// and unique while the member runs.
type Propose struct {
	Requests []Proposal
}

// Proposal is one command with the ID under which its fate is reported.
type Proposal struct {
	ID   uint64
	Data []byte
}

// Read asks for an index at which reads are linearizable. Answered by
// ReadReady or Refused effects with the same IDs. Lease lets a leader's lease
// confirm them if it holds at Now, an instant read after the requests came.
type Read struct {
	IDs   []uint64
	Lease bool
	Now   Instant
}

// ChangeMembers asks the leader for a change of the configuration, all of it
// or nothing. Answered by a Proposed or Refused effect with the same ID: the
// index is that of the entry that begins the change, and the change is done
// when an entry with a configuration that is not joint has been applied there
// or after it. Asked of another member it is refused.
type ChangeMembers struct {
	ID      uint64
	Changes []Change
}

// TransferLeadership asks the leader to let another voter lead (thesis §3.10).
// Answered by a TransferDone or Refused effect with the same ID.
type TransferLeadership struct {
	ID uint64
	To NodeID
}

// Compact says that the state machine offers a snapshot of everything up to
// Index; Data is opaque. Ignored when a newer one exists.
type Compact struct {
	Index Index
	Data  []byte
}

// SnapshotSaved says that a SaveSnapshot or ResetLog effect is durable.
type SnapshotSaved struct{ Snapshot SnapshotMeta }

func (Started) isEvent()            {}
func (Received) isEvent()           {}
func (TimerFired) isEvent()         {}
func (Appended) isEvent()           {}
func (Applied) isEvent()            {}
func (Propose) isEvent()            {}
func (Read) isEvent()               {}
func (ChangeMembers) isEvent()      {}
func (TransferLeadership) isEvent() {}
func (Compact) isEvent()            {}
func (SnapshotSaved) isEvent()      {}
