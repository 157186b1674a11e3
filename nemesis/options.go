package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The kinds of faults: the keys of a scenario's nemesis.
const (
	Partition = "partition"
	Kill      = "kill"
	Pause     = "pause"
	Clock     = "clock"
	Packets   = "packets"
	Power     = "power"
	Disk      = "disk"

	Membership = "membership"
)

// NetAdmin is the capability that iptables takes inside a container.
const NetAdmin = "NET_ADMIN"

// Kind is one kind of fault and what it takes.
type Kind struct {
	Name        string
	Description string
	// Capabilities is what the containers have to be given beyond what every
	// agent has.
	Capabilities []string
	// Clocks says that nodes have to be started with replaceable clocks.
	Clocks bool
	// Simulated says that so far only the simulator can inject it.
	Simulated bool
	// Defaults makes the options of a fault of which the scenario says nothing.
	Defaults func() Options
}

// Options is how a fault of one kind is asked for: a pointer to a struct whose
// yaml tags are the keys of the scenario.
type Options interface {
	// Complete fills in what was left out and depends on the number of nodes.
	Complete(nodes int)
	// Validate says what cannot be: every error is a *Problem.
	Validate(nodes int) error
	// Schedule draws the faults. None is in force after until. A given schedule
	// is returned as it is.
	Schedule(seed int64, nodes []string, until time.Duration) []Injection
	// given is the schedule that the scenario gives, nil if there is none; give
	// sets it.
	given() []Injection
	give(schedule []Injection)
	// episode makes the one fault that an injection asks for. The order of the
	// nodes has the leader in front where the injection asks for it.
	episode(in Injection) episode
}

// Problem is an option that cannot be.
type Problem struct {
	Field string // its key
	Text  string // what was found and what is allowed
}

// Error says the key and the text.
func (p *Problem) Error() string { return p.Field + ": " + p.Text }

// Kinds lists the kinds of faults.
func Kinds() []Kind {
	return []Kind{
		{
			Name:         Partition,
			Description:  "cuts nodes from each other, in shapes from a shuffled deck",
			Capabilities: []string{NetAdmin},
			Defaults: func() Options {
				return &PartitionOptions{Every: 7 * time.Second, For: 4 * time.Second, Phase: 500 * time.Millisecond}
			},
		},
		{
			Name:        Kill,
			Description: "kills nodes with SIGKILL and starts them again",
			Defaults: func() Options {
				return &KillOptions{Process{Every: 6 * time.Second, For: 2 * time.Second}}
			},
		},
		{
			Name:        Pause,
			Description: "stops nodes with SIGSTOP and lets them go on",
			Defaults: func() Options {
				return &PauseOptions{Process{Every: 6 * time.Second, For: 3 * time.Second}}
			},
		},
		{
			Name:        Clock,
			Description: "sets the clocks of nodes off and lets them run too fast or too slow",
			Clocks:      true,
			Defaults: func() Options {
				return &ClockOptions{Every: 6 * time.Second, For: 4 * time.Second, Offset: time.Minute, Rate: 2}
			},
		},
		{
			Name:        Packets,
			Description: "loses, delays, duplicates and reorders what arrives at nodes",
			Simulated:   true,
			Defaults: func() Options {
				return &PacketsOptions{
					Every: 6 * time.Second, For: 4 * time.Second, Loss: 0.2, Duplicate: 0.2, Reorder: 0.3,
					Delay: 50 * time.Millisecond, Jitter: 20 * time.Millisecond, Spread: 100 * time.Millisecond,
				}
			},
		},
		{
			Name:        Power,
			Description: "takes the power of nodes in the middle of a file-system call, and with it all that no sync covers",
			Simulated:   true,
			Defaults: func() Options {
				return &PowerOptions{Every: 7 * time.Second, For: 2 * time.Second, Calls: 100}
			},
		},
		{
			Name:        Disk,
			Description: "makes syncs slow, or lets a sync or a write fail",
			Simulated:   true,
			Defaults: func() Options {
				return &DiskOptions{Every: 6 * time.Second, For: 3 * time.Second, Slow: 200 * time.Millisecond, Calls: 10}
			},
		},
		{
			Name:        Membership,
			Description: "removes, adds, replaces and demotes voters, and moves the lead, through the nodes' own API",
			Defaults: func() Options {
				return &MembershipOptions{Every: 7 * time.Second, For: 3 * time.Second}
			},
		},
	}
}

