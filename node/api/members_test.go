package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"testing"
)

// TestOrders shows what is sent for each request about the cluster and what
// becomes of the answer.
func TestOrders(t *testing.T) {
	members := Members{Voters: []string{"n1", "n2", "n4"}, Outgoing: []string{}, Learners: []string{"n3"}, Leader: "n1", Index: 12}
	answer := `{"voters":["n1","n2","n4"],"outgoing":[],"learners":["n3"],"leader":"n1","index":12}`
	cases := []struct {
		name   string
		do     func(c *Client) (any, error)
		method string
		path   string
		body   string
		answer string
		want   any
	}{
		{
			"members", func(c *Client) (any, error) { return c.Members(patience) },
			"GET", "/v1/members", "", answer, members,
		},
		{
			"change", func(c *Client) (any, error) {
				return c.ChangeMembers([]MemberChange{{AddVoter, "n4"}, {AddLearner, "n3"}, {Remove, "n5"}}, patience)
			},
			"POST", "/v1/members",
			`{"changes":[{"op":"add_voter","node":"n4"},{"op":"add_learner","node":"n3"},{"op":"remove","node":"n5"}]}`, answer, members,
		},
		{
			"transfer", func(c *Client) (any, error) { return c.Transfer("n2", patience) },
			"POST", "/v1/transfer", `{"to":"n2"}`, `{"leader":"n2"}`, Transferred{Leader: "n2"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := NewClient(serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Method != c.method || r.URL.Path != c.path || string(body) != c.body {
					t.Errorf("sent %s %s %s", r.Method, r.URL.Path, body)
				}
				_, _ = io.WriteString(w, c.answer)
			}))
			defer client.Close()
			if got, err := c.do(client); err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestOrdersThatFail(t *testing.T) {
	refused := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":"not_leader","message":"n2 leads","leader":"n2","definite":true}`)
	})
	broken := accept(t, healthThen(reset))
	changes := []MemberChange{{Remove, "n3"}}
	cases := []struct {
		name     string
		do       func(addr string) error
		addr     string
		code     Code
		definite bool
	}{
		{"a change refused", func(a string) error { _, err := NewClient(a).ChangeMembers(changes, patience); return err }, refused, NotLeader, true},
		{"a transfer refused", func(a string) error { _, err := NewClient(a).Transfer("n3", patience); return err }, refused, NotLeader, true},
		{"a change that broke", func(a string) error { _, err := NewClient(a).ChangeMembers(changes, patience); return err }, broken, Broken, false},
		{"a transfer that broke", func(a string) error { _, err := NewClient(a).Transfer("n3", patience); return err }, broken, Broken, false},
		{"a question that broke", func(a string) error { _, err := NewClient(a).Members(patience); return err }, broken, Broken, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var said *Error
			err := c.do(c.addr)
			if !errors.As(err, &said) || said.Code != c.code || said.Definite != c.definite {
				t.Errorf("got %v, want %s, definite %v", err, c.code, c.definite)
			}
			if c.code == NotLeader && said.Leader != "n2" {
				t.Errorf("the leader is %q", said.Leader)
			}
		})
	}
}

func TestWhoIsAMember(t *testing.T) {
	joint := Members{Voters: []string{"n1", "n2", "n4"}, Outgoing: []string{"n1", "n2", "n3"}, Learners: []string{"n5"}}
	for _, c := range []struct {
		node       string
		votes, has bool
	}{{"n1", true, true}, {"n3", true, true}, {"n4", true, true}, {"n5", false, true}, {"n6", false, false}} {
		if joint.Votes(c.node) != c.votes || joint.Has(c.node) != c.has {
			t.Errorf("%s votes %v and is a member %v", c.node, joint.Votes(c.node), joint.Has(c.node))
		}
	}
	if !joint.Joint() || (Members{Voters: joint.Voters}).Joint() {
		t.Error("only what has outgoing voters is joint")
	}
	if b, err := json.Marshal(joint); err != nil || string(b) != `{"voters":["n1","n2","n4"],"outgoing":["n1","n2","n3"],"learners":["n5"],"index":0}` {
		t.Errorf("encoded as %s, %v", b, err)
	}
}
