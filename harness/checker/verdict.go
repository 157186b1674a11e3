package checker

// Verdict is a checker's answer. Verdicts are ordered: composing takes the worst.
type Verdict string

// The verdicts, from best to worst. Unknown is never reported as valid.
const (
	Valid   Verdict = "valid"
	Unknown Verdict = "unknown"
	Invalid Verdict = "invalid"
)

// Result is what one checker found.
type Result struct {
	Verdict Verdict  `json:"verdict"`
	Reason  string   `json:"reason,omitempty"`  // why it is not valid
	Keys    int      `json:"keys,omitempty"`    // of linearizable: how many keys were judged
	Failing []string `json:"failing,omitempty"` // of linearizable: the keys that no order explains
}
