package core

import (
	"fmt"
	"strings"
	"testing"
)

// storyCore is member 1 of three on what a disk holds, started, with its
// first write durable.
func storyCore(t *testing.T, restored Restored) *Core {
	t.Helper()
	c, err := New(Config{
		ID: 1, Voters: []NodeID{1, 2, 3}, ElectionTimeout: 100 * ms, ElectionJitter: 50 * ms, Heartbeat: 20 * ms,
		MaxBatch: 3, MaxBatchBytes: 1 << 20, MaxInflight: 4,
		MaxInflightBytes: 1 << 20, MaxUncommittedBytes: 1 << 20, SnapshotChunk: 1 << 10,
	}, restored)
	if err != nil {
		t.Fatal(err)
	}
	tell(c, Started{})
	return c
}

// tell gives a core events, lets all it writes become durable at once, and
// collects the effects that concern others or its clients, in words.
func tell(c *Core, events ...Event) string {
	var words []string
	for len(events) > 0 {
		effects := append([]Effect(nil), c.Step(events[0])...)
		events = events[1:]
		for _, e := range effects {
			switch e := e.(type) {
			case AppendLog:
				events = append(events, Appended{e.Number})
			case Send:
				words = append(words, fmt.Sprintf("%d:%T%+v", e.Envelope.To, e.Envelope.Message, e.Envelope.Message))
			case SendChunk:
				words = append(words, fmt.Sprintf("%d:snapshot%+v", e.To, e.Snapshot))
			}
		}
	}
	return strings.Join(words, "\n")
}

// elect makes a core the leader of the next term.
func elect(c *Core) {
	tell(c, TimerFired{Timer: ElectionTimer}, TimerFired{Timer: ElectionTimer})
	term := c.hard.Term
	tell(c, from(2, term, PreVoteReply{Asked: term, Granted: true}))
	tell(c, from(2, term+1, VoteReply{Asked: term + 1, Granted: true}))
}

func from(id NodeID, term Term, m Message) Received {
	return Received{Envelope: Envelope{id, 1, term, m}}
}

// TestNoRefusalByWhoMayHaveTakenIt: a leader takes a Forward, restarts and gets
// a copy of it. It has forgotten the first, whose command may be committed
// yet; a refusal would be definite and false.
func TestNoRefusalByWhoMayHaveTakenIt(t *testing.T) {
	forward := Forward{ID: RequestID{1, 1}, Commands: [][]byte{[]byte("x")}}
	c := storyCore(t, Restored{HardState: HardState{Term: 4}})
	elect(c)
	if got := tell(c, from(3, 5, forward)); !strings.Contains(got, "3:core.ForwardReply{ID:{Boot:1 Number:1} Refused:false Reason:0 First:2}") {
		t.Fatalf("the leader did not take it:\n%s", got)
	}
	again := storyCore(t, Restored{HardState: c.hard, Entries: c.log.entries})
	if got := tell(again, from(3, 5, forward)); got != "" {
		t.Errorf("after a restart it answers a copy:\n%s", got)
	}
	// In a term that it never led it knows what it has not taken.
	if got := tell(again, from(3, 6, forward)); !strings.Contains(got, "Refused:true") {
		t.Errorf("in a later term it does not refuse: %q", got)
	}
	never := storyCore(t, Restored{HardState: HardState{Term: 5, Vote: 2}})
	if got := tell(never, from(3, 5, forward)); !strings.Contains(got, "Refused:true") {
		t.Errorf("one who voted for another does not refuse: %q", got)
	}
}

// TestSnapshotOutrun: while a follower installs a snapshot the leader's log is
// cut again. The follower is sent the next snapshot when it says so, and not
// only when the leader's patience ends.
func TestSnapshotOutrun(t *testing.T) {
	at := SnapshotMeta{20, 1}
	c := storyCore(t, Restored{HardState: HardState{Term: 1}, Snapshot: at, Members: Membership{Voters: []NodeID{1, 2, 3}}, Base: at})
	elect(c)
	tell(c, Applied{20}, from(3, 2, AppendReply{Asked: 2, Prev: 20, Accepted: true, Match: 21}))
	if got := tell(c, from(2, 2, AppendReply{Asked: 2, Prev: 20})); got != "2:snapshot{Index:20 Term:1}" {
		t.Fatalf("a follower with nothing was sent:\n%s", got)
	}
	tell(c, Applied{21}, Compact{Index: 21}, SnapshotSaved{SnapshotMeta{21, 2}})
	reply := from(2, 2, SnapshotReply{Asked: 2, Snapshot: at, Match: 20})
	if got := tell(c, reply); got != "2:snapshot{Index:21 Term:2}" {
		t.Errorf("it took the first, and was sent:\n%s", got)
	}
	if got := tell(c, reply); got != "" {
		t.Errorf("for a copy of its answer it was sent:\n%s", got)
	}
}

// TestSnapshotReplyOvertaken: what a follower has installed becomes known by
// the answer to an Append before its answer to the snapshot comes. The latter ends
// the wait for that snapshot all the same.
func TestSnapshotReplyOvertaken(t *testing.T) {
	at := SnapshotMeta{20, 1}
	c := storyCore(t, Restored{HardState: HardState{Term: 1}, Snapshot: at, Members: Membership{Voters: []NodeID{1, 2, 3}}, Base: at})
	elect(c)
	tell(c, Applied{20}, from(3, 2, AppendReply{Asked: 2, Prev: 20, Accepted: true, Match: 21}))
	if got := tell(c, from(2, 2, AppendReply{Asked: 2, Prev: 20})); got != "2:snapshot{Index:20 Term:1}" {
		t.Fatalf("a follower with nothing was sent:\n%s", got)
	}
	tell(c, Applied{21}, Compact{Index: 21}, SnapshotSaved{SnapshotMeta{21, 2}})
	if got := tell(c, from(2, 2, AppendReply{Asked: 2, Prev: 20, Accepted: true, Match: 20})); got != "" {
		t.Errorf("while the snapshot is under way it was sent:\n%s", got)
	}
	reply := from(2, 2, SnapshotReply{Asked: 2, Snapshot: at, Match: 20})
	if got := tell(c, reply); got != "2:snapshot{Index:21 Term:2}" {
		t.Errorf("it took the first, and was sent:\n%s", got)
	}
	if got := tell(c, reply); got != "" {
		t.Errorf("for a copy of its answer it was sent:\n%s", got)
	}
}

// TestOldRefusalNeedsNoSnapshot: a copy of a refusal, from before the follower
// caught up, names a place that is no longer in the leader's log.
func TestOldRefusalNeedsNoSnapshot(t *testing.T) {
	c := storyCore(t, Restored{HardState: HardState{Term: 1}, Entries: []Entry{{Index: 1, Term: 1}, {Index: 2, Term: 1}}})
	elect(c)
	tell(c, from(3, 2, AppendReply{Asked: 2, Prev: 2, Accepted: true, Match: 3}))
	refusal := from(2, 2, AppendReply{Asked: 2, Prev: 2})
	tell(c, refusal, from(2, 2, AppendReply{Asked: 2, Prev: 0, Accepted: true, Match: 1}))
	tell(c, Applied{3}, Compact{Index: 1}, SnapshotSaved{SnapshotMeta{1, 1}})
	if got := tell(c, refusal); strings.Contains(got, "snapshot") {
		t.Errorf("for an old refusal it is sent a snapshot:\n%s", got)
	}
}
