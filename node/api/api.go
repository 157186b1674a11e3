// Package api is all that the outside knows of a node: its requests, its
// replies, its errors and an HTTP client.
//
// Any node serves any request. Every request is linearizable unless its
// reply says otherwise. An error says whether the operation definitely did
// not happen (definite) or whether nobody knows (indefinite): histories of
// operations depend on that one bit.
package api

import "fmt"

// ExitStorage is the exit code of a node whose disk has failed: after a write
// or a sync that failed nothing is promised any more.
const ExitStorage = 3

// Op names what a request does.
type Op string

// The operations on one key.
const (
	Get    Op = "get"
	Put    Op = "put"
	Delete Op = "delete"
	CAS    Op = "cas"    // set to Value if the value is Old
	Append Op = "append" // append Value to the string that is there
)

// The operations on a session, which have no key.
const (
	OpenSession  Op = "open_session"  // answered by the ID of a new session
	CloseSession Op = "close_session" // forget Session and what it remembers
)

// The ways to read, by Request.Reads. Empty is the node's default.
const (
	ReadIndex = "readindex" // linearizable: the leader asks a majority whether it leads
	LeaseRead = "lease"     // linearizable while clocks keep their bounds: the leader's lease says so
	StaleRead = "stale"     // what this node knows, however old
)

// Request is one operation on one key, POSTed as JSON to /v1/kv. OldAbsent
// makes a CAS expect that there is no value.
//
// A write that carries a Session and a Number is executed once, however often
// and to whichever nodes it is sent (thesis, section 6.3). Numbers of a session
// rise from 1. The latest may be sent again until it is answered: the answer
// is the first one, marked Duplicate. A client sends the next number only when
// it no longer cares about the one before.
type Request struct {
	Op        Op     `json:"op"`
	Key       string `json:"key,omitempty"`
	Value     string `json:"value,omitempty"`
	Old       string `json:"old,omitempty"`
	OldAbsent bool   `json:"old_absent,omitempty"`
	Session   uint64 `json:"session,omitempty"` // of a write, or the one to close
	Number    uint64 `json:"number,omitempty"`  // of a write in its session
	Reads     string `json:"reads,omitempty"`   // of a get: how
}

// Reply is the answer to a request that happened. Term and Index say where in
// the log it took effect; a read took effect at Index or later.
type Reply struct {
	Value   string `json:"value"`             // of a get or an append: the value afterwards
	Found   bool   `json:"found"`             // whether the key had a value before
	Swapped bool   `json:"swapped,omitempty"` // of a CAS: whether the value was Old
	Node    string `json:"node"`              // who answered
	Term    uint64 `json:"term,omitempty"`
	Index   uint64 `json:"index,omitempty"`

	Session   uint64 `json:"session,omitempty"`   // of open_session: its ID
	Duplicate bool   `json:"duplicate,omitempty"` // executed before, and answered from the session's memory; Index is this copy's
	Lease     bool   `json:"lease,omitempty"`     // a read that a lease confirmed
	Stale     bool   `json:"stale,omitempty"`     // a read that nobody confirmed: it may show the past
}

// Code says what kind of error it is.
type Code string

// The codes of errors, with what each says about definiteness.
const (
	BadRequest  Code = "bad_request"  // definite: malformed, too large, unknown op
	NoLeader    Code = "no_leader"    // definite: nobody to take it
	NotAccepted Code = "not_accepted" // definite: refused by one who is no leader any more
	Overwritten Code = "overwritten"  // definite: another term's entry took its place in the log
	Stopping    Code = "stopping"     // definite: the node is draining and did not take it
	Overloaded  Code = "overloaded"   // definite: a bounded queue was full
	NotServed   Code = "not_served"   // definite: a read that could not be confirmed
	Timeout     Code = "timeout"      // indefinite for writes, definite for reads
	Lost        Code = "lost"         // indefinite: forwarded, and the answer never came, or a snapshot passed it
	Unreachable Code = "unreachable"  // definite, made by Client: no connection that answered a health request
	Broken      Code = "broken"       // indefinite, made by Client: the connection broke after the request left

	Transferring  Code = "transferring"   // definite: the leader is letting another lead
	NotLeader     Code = "not_leader"     // definite: only the leader does this
	NotReady      Code = "not_ready"      // definite: the leader has committed nothing in its term yet
	ChangePending Code = "change_pending" // definite: another change of the configuration is under way
	BadChange     Code = "bad_change"     // definite: it makes no sense for the present configuration
	CatchingUp    Code = "catching_up"    // definite: who is to vote or to lead lacks too much of the log
	Abandoned     Code = "abandoned"      // indefinite: the other did not take the lead in time, and may yet
)

// The codes of errors about sessions.
const (
	SessionExpired Code = "session_expired" // definite: this copy was not executed; an earlier one may have been
	SessionStale   Code = "session_stale"   // definite: a number below the session's latest; this copy was not executed
)

// Error is the JSON body of every answer that is not a reply.
type Error struct {
	Code     Code   `json:"code"`
	Message  string `json:"message"`
	Leader   string `json:"leader,omitempty"` // the leader's name, if known
	Definite bool   `json:"definite"`         // the operation did not happen and will not
}

// Error says the code first, then the message.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// Status is what GET /v1/status answers. Peers holds, on a leader, how far
// each member's log is known to agree; Members is the configuration in force.
type Status struct {
	Node    string       `json:"node"`
	Role    string       `json:"role"`
	Term    uint64       `json:"term"`
	Leader  string       `json:"leader,omitempty"`
	Commit  uint64       `json:"commit"`
	Applied uint64       `json:"applied"`
	Last    uint64       `json:"last"`
	Durable uint64       `json:"durable"`
	Boot    uint64       `json:"boot"`
	Peers   []PeerStatus `json:"peers"`
	Members Members      `json:"members"`
}

// PeerStatus is one member in a Status. Match and Next are zero unless the
// answering node leads.
type PeerStatus struct {
	Node  string `json:"node"`
	Match uint64 `json:"match"`
	Next  uint64 `json:"next"`
}

// Clock is what GET /v1/clock answers: the node's own time, read through the
// Go runtime (time.Now and time.Since of its start), so that a skewed clock
// shows. Both in nanoseconds.
type Clock struct {
	Realtime  int64 `json:"realtime"`  // since the Unix epoch
	Monotonic int64 `json:"monotonic"` // since the node started
}

// Paths of the HTTP interface.
const (
	PathKV      = "/v1/kv"
	PathStatus  = "/v1/status"
	PathHealth  = "/v1/health" // 200 and "ok" as soon as the node serves HTTP, leader or not
	PathClock   = "/v1/clock"
	PathMetrics = "/metrics"
)

// LogChanged is the message ("msg") of the log line that a node writes at
// every change of role, term or leader; its attributes are "role", "term",
// "leader" (a name, or empty) and "reason".
const LogChanged = "raft changed"
