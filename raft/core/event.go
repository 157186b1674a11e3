package core

// Event is something that happened to a member: one of the structs below.
type Event interface{ isEvent() }

// Started opens a member's life, once, before any other event.
type Started struct{}

// Received says that a message arrived.
type Received struct{ Envelope Envelope }

// TimerFired says that the timer of this kind ran out. A runner keeps at most
// one timer of each kind; setting it again replaces it.
type TimerFired struct{ Timer Timer }

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
// ReadReady or Refused effects with the same IDs.
type Read struct{ IDs []uint64 }

// Compact says that the state machine offers a snapshot of everything up to
// Index; Data is opaque. Ignored when a newer one exists.
type Compact struct {
	Index Index
	Data  []byte
}

// SnapshotSaved says that a SaveSnapshot or ResetLog effect is durable.
type SnapshotSaved struct{ Snapshot SnapshotMeta }

func (Started) isEvent()       {}
func (Received) isEvent()      {}
func (TimerFired) isEvent()    {}
func (Appended) isEvent()      {}
func (Applied) isEvent()       {}
func (Propose) isEvent()       {}
func (Read) isEvent()          {}
func (Compact) isEvent()       {}
func (SnapshotSaved) isEvent() {}
