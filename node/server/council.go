package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"partita/node/api"
	"partita/raft"
	"partita/raft/core"
)

// codes are Raft's errors, which are definite, as the codes that clients see.
var codes = []struct {
	err  error
	code api.Code
}{
	{raft.ErrNoLeader, api.NoLeader},
	{raft.ErrNotAccepted, api.NotAccepted},
	{raft.ErrOverloaded, api.Overloaded},
	{raft.ErrTooLarge, api.BadRequest},
	{raft.ErrStopped, api.Stopping},
	{raft.ErrTransferring, api.Transferring},
	{raft.ErrNotLeader, api.NotLeader},
	{raft.ErrNotReady, api.NotReady},
	{raft.ErrChangePending, api.ChangePending},
	{raft.ErrBadChange, api.BadChange},
	{raft.ErrCatchingUp, api.CatchingUp},
	{raft.ErrOverwritten, api.Overwritten},
}

// codeOf gives the code of an error of Raft's that is definite.
func codeOf(err error) (api.Code, bool) {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code, true
		}
	}
	return "", false
}

// wordsOf says what an error of Raft's says, without where it comes from.
func wordsOf(err error) string { return strings.TrimPrefix(err.Error(), "raft: ") }

// assembly is what a council needs of Raft.
type assembly interface {
	ChangeMembers(ctx context.Context, changes ...core.Change) (core.Membership, error)
	TransferLeadership(ctx context.Context, to core.NodeID) error
	Status() core.Status
}

// council takes the requests about the cluster itself. They wait in the HTTP
// handler that has them: the owner has no part in them.
type council struct {
	raft     assembly
	names    roster
	patience time.Duration // for a change or a transfer
}

// members is the configuration in force here.
func (c *council) members() api.Members { return c.names.members(c.raft.Status()) }

// change changes the configuration and waits until the final one is applied.
func (c *council) change(ctx context.Context, request api.ChangeRequest) (api.Members, *api.Error) {
	if len(request.Changes) == 0 {
		return api.Members{}, &api.Error{Code: api.BadRequest, Message: "changes is empty; give one at least, like {\"op\":\"add_learner\",\"node\":\"n4\"}", Definite: true}
	}
	var changes []core.Change
	for _, part := range request.Changes {
		change, err := c.parse(part)
		if err != nil {
			return api.Members{}, &api.Error{Code: api.BadRequest, Message: err.Error(), Definite: true}
		}
		changes = append(changes, change)
	}
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	if _, err := c.raft.ChangeMembers(ctx, changes...); err != nil {
		return api.Members{}, c.failure(err, "the change was not over in time; it may be yet")
	}
	return c.members(), nil
}

// kinds are the words for what becomes of a member.
var kinds = map[api.MemberOp]core.ChangeKind{
	api.AddLearner: core.AddLearner, api.AddVoter: core.AddVoter, api.Remove: core.Remove,
}

func (c *council) parse(part api.MemberChange) (core.Change, error) {
	kind, known := kinds[part.Op]
	if !known {
		return core.Change{}, fmt.Errorf("op %.40q is unknown; it is %s, %s or %s", part.Op, api.AddLearner, api.AddVoter, api.Remove)
	}
	id, err := c.find(part.Node)
	return core.Change{Kind: kind, ID: id}, err
}

func (c *council) find(name string) (core.NodeID, error) {
	id := c.names.id(name)
	if id == core.None {
		return id, fmt.Errorf("node %.40q is not in --peers; it is one of %s", name, strings.Join(c.names, ", "))
	}
	return id, nil
}

// transfer lets another voter lead.
func (c *council) transfer(ctx context.Context, request api.TransferRequest) (api.Transferred, *api.Error) {
	to, err := c.find(request.To)
	if err != nil {
		return api.Transferred{}, &api.Error{Code: api.BadRequest, Message: err.Error(), Definite: true}
	}
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	if err := c.raft.TransferLeadership(ctx, to); err != nil {
		return api.Transferred{}, c.failure(err, "the transfer was not over in time; it may be yet")
	}
	return api.Transferred{Leader: c.awaitLeader(ctx)}, nil
}

// awaitLeader waits until a leader is known, which is when its first heartbeat
// has come, and says nobody if there is none in time.
func (c *council) awaitLeader(ctx context.Context) string {
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for c.leader() == "" {
		select {
		case <-look.C:
		case <-ctx.Done():
			return ""
		}
	}
	return c.leader()
}

// lookInterval is from one look for a leader to the next.
const lookInterval = 5 * time.Millisecond

func (c *council) leader() string { return c.names.name(c.raft.Status().Leader) }

// failure translates an error of Raft's. One that it does not know is
// indefinite.
func (c *council) failure(err error, late string) *api.Error {
	code, known := codeOf(err)
	e := &api.Error{Code: code, Message: wordsOf(err), Leader: c.leader(), Definite: known}
	switch {
	case known:
	case errors.Is(err, raft.ErrAbandoned):
		e.Code = api.Abandoned
	case errors.Is(err, context.DeadlineExceeded):
		e.Code, e.Message = api.Timeout, late
	default:
		e.Code = api.Lost
	}
	return e
}

// members puts names to the configuration of a status. No list of it is nil.
func (r roster) members(s core.Status) api.Members {
	named := func(ids []core.NodeID) []string {
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = r.name(id)
		}
		slices.Sort(names)
		return names
	}
	return api.Members{
		Voters: named(s.Members.Voters), Outgoing: named(s.Members.Outgoing), Learners: named(s.Members.Learners),
		Leader: r.name(s.Leader), Index: uint64(s.MembersIndex),
	}
}

func (f *front) getMembers(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, f.council.members())
}

func (f *front) postMembers(w http.ResponseWriter, r *http.Request) {
	var request api.ChangeRequest
	if !readJSON(w, r, &request) {
		return
	}
	members, err := f.council.change(r.Context(), request)
	writeOutcome(w, members, err)
}

func (f *front) postTransfer(w http.ResponseWriter, r *http.Request) {
	var request api.TransferRequest
	if !readJSON(w, r, &request) {
		return
	}
	transferred, err := f.council.transfer(r.Context(), request)
	writeOutcome(w, transferred, err)
}
