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
	Peers    []PeerStatus // on a leader: one a voter, in order of ID
}

// PeerStatus is what a leader knows of one voter.
type PeerStatus struct {
	ID    NodeID
	Match Index
	Next  Index
}
