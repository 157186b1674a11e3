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
	Node    string          `json:"node,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// Operation is an invocation with its completion. A missing completion counts
// as info: Complete then has Type Info and Time as late as can be.
type Operation struct {
	Invoke   Event
	Complete Event
}