// KindOf finds a kind by its name.
func KindOf(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("unknown kind of fault %q: %s", name, allowed(name, names))
}

// PartitionOptions asks for partitions.
type PartitionOptions struct {
	// Shapes is the deck; left out, every shape that the cluster can have.
	Shapes []string `yaml:"shapes"`
	// Every is from start to start, For how long a partition lasts.
	Every time.Duration `yaml:"every"`
	For   time.Duration `yaml:"for"`
	// Phase is how long a flapping partition stays as it is, cut or whole: at
	// least 300 ms, so that the probes can tell.
	Phase time.Duration `yaml:"phase"`

	Given[PartitionFault] `yaml:",inline"`
}

// minPhase is six probes.
const minPhase = 300 * time.Millisecond

// Complete puts every shape that fits into an empty deck, and into given faults
// what follows from their shape.
func (o *PartitionOptions) Complete(nodes int) {
	if o.Shapes == nil {
		o.Shapes = Shapes(nodes)
	}
	for i := range o.Faults {
		f := &o.Faults[i]
		if f.Targets == "" {
			f.Targets = roleOf(f.Shape)
		}
		if f.Phase == 0 && f.Shape == Flapping {
			f.Phase = o.Phase
		}
	}
}

// Validate checks shapes against the nodes, and times.
func (o *PartitionOptions) Validate(nodes int) error {
	if nodes < 2 {
		return &Problem{"shapes", fmt.Sprintf("a partition cuts one node from another: a cluster of %d has none to cut", nodes)}
	}
	if err := deckOf("shapes", o.Shapes, func(s string) error { return fits(s, nodes) }); err != nil {
		return err
	}
	if err := timing(o.Every, o.For, leastWatched); err != nil {
		return err
	}
	if o.Phase < minPhase {
		return &Problem{"phase", fmt.Sprintf("%v: want at least %v, so that the probes can tell", o.Phase, minPhase)}
	}
	if slices.Contains(o.Shapes, Flapping) && o.For < 2*o.Phase {
		return &Problem{"for", fmt.Sprintf("%v: a flapping partition lasts at least two phases of %v", o.For, o.Phase)}
	}
	return o.check(nodes)
}

// Process is how faults of processes are asked for.
type Process struct {
	// Targets is the deck of roles; left out, every role that the cluster has.
	Targets []string `yaml:"targets"`
	// Every is from start to start, For how long a node is down or stopped.
	Every time.Duration `yaml:"every"`
	For   time.Duration `yaml:"for"`

	Given[ProcessFault] `yaml:",inline"`
}

// Complete puts every role that the cluster has into an empty deck.
func (o *Process) Complete(nodes int) {
	if o.Targets == nil {
		o.Targets = Roles(nodes)
	}
}

// Validate checks roles and times.
func (o *Process) Validate(nodes int) error {
	if err := deckOf("targets", o.Targets, func(s string) error { return holds(s, nodes) }); err != nil {
		return err
	}
	if err := timing(o.Every, o.For, leastLooked); err != nil {
		return err
	}
	return o.check(nodes)
}

// KillOptions asks for nodes that die and come back.
type KillOptions struct {
	Process `yaml:",inline"`
}

// PauseOptions asks for nodes that stop and go on.
type PauseOptions struct {
	Process `yaml:",inline"`
}

// The shapes of clock faults.
const (
	RealtimeOffset = "realtime-offset" // CLOCK_REALTIME jumps, either way
	RealtimeRate   = "realtime-rate"   // CLOCK_REALTIME runs too fast or too slow
	MonotonicRate  = "monotonic-rate"  // CLOCK_MONOTONIC runs too fast or too slow
	MonotonicJump  = "monotonic-jump"  // CLOCK_MONOTONIC jumps ahead, and stays there
)

