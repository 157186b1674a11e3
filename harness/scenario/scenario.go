package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/nemesis"
	"partita/node/api"
)

// Scenario is a run as it was asked for. The yaml tags are the keys of the
// file; a key left out keeps the default that is noted here.
type Scenario struct {
	Name        string `yaml:"name"`        // lower-case letters, digits and -; default: the file's
	Description string `yaml:"description"` // one sentence; default: none
	Nodes       int    `yaml:"nodes"`       // 1 to 9; default 5
	// Members is how many of the nodes, the first, are the cluster that begins;
	// the others wait to be added. Default: all.
	Members int  `yaml:"members,omitempty"`
	Node    Node `yaml:"node"`
	// Workload is what clients do.
	Workload Workload `yaml:"workload"`
	// Nemesis is what goes wrong, each kind once; default: nothing.
	Nemesis []Fault `yaml:"nemesis"`
	// TimeLimit is how long the clients run, faults and the recovery after them
	// included; default 60s.
	TimeLimit time.Duration `yaml:"time-limit"`
	Checks    Checks        `yaml:"checks"`
	// Seed repeats the schedule of faults and the streams of operations; 0, the
	// default, lets the run choose one.
	Seed int64 `yaml:"seed"`
	// Expect is the verdict of a run that shows what it should: valid, the
	// default, or invalid for a demonstration.
	Expect string `yaml:"expect"`
	// StopAtFirstInvalid ends the run as soon as a key is found that no order
	// explains; default false.
	StopAtFirstInvalid bool `yaml:"stop-at-first-invalid"`
}

// Node is how each node is started.
type Node struct {
	ElectionTimeout time.Duration `yaml:"election-timeout"` // default 1s
	ElectionJitter  time.Duration `yaml:"election-jitter"`  // default 500ms
	Heartbeat       time.Duration `yaml:"heartbeat"`        // default 100ms
	MaxBatch        int           `yaml:"max-batch"`        // entries; default 64
	SnapshotEvery   int           `yaml:"snapshot-every"`   // entries; default 5000
	// SessionEntries is after how many applied entries a session expires that
	// nobody uses; default 100000.
	SessionEntries int `yaml:"session-entries"`
	MaxSessions    int `yaml:"max-sessions"` // default 4096
	// CompactTail is how many entries below a snapshot a log keeps for nodes that
	// are slightly behind; default 1000.
	CompactTail int `yaml:"compact-tail"`
	// SnapshotChunk is how much of a snapshot goes into one message; default
	// 1048576 bytes.
	SnapshotChunk int `yaml:"snapshot-chunk"`
	// MaxUncommitted is how much a leader takes before it is committed; default
	// 67108864 bytes.
	MaxUncommitted int    `yaml:"max-uncommitted"`
	Reads          string `yaml:"reads"` // readindex, the default, or lease
	// LeaseDrift is by which part a clock may run fast or slow while leases are
	// right; default 0.1.
	LeaseDrift float64 `yaml:"lease-drift"`
	// PeerSilence closes a connection whose data nobody acknowledges; default
	// twice the election timeout.
	PeerSilence time.Duration `yaml:"peer-silence"`
}

// Workload is what clients do.
type Workload struct {
	Name        string      `yaml:"name"`        // append, register or session
	Keys        int         `yaml:"keys"`        // key slots; default 10
	Concurrency Concurrency `yaml:"concurrency"` // clients; default 3n
	Rate        float64     `yaml:"rate"`        // operations a second, all clients together; default 400
	// Reads are the ways in which clients read: each client in one, dealt in turn.
	// Left out, they leave it to node.reads.
	Reads []string `yaml:"reads,omitempty"`
	// Script, if not nil, is every operation of every client: nothing is drawn
	// then, and keys and rate say nothing.
	Script []generator.Step `yaml:"script,omitempty"`
}

// Concurrency is a number of clients, or of clients for each node: "3n".
type Concurrency struct {
	Count   int
	PerNode bool
}

// Of is the number of clients of a cluster of so many nodes.
func (c Concurrency) Of(nodes int) int {
	if c.PerNode {
		return c.Count * nodes
	}
	return c.Count
}

// MarshalText writes it as in a scenario.
func (c Concurrency) MarshalText() ([]byte, error) {
	text := strconv.Itoa(c.Count)
	if c.PerNode {
		text += "n"
	}
	return []byte(text), nil
}

// UnmarshalText reads it.
func (c *Concurrency) UnmarshalText(text []byte) error {
	digits, perNode := strings.CutSuffix(string(text), "n")
	count, err := strconv.Atoi(digits)
	if err != nil {
		return fmt.Errorf(`want a number of clients, such as 15, or of clients for each node, such as "3n"`)
	}
	*c = Concurrency{Count: count, PerNode: perNode}
	return nil
}

// Fault is one entry of the nemesis: a map of one kind to its options.
type Fault struct {
	Kind    string
	Options nemesis.Options
}

