package core

// NodeID names a member of the cluster. Zero is nobody.
type NodeID uint64

// None is the NodeID of nobody: no leader known, no vote cast.
const None NodeID = 0

// Term is a Raft term (§5.1). Zero is the term before any election.
type Term uint64

// Index is a position in the log (§5.3). The first entry has index 1.
type Index uint64

// Duration is a span of time in nanoseconds. The core says how long a timer
// is to run and never reads a clock.
type Duration int64

// Instant is a reading of a member's own monotonic clock, in nanoseconds since
// some start of its own. Zero is unknown: no lease begins or holds then.
type Instant int64

// Role is what a member is at the moment (§5.1).
type Role uint8

// The roles. PreCandidate asks whether an election could be won without
// raising its term (thesis §9.6).
const (
	Follower Role = iota
	PreCandidate
	Candidate
	Leader
)

// String gives the role as it appears in logs and transcripts.
func (r Role) String() string {
	switch r {
	case Follower:
		return "follower"
	case PreCandidate:
		return "pre-candidate"
	case Candidate:
		return "candidate"
	case Leader:
		return "leader"
	}
	return "unknown role"
}

// EntryKind tells a client's command from the core's own entries.
type EntryKind uint8

// The kinds of entries. A Noop opens a leader's term (§8). The Data of a
// Configuration is a Membership, which is in force from where it stands in the
// log, committed or not (§6).
const (
	Command EntryKind = iota
	Noop
	Configuration
)

// Entry is one slot of the replicated log (§5.3).
type Entry struct {
	Index Index
	Term  Term
	Kind  EntryKind
	Data  []byte
}

// HardState is what a member must not forget over a restart (figure 2,
// "persistent state"). Boot counts the times it was started; it makes the
// numbers of forwarded proposals and reads rise across restarts.
type HardState struct {
	Term Term
	Vote NodeID
	Boot uint64
}

// SnapshotMeta names the last entry that a snapshot covers (§7).
type SnapshotMeta struct {
	Index Index
	Term  Term
}

// Restored is what a member finds on its disk when it starts.
type Restored struct {
	HardState HardState
	Snapshot  SnapshotMeta
	Members   Membership // the configuration as of Snapshot
	// Base is the entry just before Entries[0]. It is at or below Snapshot
	// when the log keeps a tail, and equal to it when the log was reset.
	Base    SnapshotMeta
	Entries []Entry
}

// Config says who a member is and how it behaves. It does not change while
// the member runs.
type Config struct {
	ID NodeID
	// Voters is the configuration that the cluster begins with: sorted, no
	// repeats, the same on every member of it. A member that is to join a
	// running cluster has none, and waits to be added. What is in force later
	// stands in the log and in snapshots.
	Voters []NodeID

	// ElectionTimeout is how long a follower stays loyal to a silent leader:
	// until it has passed, it refuses pre-votes. ElectionJitter bounds the
	// random wait after it, before the follower stands for election.
	ElectionTimeout Duration
	ElectionJitter  Duration
	// Heartbeat is the interval between a leader's heartbeats.
	Heartbeat Duration

	MaxBatch      int // entries in one Append message and one Apply effect
	MaxBatchBytes int // bytes of entry data in the same; one entry may exceed it
	MaxInflight   int // unacknowledged Append messages to one follower
	// MaxInflightBytes bounds the entry data in those; one message may exceed it.
	MaxInflightBytes int
	// MaxUncommittedBytes bounds the commands that a leader has taken in its
	// term and not committed. What would exceed it is refused as Overloaded; one command is
	// always let in.
	MaxUncommittedBytes int
	// SnapshotChunk is how many bytes of a snapshot one message carries.
	SnapshotChunk int

	// CompactTail is how many entries below a snapshot stay in the log, so
	// that a follower slightly behind needs no snapshot.
	CompactTail Index
	// MaxTailBytes bounds what a leader keeps below that for followers that answer
	// and are further behind.
	MaxTailBytes int

	// NoNoop leaves out the entry that opens a leader's term, for hosts that
	// need contiguous indices of commands. Reads then wait for the first
	// command of the term.
	NoNoop bool

	// Lease lets a leader answer reads that ask for it without a round of
	// heartbeats, while a quorum's promise not to elect another lasts (thesis
	// §6.4.1). It holds as long as no member's clock runs faster or slower than
	// true time by more than LeaseDriftPPM, in parts per million.
	Lease         bool
	LeaseDriftPPM uint32

	// NoPreVote leaves out the pre-election (thesis §9.6): a member whose
	// election timer ran out stands for election at once. For searches that are to
	// see both.
	NoPreVote bool

	// Seed feeds this member's own random source (election jitter).
	Seed uint64
}
