package catalogue

import "slices"

// Checks are what may catch a bug in the history of a simulated run.
func Checks() []string { return []string{"exactly-once", "linearizable", "availability", "crashes"} }

// Invariants are what may catch a bug inside a simulated cluster. The harness
// does not link the simulator; a test of the simulator compares this list with its own.
func Invariants() []string {
	return []string{
		"election safety", "log matching", "leader completeness", "state-machine safety",
		"committed never lost", "durable promises", "read outside its round", "lease read", "leader append-only", "configuration", "panic",
	}
}

// catches says whether a simulated run can fail by this name.
func catches(name string) bool {
	return slices.Contains(Checks(), name) || slices.Contains(Invariants(), name)
}