// Checks are the limits of the checkers, and what a run has to have reached.
type Checks struct {
	Linearizable Linearizable `yaml:"linearizable"`
	Availability Availability `yaml:"availability"`
	// Reached lists what has to have happened inside the cluster at least once,
	// or the run proves nothing; default: nothing.
	Reached []string `yaml:"reached,omitempty"`
}

// Linearizable bounds the search for an order.
type Linearizable struct {
	Budget  int           `yaml:"budget"`  // steps of the model for each key; default 5000000
	Timeout time.Duration `yaml:"timeout"` // for all keys; default 15s
}

// Availability says how soon every node has to answer again.
type Availability struct {
	RecoverWithin time.Duration `yaml:"recover-within"` // after a heal, and without faults at the end of every run; default 10s
}

// The verdicts that a scenario may expect.
const (
	ExpectValid   = "valid"
	ExpectInvalid = "invalid"
)

// Default is the scenario of an empty map, but for its name.
func Default() Scenario {
	return Scenario{
		Nodes: 5,
		Node: Node{
			ElectionTimeout: time.Second, ElectionJitter: 500 * time.Millisecond, Heartbeat: 100 * time.Millisecond,
			MaxBatch: 64, SnapshotEvery: 5000, SessionEntries: 100_000, MaxSessions: 4096,
			CompactTail: 1000, SnapshotChunk: 1 << 20, MaxUncommitted: 64 << 20, Reads: api.ReadIndex, LeaseDrift: 0.1,
		},
		Workload:  Workload{Name: "register", Keys: 10, Concurrency: Concurrency{Count: 3, PerNode: true}, Rate: 400},
		TimeLimit: time.Minute,
		Checks: Checks{
			Linearizable: Linearizable{Budget: 5_000_000, Timeout: 15 * time.Second},
			Availability: Availability{RecoverWithin: 10 * time.Second},
		},
		Expect: ExpectValid,
	}
}

// NodeNames lists the nodes: n1, n2 ...
func (s *Scenario) NodeNames() []string { return cluster.NodeNames(s.Nodes) }

// MemberNames lists the nodes that are the cluster that begins.
func (s *Scenario) MemberNames() []string {
	if s.Members == 0 {
		return s.NodeNames()
	}
	return s.NodeNames()[:s.Members]
}

// NodeFlags is how the scenario starts a node.
func (s *Scenario) NodeFlags() []string {
	n := s.Node
	return []string{
		"--members", strings.Join(s.MemberNames(), ","),
		"--election-timeout", duration(n.ElectionTimeout),
		"--election-jitter", duration(n.ElectionJitter),
		"--heartbeat", duration(n.Heartbeat),
		"--max-batch", strconv.Itoa(n.MaxBatch),
		"--snapshot-every", strconv.Itoa(n.SnapshotEvery),
		"--session-entries", strconv.Itoa(n.SessionEntries),
		"--max-sessions", strconv.Itoa(n.MaxSessions),
		"--compact-tail", strconv.Itoa(n.CompactTail),
		"--snapshot-chunk", strconv.Itoa(n.SnapshotChunk),
		"--max-uncommitted", strconv.Itoa(n.MaxUncommitted),
		"--reads", n.Reads,
		"--lease-drift", strconv.FormatFloat(n.LeaseDrift, 'g', -1, 64),
		"--peer-silence", duration(n.PeerSilence),
	}
}

// Until is when the last fault has to be healed: the rest of the run is for
// recovery.
func (s *Scenario) Until() time.Duration { return s.TimeLimit - s.Checks.Availability.RecoverWithin }

// Plans makes the plans of the nemesis, by the scenario's seed.
func (s *Scenario) Plans() []cluster.Plan {
	var plans []cluster.Plan
	for _, f := range s.Nemesis {
		plans = append(plans, nemesis.NewPlan(f.Kind, f.Options, s.Seed, s.NodeNames(), s.Until()))
	}
	return plans
}

// Schedule lists the faults that the plans will inject, by time.
func (s *Scenario) Schedule() []nemesis.Injection {
	var all []nemesis.Injection
	for _, f := range s.Nemesis {
		all = append(all, f.Options.Schedule(s.Seed, s.NodeNames(), s.Until())...)
	}
	slices.SortStableFunc(all, func(a, b nemesis.Injection) int { return int(a.At - b.At) })
	return all
}

// Kinds lists the kinds of faults asked for, in the scenario's order.
func (s *Scenario) Kinds() []string {
	var kinds []string
	for _, f := range s.Nemesis {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

// Capabilities lists what the containers have to be given for the faults,
// sorted.
func (s *Scenario) Capabilities() []string {
	var all []string
	for _, f := range s.Nemesis {
		if k, err := nemesis.KindOf(f.Kind); err == nil {
			all = append(all, k.Capabilities...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Clocks says whether nodes have to be started with replaceable clocks.
func (s *Scenario) Clocks() bool {
	return slices.ContainsFunc(s.Nemesis, func(f Fault) bool {
		k, err := nemesis.KindOf(f.Kind)
		return err == nil && k.Clocks
	})
}
