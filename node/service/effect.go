package service

import (
	"partita/node/api"
	"partita/raft/core"
)

// Effect is something that the owner of a Service has to do: one of the
// structs below.
type Effect interface{ isEffect() }

// Propose asks for a command to be replicated. It is answered by
// Service.Proposed, Service.Refused or Service.Declined.
type Propose struct {
	ID   uint64
	Data []byte
}

// Read asks for an index at which reads are linearizable. It is answered by
// Service.ReadReady, Service.Refused or Service.Declined. Lease allows the
// leader to confirm it by its lease.
type Read struct {
	ID    uint64
	Lease bool
}

// Reply ends a request that happened.
type Reply struct {
	ID    uint64
	Reply api.Reply
}

// Fail ends a request that did not, or of which nobody knows. Error.Leader is
// left to the owner, who knows it.
type Fail struct {
	ID    uint64
	Error api.Error
}

// Compact offers Raft a snapshot of everything up to Index.
type Compact struct {
	Index core.Index
	Data  []byte
}

func (Propose) isEffect() {}
func (Read) isEffect()    {}
func (Reply) isEffect()   {}
func (Fail) isEffect()    {}
func (Compact) isEffect() {}
