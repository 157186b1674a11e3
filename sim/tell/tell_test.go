package tell

import (
	"testing"

	"partita/raft/core"
)

func TestEnvelope(t *testing.T) {
	last := core.SnapshotMeta{Index: 4, Term: 2}
	id := core.RequestID{Boot: 2, Number: 7}
	entries := []core.Entry{{Index: 5, Term: 3}, {Index: 6, Term: 3}}
	cases := []struct {
		message core.Message
		want    string
	}{
		{core.PreVote{Last: last}, "PreVote term 3: log ends with (4, term 2)"},
		{core.PreVoteReply{Asked: 3, Granted: true}, "PreVoteReply term 3: granted, asked in term 3"},
		{core.Vote{Last: last}, "Vote term 3: log ends with (4, term 2)"},
		{core.VoteReply{Asked: 2}, "VoteReply term 3: refused, asked in term 2"},
		{core.Append{Prev: last, Commit: 4}, "Append term 3: nothing after (4, term 2), commit 4"},
		{core.Append{Prev: last, Entries: entries[:1], Commit: 4}, "Append term 3: entry 5 of term 3 after (4, term 2), commit 4"},
		{core.Append{Prev: last, Entries: entries, Commit: 4}, "Append term 3: entries 5 to 6, the last of term 3 after (4, term 2), commit 4"},
		{core.AppendReply{Asked: 3, Accepted: true, Match: 6}, "AppendReply term 3: holds up to 6"},
		{core.AppendReply{Asked: 3, Prev: 4, Hint: core.SnapshotMeta{Index: 2, Term: 1}}, "AppendReply term 3: refused after 4 (asked in term 3), go on at (2, term 1)"},
		{core.Heartbeat{Round: 9, Commit: 4}, "Heartbeat term 3: round 9, commit 4"},
		{core.HeartbeatReply{Asked: 3, Round: 9}, "HeartbeatReply term 3: round 9 of term 3"},
		{core.InstallSnapshot{Snapshot: last, Data: []byte("secret")}, "InstallSnapshot term 3: up to (4, term 2)"},
		{core.SnapshotReply{Asked: 3, Match: 4}, "SnapshotReply term 3: holds up to 4"},
		{core.ReadIndex{ID: id}, "ReadIndex term 3: read 2.7"},
		{core.ReadIndexReply{ID: id, Index: 5}, "ReadIndexReply term 3: read 2.7 as of 5"},
		{core.ReadIndexReply{ID: id, Refused: true}, "ReadIndexReply term 3: read 2.7 refused"},
		{core.Forward{ID: id, Commands: [][]byte{{1}, {2}}}, "Forward term 3: 2 commands, number 2.7"},
		{core.ForwardReply{ID: id, First: 5}, "ForwardReply term 3: number 2.7 put at 5"},
		{core.ForwardReply{ID: id, Refused: true}, "ForwardReply term 3: number 2.7 refused"},
	}
	for _, c := range cases {
		if got := Envelope(core.Envelope{Term: 3, Message: c.message}); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestState(t *testing.T) {
	name := func(id core.NodeID) string { return []string{"", "n1", "n2"}[id] }
	cases := []struct {
		status core.Status
		want   string
	}{
		{core.Status{Role: core.Leader, Term: 3, Leader: 1, Last: 5, Durable: 5, Commit: 4, Applied: 3}, "leader, term 3, log to 5, commit 4, applied 3"},
		{core.Status{Role: core.Follower, Term: 3, Leader: 2, Last: 5, Durable: 4, Commit: 4, Applied: 4}, "follower, term 3, log to 5 (durable to 4), commit 4, applied 4, follows n2"},
		{core.Status{Role: core.Candidate, Term: 4}, "candidate, term 4, log to 0, commit 0, applied 0"},
	}
	for _, c := range cases {
		if got := State(c.status, name); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
