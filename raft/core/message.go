package core

// Envelope carries one message. Term is the sender's current term, which
// every message has (§5.1).
type Envelope struct {
	From, To NodeID
	Term     Term
	Message  Message
}

// Message is one of the structs of this file.
type Message interface{ isMessage() }

// PreVote asks whether the receiver would vote for the sender in
// Envelope.Term+1 (thesis §9.6). Nobody's state changes.
type PreVote struct {
	Last SnapshotMeta // the last entry of the sender's log
}

// PreVoteReply answers a PreVote. Asked is the term of the envelope it answers.
type PreVoteReply struct {
	Asked   Term
	Granted bool
}

// Vote is RequestVote (§5.2, §5.4.1).
type Vote struct {
	Last SnapshotMeta // the last entry of the candidate's log
	// Transfer says that the leader itself asked the candidate to stand, so
	// that voters need not be loyal to it (thesis §3.10, §4.2.3).
	Transfer bool
}

// VoteReply answers a Vote asked in term Asked.
type VoteReply struct {
	Asked   Term
	Granted bool
}

// Append is AppendEntries with its consistency check (§5.3).
type Append struct {
	Prev    SnapshotMeta // the entry just before Entries
	Entries []Entry
	Commit  Index // the leader's commit index
}

// AppendReply answers an Append of term Asked whose Prev.Index was Prev.
type AppendReply struct {
	Asked Term
	Prev  Index
	// Match is set when the append was accepted: the sender's log equals the
	// leader's up to here, durably.
	Accepted bool
	Match    Index
	// Hint, of a refusal, tells where to go on: the last entry of the sender's
	// log whose index and term could still agree (§5.3, last paragraphs).
	Hint SnapshotMeta
}

// Heartbeat keeps followers loyal and confirms reads. Commit is bounded by
// what the receiver is known to hold. Round is the leader's count of
// heartbeat rounds in this term; an acknowledgement of a round confirms every
// read that joined it or an earlier one (thesis §6.4).
type Heartbeat struct {
	Round  uint64
	Commit Index
}

// HeartbeatReply answers a Heartbeat of term Asked and the same round.
type HeartbeatReply struct {
	Asked Term
	Round uint64
}

// InstallSnapshot brings a piece of the state up to Snapshot, which replaces
// the receiver's when the last piece has come (figure 13). The core emits it as a
// SendChunk effect; the runner fills in the rest. Data is opaque to the core and
// begins Offset bytes into the state; Done marks the last piece.
type InstallSnapshot struct {
	Snapshot SnapshotMeta
	Members  Membership // the configuration as of Snapshot
	Offset   uint64
	Data     []byte
	Done     bool
}

// SnapshotReply answers an InstallSnapshot of term Asked about Snapshot.
// Everything up to Match is durable at the sender; if that is less than
// Snapshot, it has the first Received bytes of it and waits for the next.
type SnapshotReply struct {
	Asked    Term
	Snapshot SnapshotMeta
	Match    Index
	Received uint64
}

// RequestID is unique over the restarts of the member that made it.
type RequestID struct {
	Boot   uint64
	Number uint64
}

// ReadIndex asks the leader for an index at which a read by the sender is
// linearizable (thesis §6.4).
// Lease lets the leader's lease confirm it.
type ReadIndex struct {
	ID    RequestID
	Lease bool
}

// ReadIndexReply answers a ReadIndex.
type ReadIndexReply struct {
	ID      RequestID
	Refused bool
	Index   Index
	Lease   bool // a lease confirmed it
}

// Forward carries commands from a follower's clients to the leader. Its ID
// rises with every Forward of a sender; the leader takes none that does not,
// nor one that was sent in another term, and gives it no answer, so that no
// network can make a command run twice or a refusal untrue.
type Forward struct {
	ID       RequestID
	Commands [][]byte
}

// ForwardReply says where in the log the commands of a Forward were put: at
// First and the indices after it, in the envelope's term. A refusal is
// definite: the leader did not append them, for the Reason given.
type ForwardReply struct {
	ID      RequestID
	Refused bool
	Reason  Reason
	First   Index
}

// TimeoutNow asks a voter that has the whole log to stand for election at once
// (thesis §3.10).
type TimeoutNow struct{}

func (PreVote) isMessage()         {}
func (PreVoteReply) isMessage()    {}
func (Vote) isMessage()            {}
func (VoteReply) isMessage()       {}
func (Append) isMessage()          {}
func (AppendReply) isMessage()     {}
func (Heartbeat) isMessage()       {}
func (HeartbeatReply) isMessage()  {}
func (InstallSnapshot) isMessage() {}
func (SnapshotReply) isMessage()   {}
func (ReadIndex) isMessage()       {}
func (ReadIndexReply) isMessage()  {}
func (Forward) isMessage()         {}
func (ForwardReply) isMessage()    {}
func (TimeoutNow) isMessage()      {}
