package invariant

import (
	"testing"

	"partita/raft/core"
)

// TestVoteIsKept: within a term a disk's vote, once there, stays as it is.
func TestVoteIsKept(t *testing.T) {
	tests := []struct {
		name    string
		was, is core.HardState
		broken  bool
	}{
		{"another boot", core.HardState{Term: 3, Vote: 2, Boot: 1}, core.HardState{Term: 3, Vote: 2, Boot: 2}, false},
		{"a first vote", core.HardState{Term: 3}, core.HardState{Term: 3, Vote: 2}, false},
		{"another term", core.HardState{Term: 3, Vote: 2}, core.HardState{Term: 4, Vote: 1}, false},
		{"another term without a vote", core.HardState{Term: 3, Vote: 2}, core.HardState{Term: 4}, false},
		{"a vote forgotten", core.HardState{Term: 3, Vote: 2}, core.HardState{Term: 3}, true},
		{"a vote for another", core.HardState{Term: 3, Vote: 2}, core.HardState{Term: 3, Vote: 1}, true},
		{"a term of the past", core.HardState{Term: 3, Vote: 2}, core.HardState{Term: 2, Vote: 2}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := New([]string{"n1", "n2", "n3"}, 3, func() int { return 7 })
			for i, hard := range []core.HardState{tt.was, tt.is} {
				number := uint64(i + 1)
				w.Asked(1, core.AppendLog{Number: number, HardState: hard})
				w.Durable(1, number)
			}
			v := w.Broken()
			if (v != nil) != tt.broken {
				t.Fatalf("%+v after %+v: broken is %+v, want that it is broken to be %v", tt.is, tt.was, v, tt.broken)
			}
			if v != nil && v.Name != DurablePromises {
				t.Errorf("the rule is %q, want %q", v.Name, DurablePromises)
			}
		})
	}
}
