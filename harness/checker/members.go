package checker

import (
	"encoding/json"
	"slices"
	"time"

	"partita/harness/cluster"
)

// membershipKind is the kind of faults that change who has to serve.
const membershipKind = "membership"

// configuration is what the record of a change of the membership says of the
// cluster after its cure.
type configuration struct {
	At       time.Duration `json:"at"` // when a quorum had it
	Voters   []string      `json:"voters"`
	Learners []string      `json:"learners"`
}

// members are the nodes that have to serve once the faults up to an instant are
// healed, and since when they are members: those that the last change of the
// membership left, or those of the beginning. A node that is no member follows
// no leader: it owes nobody an answer. Not ok if that change was not cured.
func (in *AvailabilityInput) members(at time.Duration) (nodes []string, since time.Duration, ok bool) {
	nodes = in.Members
	if len(nodes) == 0 {
		nodes = in.Nodes
	}
	var last *cluster.Fault
	for i, f := range in.Faults {
		// One that came too late to be injected asked for nothing.
		_, asked := f.Evidence["requests"]
		if f.Nemesis == membershipKind && asked && f.Healed <= at && (last == nil || f.Healed >= last.Healed) {
			last = &in.Faults[i]
		}
	}
	if last == nil {
		return nodes, 0, true
	}
	after, ok := configurationOf(last.Evidence["after"])
	if !ok {
		return nil, 0, false
	}
	nodes = slices.Concat(after.Voters, after.Learners)
	slices.Sort(nodes)
	return nodes, after.At, true
}

// configurationOf reads evidence as it was recorded or as JSON gives it back.
func configurationOf(evidence any) (configuration, bool) {
	var c configuration
	raw, err := json.Marshal(evidence)
	if err != nil || json.Unmarshal(raw, &c) != nil || len(c.Voters) == 0 {
		return configuration{}, false
	}
	return c, true
}
