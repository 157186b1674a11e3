package store

// Search is what an exploration leaves for the harness: how many seeds ran and
// which failed.
type Search struct {
	Seeds    int         `json:"seeds"`
	Seconds  float64     `json:"seconds"`
	Failures []FoundSeed `json:"failures"`
	// Undecided are seeds with a key that could not be decided.
	Undecided []int64 `json:"undecided"`
}

// FoundSeed is a seed that failed, with its scenario to be run again.
type FoundSeed struct {
	Seed     int64   `json:"seed"`
	Check    string  `json:"check"` // the check or the rule that failed
	Reason   string  `json:"reason"`
	Seeds    int     `json:"seeds"`   // that had run when it was found
	Seconds  float64 `json:"seconds"` // since the search began
	Scenario string  `json:"scenario"`
}

// Exhausted is what an exhaustive search leaves of one set of bounds.
type Exhausted struct {
	Bounds    string  `json:"bounds"`
	Stop      string  `json:"stop"` // why it ended
	Depth     int     `json:"depth"`
	Distinct  int     `json:"distinct"` // states
	States    int     `json:"states"`   // looked at
	Seconds   float64 `json:"seconds"`
	Violation string  `json:"violation,omitempty"` // the rule
	Actions   int     `json:"actions,omitempty"`   // of the shortest path to it
}
