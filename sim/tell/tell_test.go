package tell

import (
	"testing"

	"partita/node/api"
	"partita/node/kv"
	"partita/raft/core"
)

func encoded(t *testing.T, r api.Request) []byte {
	t.Helper()
	data, err := kv.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestEnvelope says each kind of message.
func TestEnvelope(t *testing.T) {
	put := core.Entry{Index: 5, Term: 3, Data: encoded(t, api.Request{Op: api.Put, Key: "k1", Value: "7"})}
	last := core.SnapshotMeta{Index: 4, Term: 2}
	id := core.RequestID{Boot: 2, Number: 9}
	trio := []core.NodeID{1, 2, 3}
	for want, m := range map[string]core.Message{
		"PreVote term 3: its log ends with (4, term 2)":                                    core.PreVote{Last: last},
		"PreVoteReply term 3: refused (asked in term 2)":                                   core.PreVoteReply{Asked: 2},
		"Vote term 3: its log is empty":                                                    core.Vote{},
		"VoteReply term 3: granted (asked in term 3)":                                      core.VoteReply{Asked: 3, Granted: true},
		"Append term 3: entry 5 of term 3 (put k1 7) after (4, term 2), commit 4":          core.Append{Prev: last, Entries: []core.Entry{put}, Commit: 4},
		"Append term 3: no entries from the beginning, commit 0":                           core.Append{},
		"AppendReply term 3: holds up to 5":                                                core.AppendReply{Accepted: true, Match: 5},
		"AppendReply term 3: refused after 6 (asked in term 3), go back to (4, term 2)":    core.AppendReply{Prev: 6, Asked: 3, Hint: last},
		"AppendReply term 3: refused after 6 (asked in term 1)":                            core.AppendReply{Prev: 6, Asked: 1},
		"Heartbeat term 3: round 8, commit 4":                                              core.Heartbeat{Round: 8, Commit: 4},
		"HeartbeatReply term 3: heard round 8 of term 3":                                   core.HeartbeatReply{Round: 8, Asked: 3},
		"InstallSnapshot term 3: a snapshot up to (4, term 2), with voters n1 n2 n3":       core.InstallSnapshot{Snapshot: last, Members: core.Membership{Voters: trio}, Done: true},
		"InstallSnapshot term 3: bytes 2 to 4 of a snapshot up to (4, term 2)":             core.InstallSnapshot{Snapshot: last, Offset: 2, Data: []byte("ab")},
		"InstallSnapshot term 3: the rest of a snapshot up to (4, term 2), from byte 4 on": core.InstallSnapshot{Snapshot: last, Offset: 4, Data: []byte("ab"), Done: true},
		"SnapshotReply term 3: has 4 bytes of the snapshot up to (4, term 2)":              core.SnapshotReply{Snapshot: last, Received: 4},
		"TimeoutNow term 3: stand for election at once":                                    core.TimeoutNow{},
		"Vote term 3: asked to stand by the leader, its log ends with (4, term 2)":         core.Vote{Last: last, Transfer: true},
		"ReadIndex term 3: read 2.9":                                                       core.ReadIndex{ID: id},
		"ReadIndex term 3: read 2.9, a lease will do":                                      core.ReadIndex{ID: id, Lease: true},
		"ReadIndexReply term 3: read 2.9 as of entry 4":                                    core.ReadIndexReply{ID: id, Index: 4},
		"ReadIndexReply term 3: read 2.9 as of entry 4, by a lease":                        core.ReadIndexReply{ID: id, Index: 4, Lease: true},
		"ForwardReply term 3: number 2.9 refused: too much is not committed":               core.ForwardReply{ID: id, Refused: true, Reason: core.Overloaded},
		"SnapshotReply term 3: holds up to 4":                                              core.SnapshotReply{Match: 4},
		"Forward term 3: a command (put k1 7), number 2.9":                                 core.Forward{ID: id, Commands: [][]byte{put.Data}},
		"Forward term 3: 2 commands, number 2.9":                                           core.Forward{ID: id, Commands: [][]byte{put.Data, put.Data}},
		"ForwardReply term 3: number 2.9 put at 5":                                         core.ForwardReply{ID: id, First: 5},
		"ForwardReply term 3: number 2.9 refused: the leader leads no more":                core.ForwardReply{ID: id, Refused: true, Reason: core.NotAccepted},
	} {
		if got := Envelope(core.Envelope{Term: 3, Message: m}); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestEntries(t *testing.T) {
	entry := func(i core.Index, r api.Request) core.Entry {
		return core.Entry{Index: i, Term: 2, Data: encoded(t, r)}
	}
	noop := core.Entry{Index: 1, Term: 1, Kind: core.Noop}
	joint := core.Membership{Voters: []core.NodeID{1, 2}, Outgoing: []core.NodeID{1, 2, 3}, Learners: []core.NodeID{4}}
	change := core.Entry{Index: 7, Term: 2, Kind: core.Configuration, Data: joint.AppendTo(nil)}
	for want, all := range map[string][]core.Entry{
		"no entries":                  nil,
		"entry 1 of term 1 (a no-op)": {noop},
		"entry 7 of term 2 (voters n1 n2, outgoing n1 n2 n3, learners n4)": {change},
		"entry 2 of term 2 (cas k1 from 3 to 4), entry 3 of term 2 (cas k1 from nothing to 4)": {
			entry(2, api.Request{Op: api.CAS, Key: "k1", Old: "3", Value: "4"}), entry(3, api.Request{Op: api.CAS, Key: "k1", OldAbsent: true, Value: "4"})},
		"entry 4 of term 2 (append k1 7)":    {entry(4, api.Request{Op: api.Append, Key: "k1", Value: "7,"})},
		"entry 5 of term 2":                  {{Index: 5, Term: 2, Data: []byte("not a node's")}},
		"entries 6 to 9, the last of term 4": {{Index: 6}, {Index: 7}, {Index: 8}, {Index: 9, Term: 4}},
	} {
		if got := Entries(all); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestState(t *testing.T) {
	name := func(id core.NodeID) string { return map[core.NodeID]string{3: "n3"}[id] }
	for want, s := range map[string]core.Status{
		"leader, term 2, log to 5 (on disk to 4), commit 3, applied 2": {Role: core.Leader, Term: 2, Leader: 3, Last: 5, Durable: 4, Commit: 3, Applied: 2},
		"follower, term 2, log to 5, commit 3, applied 2, follows n3":  {Role: core.Follower, Term: 2, Leader: 3, Last: 5, Durable: 5, Commit: 3, Applied: 2},
	} {
		if got := State(s, name); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
