package history

import "encoding/json"

// LagF is the f of an event of the nemesis's process that says that the
// harness itself was late; its value is by how many nanoseconds.
const LagF = "lag"

// phase is the value of an event that tells of a fault.
type phase struct {
	Phase string `json:"phase"` // began or healed
	What  string `json:"what"`
}

// The phases of a fault.
const (
	began  = "began"
	healed = "healed"
)

// Began is the event of a fault that is now in force: its kind is the
// scenario's key (partition, kill ...), what says it in words. Index and time
// are the recorder's to fill in.
func Began(kind, what string) Event { return nemesisEvent(kind, began, what) }

// Healed is the event of a fault that has been healed.
func Healed(kind, what string) Event { return nemesisEvent(kind, healed, what) }

// Lag is the event of a harness that was late by so many nanoseconds.
func Lag(ns int64) Event {
	return Event{Worker: NemesisProcess, Process: NemesisProcess, Type: Info, F: LagF, Value: Int(ns)}
}

func nemesisEvent(kind, ph, what string) Event {
	raw, err := json.Marshal(phase{Phase: ph, What: what})
	if err != nil {
		panic("invariant: two strings have a JSON form: " + err.Error())
	}
	return Event{Worker: NemesisProcess, Process: NemesisProcess, Type: Info, F: kind, Value: raw}
}

// Fault reads an event made by Began or Healed. It reports false for every
// other event. The kind is the event's F.
func Fault(e Event) (what string, hasBegun, ok bool) {
	var p phase
	if e.Process != NemesisProcess || e.F == LagF || json.Unmarshal(e.Value, &p) != nil {
		return "", false, false
	}
	return p.What, p.Phase == began, p.Phase == began || p.Phase == healed
}