// clockShapes lists them.
var clockShapes = []string{RealtimeOffset, RealtimeRate, MonotonicRate, MonotonicJump}

// ClockOptions asks for clocks that lie.
type ClockOptions struct {
	// Shapes is the deck; left out, all.
	Shapes []string `yaml:"shapes"`
	// Targets is the deck of roles; left out, one and leader.
	Targets []string `yaml:"targets"`
	// Every is from start to start, For how long a clock is skewed.
	Every time.Duration `yaml:"every"`
	For   time.Duration `yaml:"for"`
	// Offset is the largest jump; each is drawn from a quarter of it to all.
	Offset time.Duration `yaml:"offset"`
	// Rate is the largest factor, and its inverse the smallest.
	Rate float64 `yaml:"rate"`

	Given[ClockFault] `yaml:",inline"`
}

// The limits of skews: small ones could not be told from the time that a
// reading takes, and large ones are past what agents accept.
const (
	minOffset = time.Second
	maxOffset = 10 * 365 * 24 * time.Hour
	minRate   = 1.5
	maxRate   = 100
)

// Complete fills empty decks.
func (o *ClockOptions) Complete(int) {
	if o.Shapes == nil {
		o.Shapes = slices.Clone(clockShapes)
	}
	if o.Targets == nil {
		o.Targets = []string{One, Leader}
	}
}

// Validate checks shapes, roles, times and skews.
func (o *ClockOptions) Validate(nodes int) error {
	if err := decks(o.Shapes, clockShapes, o.Targets, nodes); err != nil {
		return err
	}
	if err := timing(o.Every, o.For, leastWatched); err != nil {
		return err
	}
	if o.Offset < minOffset || o.Offset > maxOffset {
		return &Problem{"offset", fmt.Sprintf("%v: want %v to ten years", o.Offset, minOffset)}
	}
	if !(o.Rate >= minRate && o.Rate <= maxRate) {
		return &Problem{"rate", fmt.Sprintf("%v: want %v to %v; slow clocks run at its inverse", o.Rate, minRate, maxRate)}
	}
	return o.check(nodes)
}

// The shortest faults that leave evidence: of processes and disks, which are
// looked at once, and of the network and of clocks, which have to be watched.
const (
	leastLooked  = 100 * time.Millisecond
	leastWatched = 500 * time.Millisecond
)

// timing checks the times that all kinds have.
func timing(every, lasts, least time.Duration) error {
	if lasts < least {
		return &Problem{"for", fmt.Sprintf("%v: want at least %v", lasts, least)}
	}
	if every < lasts {
		return &Problem{"every", fmt.Sprintf("%v: it counts from start to start and must not be less than for, which is %v", every, lasts)}
	}
	return nil
}

// decks checks the lists of kinds that have shapes and targets.
func decks(shapes, allShapes, targets []string, nodes int) error {
	err := deckOf("shapes", shapes, func(s string) error {
		if slices.Contains(allShapes, s) {
			return nil
		}
		return fmt.Errorf("unknown shape %q: %s", s, allowed(s, allShapes))
	})
	if err != nil {
		return err
	}
	return deckOf("targets", targets, func(s string) error { return holds(s, nodes) })
}

// deckOf checks each entry of a list.
func deckOf(field string, deck []string, check func(string) error) error {
	if len(deck) == 0 {
		return &Problem{field, "an empty list: want at least one, or leave the key out"}
	}
	for _, s := range deck {
		if err := check(s); err != nil {
			return &Problem{field, err.Error()}
		}
	}
	return nil
}

// allowed lists the names that may stand in place of one that may not, the
// nearest first if one is near.
func allowed(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q? allowed are %s", near, strings.Join(names, ", "))
	}
	return "allowed are " + strings.Join(names, ", ")
}
