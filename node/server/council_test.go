package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"partita/node/api"
	"partita/raft"
	"partita/raft/core"
)

// fakeMember is a Raft whose state and answers the test sets.
type fakeMember struct {
	status  core.Status
	left    time.Duration
	err     error // of what it is asked
	hangs   bool  // it never answers
	changes []core.Change
	to      core.NodeID
}

func (f *fakeMember) Status() core.Status { return f.status }
func (f *fakeMember) Counters() raft.Counters {
	return raft.Counters{ChunksSent: 5, Appends: 2, Entries: 5}
}
func (f *fakeMember) Queues() raft.Queues             { return raft.Queues{Requests: 17} }
func (f *fakeMember) LeaseLeft() time.Duration        { return f.left }
func (f *fakeMember) SnapshotSize() (core.Index, int) { return 40, 4000 }

func (f *fakeMember) ChangeMembers(ctx context.Context, changes ...core.Change) (core.Membership, error) {
	f.changes = changes
	return f.status.Members, f.answer(ctx)
}

func (f *fakeMember) TransferLeadership(ctx context.Context, to core.NodeID) error {
	f.to = to
	return f.answer(ctx)
}

func (f *fakeMember) answer(ctx context.Context) error {
	if f.hangs {
		<-ctx.Done()
		return fmt.Errorf("raft: %w", ctx.Err())
	}
	return f.err
}

// council gives a front over a fakeMember of a cluster of three, of which n1
// leads and n3 learns.
func newCouncil() (*front, *fakeMember) {
	f := newFront(echo)
	r := &fakeMember{status: core.Status{
		Role: core.Leader, Leader: n1, MembersIndex: 12,
		Members: core.Membership{Voters: []core.NodeID{n1, n2}, Learners: []core.NodeID{n3}},
	}}
	f.council = &council{raft: r, names: roster{"n1", "n2", "n3"}, patience: time.Second}
	return f, r
}

const threeMembers = `{"voters":["n1","n2"],"outgoing":[],"learners":["n3"],"leader":"n1","index":12}` + "\n"

func TestMembersAreTold(t *testing.T) {
	f, _ := newCouncil()
	if status, body := ask(f, "GET", "/v1/members", ""); status != http.StatusOK || body != threeMembers {
		t.Errorf("%d %s, want %s", status, body, threeMembers)
	}
}

func TestMembersAreChanged(t *testing.T) {
	f, r := newCouncil()
	status, body := ask(f, "POST", "/v1/members",
		`{"changes":[{"op":"add_voter","node":"n3"},{"op":"add_learner","node":"n2"},{"op":"remove","node":"n1"}]}`)
	if status != http.StatusOK || body != threeMembers {
		t.Errorf("%d %s, want %s", status, body, threeMembers)
	}
	want := []core.Change{{Kind: core.AddVoter, ID: n3}, {Kind: core.AddLearner, ID: n2}, {Kind: core.Remove, ID: n1}}
	if !reflect.DeepEqual(r.changes, want) {
		t.Errorf("asked for %+v, want %+v", r.changes, want)
	}
}

func TestLeadIsTransferred(t *testing.T) {
	f, r := newCouncil()
	r.status.Leader = n2
	if status, body := ask(f, "POST", "/v1/transfer", `{"to":"n2"}`); status != http.StatusOK || body != `{"leader":"n2"}`+"\n" || r.to != n2 {
		t.Errorf("%d %s, asked of member %d", status, body, r.to)
	}
}

// TestTransferWithoutANewLeader: the lead was given up, and nobody is heard of.
func TestTransferWithoutANewLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newCouncil()
		r.status.Leader = core.None
		began := time.Now()
		if status, body := ask(f, "POST", "/v1/transfer", `{"to":"n2"}`); status != http.StatusOK || body != `{"leader":""}`+"\n" {
			t.Errorf("%d %s", status, body)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("it waited %v for a leader, want all its patience of 1s", took)
		}
	})
}

func TestCouncilRefuses(t *testing.T) {
	for _, c := range []struct {
		name     string
		err      error
		hangs    bool
		status   int
		code     api.Code
		definite bool
	}{
		{"a follower", raft.ErrNotLeader, false, 503, api.NotLeader, true},
		{"a new leader", raft.ErrNotReady, false, 503, api.NotReady, true},
		{"two changes at once", raft.ErrChangePending, false, 409, api.ChangePending, true},
		{"nonsense", raft.ErrBadChange, false, 409, api.BadChange, true},
		{"one that is behind", raft.ErrCatchingUp, false, 503, api.CatchingUp, true},
		{"during a transfer", raft.ErrTransferring, false, 503, api.Transferring, true},
		{"given up", raft.ErrAbandoned, false, 503, api.Abandoned, false},
		{"another leader's entry", fmt.Errorf("%w: of term 9", raft.ErrOverwritten), false, 503, api.Overwritten, true},
		{"a full queue", raft.ErrOverloaded, false, 503, api.Overloaded, true},
		{"the end", raft.ErrStopped, false, 503, api.Stopping, true},
		{"no answer", nil, true, 504, api.Timeout, false},
		{"nobody knows", raft.ErrLost, false, 504, api.Lost, false},
		{"anything else", errors.New("?"), false, 504, api.Lost, false},
	} {
		for path, body := range map[string]string{
			"/v1/members":  `{"changes":[{"op":"remove","node":"n3"}]}`,
			"/v1/transfer": `{"to":"n2"}`,
		} {
			t.Run(c.name+path, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f, r := newCouncil()
					r.err, r.hangs = c.err, c.hangs
					status, answer := ask(f, "POST", path, body)
					var e api.Error
					if err := json.Unmarshal([]byte(answer), &e); err != nil {
						t.Fatalf("%q: %v", answer, err)
					}
					if status != c.status || e.Code != c.code || e.Definite != c.definite || e.Leader != "n1" || strings.Contains(e.Message, "raft:") {
						t.Errorf("%d %+v", status, e)
					}
				})
			})
		}
	}
}

func TestCouncilComplains(t *testing.T) {
	for _, c := range []struct{ path, body, want string }{
		{"/v1/members", `{"changes":[{"op":"add","node":"n3"}]}`, "add_learner, add_voter or remove"},
		{"/v1/members", `{"changes":[{"op":"remove","node":"n9"}]}`, "n1, n2, n3"},
		{"/v1/members", `{"add":"n3"}`, "add"},
		{"/v1/transfer", `{"to":"n9"}`, "n1, n2, n3"},
		{"/v1/transfer", `n2`, "JSON"},
	} {
		f, r := newCouncil()
		status, body := ask(f, "POST", c.path, c.body)
		if status != http.StatusBadRequest || !strings.Contains(body, c.want) || !strings.Contains(body, `"definite":true`) {
			t.Errorf("%s %s: %d %s, want %q", c.path, c.body, status, body, c.want)
		}
		if r.changes != nil || r.to != core.None {
			t.Errorf("%s %s reached Raft", c.path, c.body)
		}
	}
}
