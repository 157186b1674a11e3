package server

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"partita/raft/core"
	"partita/raft/transport"
)

// pageOf gives the page of n1, of four nodes, over a status.
func pageOf(t *testing.T, s core.Status, left time.Duration, recent ...news) string {
	t.Helper()
	cfg := good()
	f := newFront(echo)
	f.debug = &debugPage{
		cfg: cfg, names: roster{"n1", "n2", "n3", "n4"}, raft: &fakeMember{status: s, left: left},
		wire: func() transport.Counters {
			return transport.Counters{Peers: []transport.PeerCounters{{ID: n2, Connected: true, Sent: 9}, {ID: n3}}}
		},
		recent: func() []news { return recent }, started: time.Now(),
	}
	status, page := ask(f, "GET", "/debug/raft", "")
	if status != 200 {
		t.Fatalf("status %d", status)
	}
	return page
}

// words is a page as a person reads it.
func words(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAllString(page, "")
	page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " ")
	return strings.Join(strings.Fields(html.UnescapeString(page)), " ")
}

var (
	three = core.Membership{Voters: []core.NodeID{n1, n2, n3}}
	joint = core.Membership{Voters: []core.NodeID{n1, n2}, Outgoing: []core.NodeID{n1, n3}, Learners: []core.NodeID{n4}}
)

func TestDebugPageTells(t *testing.T) {
	leader := core.Status{
		ID: n1, Role: core.Leader, Term: 7, Leader: n1, Commit: 90, Applied: 88, Last: 100, Durable: 95, Snapshot: 40, Boot: 2,
		Members: joint, MembersIndex: 91, Transferring: n2, Uncommitted: 20 << 10,
		Peers: []core.PeerStatus{
			{ID: n1, Mode: "self", Match: 95, Next: 101},
			{ID: n2, Mode: "replicating", Match: 93, Next: 101, Inflight: 3, InflightBytes: 7000},
			{ID: n3, Mode: "probing", Match: 80, Next: 81},
			{ID: n4, Mode: "installing", Next: 1, Learner: true, Snapshot: 40, SnapshotOffset: 1000},
		},
	}
	for _, c := range []struct {
		name   string
		status core.Status
		left   time.Duration
		recent []news
		want   []string
	}{
		{"a leader in the middle of everything", leader, 700 * time.Millisecond, []news{
			{at: time.Now(), members: &joint}, {at: time.Now(), changed: core.Changed{Role: core.Leader, Term: 7, Leader: n1, Reason: "election won"}},
		}, []string{
			"n1 leader Leads term 7, and is a voter. The configuration is joint",
			"last entry 100", "durable 95 5 not on this disk yet", "committed 90 10 not known to be committed",
			"applied 88 2 committed and not applied", "snapshot covers 40 48 applied since", "boot 2",
			"voters n1 n2 stands at 91, not known to be committed; joint", "outgoing voters n1 n3", "learners n4", "could be added none",
			"lease holds for 700 ms more", "transfer to n2 commands are refused meanwhile", "not committed 20 KiB of at most 64 MiB",
			"n1 voter self 95 5 101 this node", "n2 voter, coming replicating 93 7 101 3 messages, 7000 B open; 9 sent",
			"n3 voter, leaving probing 80 20 81 broken", "n4 learner installing 0 100 1 of 40: 1000 B of 4000 B (25 %)",
			"requests 17", "5 chunks sent", "syncs of the log 2 2.5 entries each",
			"members: voters n1 n2, outgoing n1 n3, learners n4", "leader in term 7: election won",
		}},
		{"a follower", core.Status{Role: core.Follower, Term: 3, Leader: n2, Members: three}, 0, []news{
			{at: time.Now(), changed: core.Changed{Term: 3, Leader: n2, Reason: "leader heard"}},
		}, []string{
			"Follows n2 in term 3, and is a voter.", "known to the leader, n2", "voters n1 n2 n3 from the start of the cluster",
			"could be added n4", "n4 no member", "follower in term 3, leader n2: leader heard",
		}},
		{"one that waits", core.Status{}, 0, nil, []string{"Not a member yet", "voters none", "could be added n1 n2 n3 n4"}},
		{"a learner without a leader", core.Status{Term: 3, Members: core.Membership{Voters: []core.NodeID{n2}, Learners: []core.NodeID{n1}}}, 0, nil,
			[]string{"Knows no leader in term 3, and is a learner."}},
		{"one that was removed", core.Status{Term: 3, Members: core.Membership{Voters: []core.NodeID{n2}}}, 0, nil, []string{"no member any more"}},
		{"a candidate", core.Status{Role: core.PreCandidate, Term: 3, Members: three}, 0, nil, []string{"Stands for election (pre-candidate) in term 3"}},
		{"one on its way out", core.Status{Role: core.Leader, Term: 3, Members: core.Membership{Voters: []core.NodeID{n2}, Outgoing: []core.NodeID{n1, n2}}}, 0, nil,
			[]string{"Leads term 3, and is a voter on its way out.", "lease none"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := words(pageOf(t, c.status, c.left, c.recent...))
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
		})
	}
}

// TestDebugPageStandsAlone: it loads nothing, needs no script, loads itself
// again and is well formed; names are no markup.
func TestDebugPageStandsAlone(t *testing.T) {
	page := pageOf(t, core.Status{Role: core.Leader, Members: joint}, 0,
		news{changed: core.Changed{Reason: "<script>alert(1)</script>"}})
	for _, never := range []string{"<script", "http:", "https:", "src=", "@import", "url("} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	if !strings.Contains(page, `http-equiv="refresh" content="2"`) {
		t.Error("it does not load itself again")
	}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecentChangesAreKept in order, the newest first, and not for ever.
func TestRecentChangesAreKept(t *testing.T) {
	c := newChanges(roster{"n1"}, quiet(), newMetrics())
	for term := range core.Term(maxRecent + 5) {
		c.tell(core.Changed{Term: term})
	}
	c.tellMembers(three)
	close(c.queue)
	c.run()
	recent := c.recent()
	if len(recent) != maxRecent || recent[0].members == nil || recent[1].changed.Term != maxRecent+4 {
		t.Errorf("%d kept, the newest %+v", len(recent), recent[0])
	}
}
