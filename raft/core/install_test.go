package core

import "testing"

// TestPiecesAreForgotten: what has come of a snapshot is let go as soon as it
// will not be completed, for it may be large.
func TestPiecesAreForgotten(t *testing.T) {
	piece := InstallSnapshot{Snapshot: SnapshotMeta{2, 1}, Members: Membership{Voters: []NodeID{1, 2, 3}}, Data: []byte("a")}
	entries := []Entry{{Index: 1, Term: 1}, {Index: 2, Term: 1}}
	for name, events := range map[string][]Event{
		"entries are committed past it": {from(2, 1, Append{Entries: entries, Commit: 2})},
		"the log has come to it":        {from(2, 1, Append{Entries: entries}), from(2, 1, piece)},
		"a later term":                  {from(3, 2, Heartbeat{})},
		"an election of its own":        {from(2, 1, TimeoutNow{})},
	} {
		c := storyCore(t, Restored{})
		if tell(c, from(2, 1, piece)); len(c.install.data) == 0 {
			t.Fatal("the piece is not kept")
		}
		if tell(c, events...); c.install.data != nil {
			t.Errorf("%s, and it is still kept", name)
		}
	}
}
