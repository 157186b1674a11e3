package history

import (
	"encoding/json"
	"time"
)

// Type says what kind of event it is.
type Type string

// The types of events.
const (
	Invoke Type = "invoke"
	OK     Type = "ok"   // it happened
	Fail   Type = "fail" // it definitely did not happen
	Info   Type = "info" // nobody knows
)

// NemesisProcess is the process of the events that tell of faults.
const NemesisProcess = -1

// Event is one line of history.jsonl. Time is on CLOCK_MONOTONIC since the
// run began; order is by Index.
type Event struct {
	Index   int             `json:"index"`
	Time    time.Duration   `json:"time"` // nanoseconds
	Worker  int             `json:"worker"`
	Process int             `json:"process"`
	Type    Type            `json:"type"`
	F       string          `json:"f"`
	Key     string          `json:"key,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
	// Old is the value that a compare-and-set expects; Swapped, of its
	// completion, whether it found it.
	Old     json.RawMessage `json:"old,omitempty"`
	Swapped *bool           `json:"swapped,omitempty"`
	// How says in which way a client is to ask, where there are several; empty
	// is the plain one.
	How string `json:"how,omitempty"`
	// Session, of a completion, tells what the client sent under one number of a
	// session.
	Session *Session `json:"session,omitempty"`
	Node    string   `json:"node,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// Session is what a client sent under one number of a session, as one
// operation.
type Session struct {
	ID     uint64 `json:"id"`
	Number uint64 `json:"number"`
	// Copies are in the order in which they were sent.
	Copies []Copy `json:"copies,omitempty"`
}

// Copy is one sending of a command, and what the client heard of it. Answer is
// Executed, Repeated or the code of an error. One with a Number of its own is of
// an earlier operation, sent again to see it refused.
type Copy struct {
	Number uint64          `json:"number,omitempty"`
	Node   string          `json:"node"`
	Answer string          `json:"answer"`
	Value  json.RawMessage `json:"value,omitempty"` // of an answer that is no error
}

// The answers that are no errors.
const (
	Executed = "ok"
	Repeated = "duplicate" // executed before; the value is what was answered then
)

// Answered says whether a copy was answered by what it did.
func (c Copy) Answered() bool { return c.Answer == Executed || c.Answer == Repeated }

// Operation is an invocation with its completion. A missing completion counts
// as info: Complete then has Type Info and Time as late as can be.
type Operation struct {
	Invoke   Event
	Complete Event
}
