package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Paths of what concerns the cluster itself, not its keys.
const (
	PathMembers  = "/v1/members"  // GET: Members; POST: ChangeRequest, answered by Members
	PathTransfer = "/v1/transfer" // POST: TransferRequest, answered by Transferred
	PathDebug    = "/debug/raft"  // a page for a person
)

// Members is a configuration: who votes and who learns, by name and sorted.
// With Outgoing it is on the way from one to another: a decision then needs a
// majority of Voters and one of Outgoing, the voters of the one that it
// leaves. It is in force from where it stands in the log, committed or not:
// Index is that place, zero for the one that the node was started with.
type Members struct {
	Voters   []string `json:"voters"`
	Outgoing []string `json:"outgoing"`
	Learners []string `json:"learners"`
	Leader   string   `json:"leader,omitempty"`
	Index    uint64   `json:"index"`
}

// Joint says whether a change of voters is under way.
func (m Members) Joint() bool { return len(m.Outgoing) > 0 }

// Votes says whether a node's vote counts.
func (m Members) Votes(node string) bool {
	return slices.Contains(m.Voters, node) || slices.Contains(m.Outgoing, node)
}

// Has says whether a node is a member: a voter or a learner.
func (m Members) Has(node string) bool { return m.Votes(node) || slices.Contains(m.Learners, node) }

// MemberOp names what becomes of a member.
type MemberOp string

// The parts that a change can have. AddVoter promotes a learner and
// AddLearner demotes a voter.
const (
	AddLearner MemberOp = "add_learner"
	AddVoter   MemberOp = "add_voter"
	Remove     MemberOp = "remove"
)

// MemberChange is one part of a change of the configuration.
type MemberChange struct {
	Op   MemberOp `json:"op"`
	Node string   `json:"node"`
}

// ChangeRequest asks the leader for a change, all of it or nothing.
type ChangeRequest struct {
	Changes []MemberChange `json:"changes"`
}

// TransferRequest asks the leader to let another voter lead.
type TransferRequest struct {
	To string `json:"to"`
}

// Transferred is the answer to a transfer that happened. Leader is empty when
// the one who leads now is not known yet.
type Transferred struct {
	Leader string `json:"leader"`
}

// Members asks the node for the configuration that is in force there. Every
// error is an *Error.
func (c *Client) Members(timeout time.Duration) (Members, error) {
	var members Members
	if e := c.exchange(http.MethodGet, PathMembers, nil, &members, timeout); e != nil {
		e.Definite = true
		return Members{}, e
	}
	return members, nil
}

// ChangeMembers asks the node to change the configuration, and waits until the
// final one is applied there. Every error is an *Error; after an indefinite
// one the change may still come about.
func (c *Client) ChangeMembers(changes []MemberChange, timeout time.Duration) (Members, error) {
	var members Members
	if e := c.order(PathMembers, ChangeRequest{Changes: changes}, &members, timeout); e != nil {
		return Members{}, e
	}
	return members, nil
}

// Transfer asks the node to let another voter lead. Every error is an *Error;
// after an indefinite one the transfer may still come about.
func (c *Client) Transfer(to string, timeout time.Duration) (Transferred, error) {
	var done Transferred
	if e := c.order(PathTransfer, TransferRequest{To: to}, &done, timeout); e != nil {
		return Transferred{}, e
	}
	return done, nil
}

// order posts a request to a path of its own.
func (c *Client) order(path string, request, into any, timeout time.Duration) *Error {
	body, err := json.Marshal(request)
	if err != nil {
		return &Error{Code: BadRequest, Message: err.Error(), Definite: true}
	}
	return c.exchange(http.MethodPost, path, body, into, timeout)
}
