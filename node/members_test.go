package main

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"partita/node/api"
)

// TestMembersComeAndGo: three of five nodes begin, the others are added by
// pieces of a snapshot, the lead is handed on, the leader is removed and killed,
// and all of it outlasts a restart.
func TestMembersComeAndGo(t *testing.T) {
	c := newClusterOf(t, 5, []string{"--members", "n1,n2,n3", "--reads", "lease", "--snapshot-chunk", "1000", "--compact-tail", "10"})
	value := strings.Repeat("v", 1000)
	for range 120 {
		c.do(0, put("a", value))
	}
	if err := refusal(c.clients[3].ChangeMembers([]api.MemberChange{{Op: api.AddLearner, Node: "n4"}}, time.Second)); err.Code != api.NotLeader {
		t.Errorf("a change asked of one that waits: %v", err)
	}
	change := func(changes ...api.MemberChange) (members api.Members) {
		t.Helper()
		c.again("change", func(leader *api.Client) (err error) {
			members, err = leader.ChangeMembers(changes, 5*time.Second)
			return err
		})
		return members
	}
	change(api.MemberChange{Op: api.AddLearner, Node: "n4"}, api.MemberChange{Op: api.AddLearner, Node: "n5"})
	all := change(api.MemberChange{Op: api.AddVoter, Node: "n4"}, api.MemberChange{Op: api.AddVoter, Node: "n5"})
	if want := []string{"n1", "n2", "n3", "n4", "n5"}; !slices.Equal(all.Voters, want) || len(all.Outgoing)+len(all.Learners) != 0 || all.Index == 0 {
		t.Errorf("five are %+v", all)
	}
	if reply := c.do(4, get("a")); reply.Value != value {
		t.Errorf("n5 reads %.20q", reply.Value)
	}

	next := (c.leader() + 1) % 5
	name := func(i int) string { return "n" + string(rune('1'+i)) }
	c.again("transfer", func(leader *api.Client) error {
		_, err := leader.Transfer(name(next), 5*time.Second)
		return err
	})
	if now := c.leader(); now != next {
		t.Errorf("%s leads, not %s", name(now), name(next))
	}
	c.do(next, put("b", "1"))
	if reply := c.do(next, get("b")); reply.Value != "1" || !reply.Lease {
		t.Errorf("the new leader reads %+v, want it confirmed by a lease", reply)
	}
	page := pageOf(t, c.addrs[next])
	for _, want := range []string{"Leads term", "voters", "replicating", name(next), "Recent changes"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}

	change(api.MemberChange{Op: api.Remove, Node: name(next)})
	c.kill(next)
	other := c.leader()
	c.do(other, put("b", "2"))
	for i := range c.nodes {
		if c.nodes[i] != nil {
			c.kill(i)
		}
	}
	for i := range c.nodes {
		c.start(i)
	}
	if reply := c.do(other, get("b")); reply.Value != "2" {
		t.Errorf("after a restart: %+v", reply)
	}
	if members, err := c.clients[other].Members(time.Second); err != nil || len(members.Voters) != 4 || members.Has(name(next)) {
		t.Errorf("after a restart the members are %+v (%v)", members, err)
	}
}

// refusal is the node's word of a request that must fail.
func refusal(_ api.Members, err error) *api.Error {
	var said *api.Error
	if !errors.As(err, &said) {
		return &api.Error{}
	}
	return said
}

// pageOf reads a node's page.
func pageOf(t *testing.T, addr string) string {
	t.Helper()
	response, err := http.Get("http://" + addr + api.PathDebug)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", response.StatusCode, err)
	}
	return string(page)
}
