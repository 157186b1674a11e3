package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// membershipKind is the kind of faults whose evidence is configurations.
const membershipKind = "membership"

// configuration is one of them as evidence has it.
type configuration struct {
	At       time.Duration `json:"at"`
	Leader   string        `json:"leader"`
	Term     uint64        `json:"term"`
	Voters   []string      `json:"voters"`
	Learners []string      `json:"learners"`
	Seen     []string      `json:"seen"`
}

// String says it in one line: "n1 n2 n3 vote, n4 learns, n2 leads in term 3;
// 2 voters had it at 3.250 s".
func (c configuration) String() string {
	text := strings.Join(c.Voters, " ") + " vote"
	if len(c.Voters) == 1 {
		text += "s"
	}
	switch len(c.Learners) {
	case 0:
	case 1:
		text += ", " + c.Learners[0] + " learns"
	default:
		text += ", " + strings.Join(c.Learners, " ") + " learn"
	}
	return text + fmt.Sprintf(", %s leads in term %d; %d of them had it at %s", c.Leader, c.Term, len(c.Seen), instant(c.At))
}

// sayConfigurations puts a line in the place of each configuration of the
// evidence of a change of the membership. What is none stays.
func sayConfigurations(evidence map[string]any) {
	for _, name := range []string{"before", "during", "after"} {
		var c configuration
		raw, err := json.Marshal(evidence[name])
		if err == nil && json.Unmarshal(raw, &c) == nil && len(c.Voters) > 0 {
			evidence[name] = c.String()
		}
	}
}
