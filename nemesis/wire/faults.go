package wire

// Packets asks for exactly these rules about what arrives at this node from
// its peers. An empty list leaves every message alone again; messages held back
// then arrive at once, in the order in which they were due.
type Packets struct {
	Rules []PacketRule `json:"rules"`
}

// PacketRule is what becomes of each message that From sends to this node
// while the rule stands. A message is what the node's transport hands over at
// one time. Chances are from 0 to 1 and drawn apart for every message, from
// the agent's own source: a lost message is neither delayed nor duplicated.
// Times are in nanoseconds. From is named by one rule at most.
type PacketRule struct {
	From string `json:"from"` // a node's name
	// Loss is the chance that the message never arrives.
	Loss float64 `json:"loss,omitempty"`
	// Duplicate is the chance that it arrives twice, the copy up to Spread
	// after the first.
	Duplicate float64 `json:"duplicate,omitempty"`
	// Reorder is the chance that it is held back by up to Spread while those
	// sent after it overtake it. All others stay in order.
	Reorder float64 `json:"reorder,omitempty"`
	// Delay is how much later every message arrives, and Jitter how much more
	// than that at most, drawn for each. Neither changes the order.
	Delay  int64 `json:"delay,omitempty"`
	Jitter int64 `json:"jitter,omitempty"`
	// Spread is how far out of its place a copy or a message held back may
	// come; above zero where Duplicate or Reorder is.
	Spread int64 `json:"spread,omitempty"`
}

// PacketCount is what rules did to messages that arrived at this node, in the
// whole run.
type PacketCount struct {
	Seen       uint64 `json:"seen"`       // messages that came under a rule
	Lost       uint64 `json:"lost"`       // of those: never arrived
	Delayed    uint64 `json:"delayed"`    // came later by Delay or Jitter
	Duplicated uint64 `json:"duplicated"` // came twice
	Reordered  uint64 `json:"reordered"`  // were held back so that later ones could overtake
}

// Power asks for a loss of power at this machine: the node ends at once, as an
// Exit with SignalPower that was asked for, and everything that no fsync covers
// is lost. The answer comes when the power is off. It stays off until PathStart.
//
// A node that does not run loses what it left without a sync; there is no Exit
// then. To lose power again before PathStart is an error.
type Power struct {
	// Calls says in the middle of which file-system call of the node, counted
	// from this command on, power is lost: 1 is the next one. At least 1.
	Calls int `json:"calls"`
	// Within is when it is lost at the latest, in nanoseconds from this command
	// on, if the node makes fewer calls. Above zero.
	Within int64 `json:"within"`
	// Torn lets each sector, each file's size and each change of a name that no
	// sync covers survive or not, apart from the others. Without it all of them
	// are lost.
	Torn bool `json:"torn,omitempty"`
}

// SignalPower is the Signal of an Exit by a loss of power.
const SignalPower = "power"

// PowerCount is how often this machine lost power in the whole run and what
// that took of what no sync covered.
type PowerCount struct {
	Losses int `json:"losses"`
	Torn   int `json:"torn"` // of those: with Torn
	// Writes is how many writes and truncations were lost, in whole or in part;
	// Names is how many creations, renames and removals.
	Writes int `json:"writes"`
	Names  int `json:"names"`
}

// Disk asks for exactly this trouble with the node's disk from now on. The zero
// value makes the disk healthy: an error that was already returned is not taken
// back.
type Disk struct {
	// Slow is how much longer each sync takes, in nanoseconds.
	Slow int64 `json:"slow,omitempty"`
	// FailSync says which sync, of a file or of a directory, counted from this
	// command on, fails with EIO: 1 is the next one. What it was to make durable
	// stays readable and is never written, also by a later sync. The syncs after
	// it succeed. Zero: none fails.
	FailSync int `json:"fail_sync,omitempty"`
	// FailWrite says the same of a write, which then writes nothing.
	FailWrite int `json:"fail_write,omitempty"`
}

// DiskCount is what became of the node's syncs and writes because of PathDisk,
// in the whole run.
type DiskCount struct {
	Slowed       int `json:"slowed"`        // syncs that took longer
	FailedSyncs  int `json:"failed_syncs"`  // syncs that failed with EIO
	FailedWrites int `json:"failed_writes"` // writes that did
}
