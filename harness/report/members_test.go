package report

import (
	"testing"
	"time"

	"partita/harness/cluster"
)

// The evidence of a change of the membership is told in a line for each look.
func TestConfigurationsInWords(t *testing.T) {
	look := func(at time.Duration, voters, learners, seen []string) map[string]any {
		return map[string]any{"at": at, "leader": "n2", "term": 3, "voters": voters, "learners": learners, "seen": seen}
	}
	rows := faultRows([]cluster.Fault{{
		Nemesis: "membership", Shape: "demote", Targets: "follower", Nodes: []string{"n1"}, Evident: true,
		Evidence: map[string]any{
			"requests": []string{"add_learner n1", "add_voter n1"},
			"before":   look(3*time.Second, []string{"n1", "n2"}, nil, []string{"n1", "n2"}),
			"during":   look(3250*time.Millisecond, []string{"n2"}, []string{"n1"}, []string{"n2"}),
			"after":    map[string]any{"voters": "nobody"},
		},
	}})
	want := map[string]string{
		"requests":     "add_learner n1, add_voter n1",
		"before":       "n1 n2 vote, n2 leads in term 3; 2 of them had it at 3.000 s",
		"during":       "n2 votes, n1 learns, n2 leads in term 3; 1 of them had it at 3.250 s",
		"after.voters": "nobody",
	}
	if len(rows[0].Evidence) != len(want) {
		t.Errorf("%d facts: %v", len(rows[0].Evidence), rows[0].Evidence)
	}
	for _, fact := range rows[0].Evidence {
		if want[fact.Name] != fact.Value {
			t.Errorf("%s: %q, want %q", fact.Name, fact.Value, want[fact.Name])
		}
	}
}

// Changes of the membership have a shading of their own; other kinds keep theirs.
func TestShadingOfChanges(t *testing.T) {
	var faults []cluster.Fault
	for i, kind := range []string{"kill", "membership", "partition", "membership"} {
		faults = append(faults, cluster.Fault{Nemesis: kind, At: time.Duration(i) * time.Second, Healed: time.Duration(i+1) * time.Second})
	}
	for i, b := range bandsOf(faults, scale{10 * time.Second}) {
		if want := []int{0, membershipPattern, 1, membershipPattern}[i]; b.Pattern != want {
			t.Errorf("%s: shading %d, want %d", faults[i].Nemesis, b.Pattern, want)
		}
	}
}
