package core

// Status is what a member knows of itself, for reports.
type Status struct {
	ID       NodeID
	Role     Role
	Term     Term
	Leader   NodeID
	Commit   Index
	Applied  Index
	Last     Index // last entry of the log
	Durable  Index // last entry known to be on disk
	Snapshot Index
	Boot     uint64
	Members  Membership // in force, committed or not
	// MembersIndex is where in the log it stands; 0 for the one that the cluster
	// began with, and the snapshot's index for one that came with a snapshot.
	MembersIndex Index

	// On a leader alone.
	Transferring NodeID       // who is to lead, None if nobody
	LeaseEnd     Instant      // when its lease ends, 0 if it has none
	Uncommitted  int          // bytes of data that it has taken in its term and not committed
	Peers        []PeerStatus // everybody it feeds and itself, in order of ID
}

// PeerStatus is what a leader knows of one member.
type PeerStatus struct {
	ID            NodeID
	Mode          string // probing, replicating, installing; self
	Match         Index
	Next          Index
	Inflight      int // unacknowledged Append messages
	InflightBytes int
	Learner       bool
	// Of the snapshot on its way there, if one is: what it covers, and how many
	// bytes of it have arrived.
	Snapshot       Index
	SnapshotOffset uint64
}
