package exhaustive

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"partita/raft/core"
)

// members is the size of the cluster: the smallest in which a quorum is not
// everybody.
const members = 3

// maxInFlight bounds Options.InFlight: a state has a place for each message.
const maxInFlight = 31

// maxBudget bounds everything that may happen so many times: what is left of it
// is kept in a byte.
const maxBudget = 1<<budgetBits - 1

// budgetBits is how many bits it takes.
const budgetBits = 5

// electionTimeout is every member's, in time that passes by it alone.
const electionTimeout = 10

// Start says what state a search begins in.
type Start string

// The starts.
const (
	Scratch Start = "scratch" // three empty members that have just started
	Elected Start = "elected" // n1 leads term 1; everybody has applied its no-op; nothing is in flight
	// Alone: after that, the others were made learners, so that n1 decides alone.
	Alone Start = "alone"
)

// Options are where a search starts, what may happen, and how often at most.
// The zero value of a bound on what may happen is: never.
type Options struct {
	Start     Start
	NoPreVote bool // members stand for election at once
	// Async makes the completion of an append a step of its own. A budget of
	// crashes implies it: what a crash loses is what has not completed.
	Async bool
	Batch int // entries in one Append message

	Terms    int // no member goes beyond this term
	InFlight int // no state has more messages in flight

	Timeouts   int // election timers that run out, at all members together
	Heartbeats int // heartbeat timers that run out
	Proposals  int // commands that clients propose, to leaders
	Reads      int // reads that clients ask for, of anybody
	Duplicates int // messages that are delivered and stay in flight
	Crashes    int // members that die and start again from their disks
	Changes    int // changes of the members that leaders are asked for
	Transfers  int // transfers that leaders are asked for, and as many given up
	// Ticks is how often time passes, an election timeout each time, on every
	// clock alike. With any, leaders have leases and reads ask for them, and who
	// has just heard a leader is loyal until the next.
	Ticks int

	Depth  int           // actions on a path; 0: any number
	States int           // distinct states; 0: 40 million
	Time   time.Duration // wall time; 0: an hour
	// Workers share the search; 0: one a core. What they find does not depend on it.
	Workers int
	// KeepDead keeps messages in flight that can have no effect any more, for a
	// search that shall not rely on the argument for dropping them.
	KeepDead bool

	// For tests: searches without a reduction, which show that what it leaves out
	// is reached otherwise, and searches for a state that breaks no rule.
	awake   bool // no action sleeps
	unnamed bool // states that differ by names alone are different
	goal    func(views *[members]*view) bool
}

// withDefaults fills in what may be left out.
func (o Options) withDefaults() Options {
	if o.States == 0 {
		o.States = 40_000_000
	}
	if o.Time == 0 {
		o.Time = time.Hour
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	o.Async = o.Async || o.Crashes > 0
	return o
}

// Validate says everything that is wrong with the options, or nil.
func (o Options) Validate() error {
	var bad []error
	if o.Start != Scratch && o.Start != Elected && o.Start != Alone {
		bad = append(bad, fmt.Errorf("start is %q; it is %q, %q or %q", o.Start, Scratch, Elected, Alone))
	}
	within := func(name string, value, low, high int) {
		if value < low || value > high {
			bad = append(bad, fmt.Errorf("%s is %d; %d to %d are allowed", name, value, low, high))
		}
	}
	within("batch", o.Batch, 1, maxBudget)
	within("terms", o.Terms, 1, maxBudget)
	within("in flight", o.InFlight, 1, maxInFlight)
	within("timeouts", o.Timeouts, 0, maxBudget)
	within("heartbeats", o.Heartbeats, 0, maxBudget)
	within("proposals", o.Proposals, 0, 26)
	within("reads", o.Reads, 0, maxBudget)
	within("duplicates", o.Duplicates, 0, maxBudget)
	within("crashes", o.Crashes, 0, maxBudget)
	within("changes", o.Changes, 0, maxBudget)
	within("transfers", o.Transfers, 0, maxBudget)
	within("ticks", o.Ticks, 0, maxTicks)
	within("depth", o.Depth, 0, 1<<15)
	within("states", o.States, 0, 1<<31)
	within("workers", o.Workers, 0, 1024)
	if o.Time < 0 {
		bad = append(bad, fmt.Errorf("time is %v; it cannot be negative", o.Time))
	}
	if err := errors.Join(bad...); err != nil {
		return fmt.Errorf("exhaustive: %w", err)
	}
	return nil
}

// config is that of a member. Durations are of no account: any timer that is
// armed may run out at any time.
func (o Options) config(id core.NodeID) core.Config {
	return core.Config{
		ID: id, Voters: []core.NodeID{1, 2, 3},
		ElectionTimeout: electionTimeout, ElectionJitter: 5, Heartbeat: 1, Lease: o.Ticks > 0,
		MaxBatch: o.Batch, MaxBatchBytes: 1 << 20, MaxInflight: 4,
		MaxInflightBytes: 1 << 20, MaxUncommittedBytes: 1 << 20, SnapshotChunk: 1 << 10,
		CompactTail: 1 << 20, NoPreVote: o.NoPreVote,
	}
}
