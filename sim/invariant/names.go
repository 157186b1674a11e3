package invariant

import "fmt"

// Name names a rule that is watched inside a cluster.
type Name string

// The rules. The first four, and that of the leader's log, are of figure 3 of the Raft paper.
const (
	ElectionSafety     Name = "election safety"        // at most one leader in a term (§5.2)
	LogMatching        Name = "log matching"           // an index and a term name one entry and all before it (§5.3)
	LeaderCompleteness Name = "leader completeness"    // a leader holds what was committed in earlier terms (§5.4)
	StateMachineSafety Name = "state-machine safety"   // nobody applies anything else at an index (§5.4.3)
	CommittedLost      Name = "committed never lost"   // a quorum holds every committed entry on its disks
	DurablePromises    Name = "durable promises"       // what is said is on disk before (figure 2), and still there after a crash
	ReadRound          Name = "read outside its round" // a read sees all that was committed before it came (thesis §6.4)
	LeaseRead          Name = "lease read"             // so does one that a lease confirms (thesis §6.4.1)
	LeaderAppendOnly   Name = "leader append-only"     // a leader removes nothing from its log (figure 3, §5.3)
	Configuration      Name = "configuration"          // one change of members at a time, by joint ones, and carried by snapshots (§6)
	Panic              Name = "panic"                  // the code broke a rule of its own and said so
)

// Violation is a rule that was broken.
type Violation struct {
	Name  Name
	Nodes []string // those concerned
	Step  int      // when, in steps of the run, counted from 1
	Text  string   // what was seen, in words
}

// Error says all of it.
func (v *Violation) Error() string {
	return fmt.Sprintf("%s: %s (step %d)", v.Name, v.Text, v.Step)
}

// Names lists the rules.
func Names() []Name {
	return []Name{ElectionSafety, LogMatching, LeaderCompleteness, StateMachineSafety, CommittedLost, DurablePromises, ReadRound, LeaseRead, LeaderAppendOnly, Configuration, Panic}
}
