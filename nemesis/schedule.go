package nemesis

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"partita/nemesis/wire"
)

// first is when the first fault of each kind begins: a cluster has a leader
// and clients have data by then.
const first = 3 * time.Second

// Injection is one fault of a schedule. Times are since the run began.
type Injection struct {
	Kind  string
	At    time.Duration // when it is to begin
	Heal  time.Duration // when it is to end
	Shape string        // of every kind but kill and pause
	// Targets is the role that is hit. Order holds every node; those who have
	// the role stand in front, but for the leader, who is moved there when the
	// fault begins.
	Targets string
	Order   []string
	// Phase is that of a flapping partition, else zero.
	Phase time.Duration
	// Skew is what a clock fault asks for, else empty. An offset is from where
	// the clock stands.
	Skew wire.Clock
	// Packets is what a packet fault asks for, from nobody yet; else empty.
	Packets wire.PacketRule
	// Calls is in which call, counted from the beginning of the fault, power is
	// lost or a disk fails: one number for each node that holds the role.
	Calls []int
	// Slow is how much longer syncs take on a slow disk, else zero.
	Slow time.Duration
	// Voters is how many voters a change of the membership leaves in the end.
	Voters int
}

// String says the injection in one line.
func (in Injection) String() string {
	s := fmt.Sprintf("%v to %v %s", in.At, in.Heal, in.Kind)
	if in.Shape != "" {
		s += " " + in.Shape
	}
	s += " of " + in.Targets
	if in.Targets != Leader && in.Targets != All && !in.aims() {
		s += " (" + strings.Join(in.targets(), " ") + ")"
	}
	for _, c := range []struct {
		name string
		skew *wire.Skew
	}{{"realtime", in.Skew.Realtime}, {"monotonic", in.Skew.Monotonic}} {
		if c.skew != nil {
			s += fmt.Sprintf(", %s by %v at rate %.3f", c.name, time.Duration(c.skew.Offset), c.skew.Rate)
		}
	}
	if in.Calls != nil {
		s += fmt.Sprintf(", in calls %v", in.Calls)
	}
	return s
}

// aims says whether the fault itself finds out whom it hits when it begins.
func (in Injection) aims() bool { return in.Kind == Membership }

// targets are the nodes that hold the role.
func (in Injection) targets() []string {
	return in.Order[:Holders(in.Targets, len(in.Order))]
}

// All is the role of every node.
const All = "all"

// Minority is the role of the largest group of nodes that is no majority.
const Minority = "minority"

// roles is the table of roles and the smallest cluster that has each.
var roles = []struct {
	name  string
	nodes int
}{{One, 1}, {Minority, 3}, {Majority, 1}, {All, 1}, {Leader, 1}}

// Roles lists the roles in a cluster of so many nodes.
func Roles(nodes int) []string {
	var names []string
	for _, r := range roles {
		if nodes >= r.nodes {
			names = append(names, r.name)
		}
	}
	return names
}

// Holders is how many nodes hold a role.
func Holders(role string, nodes int) int {
	switch role {
	case One, Leader, Follower:
		return 1
	case Minority:
		return (nodes - 1) / 2
	case Majority:
		return nodes/2 + 1
	}
	return nodes
}

// holds says what is wrong with a role in a cluster of so many nodes.
func holds(role string, nodes int) error {
	for _, r := range roles {
		switch {
		case r.name != role:
		case nodes >= r.nodes:
			return nil
		default:
			return fmt.Errorf("role %q needs at least %d nodes and the cluster has %d", role, r.nodes, nodes)
		}
	}
	return fmt.Errorf("unknown role %q: %s", role, allowed(role, Roles(max(nodes, 3))))
}

// deck deals its cards in a shuffled order and shuffles again when all are
// dealt, so that every card comes before one comes twice.
type deck struct {
	cards []string
	left  []string
	rng   *rand.Rand
}

// deal gives the next card.
func (d *deck) deal() string {
	if len(d.left) == 0 {
		d.left = slices.Clone(d.cards)
		d.rng.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	card := d.left[0]
	d.left = d.left[1:]
	return card
}

// source is the random source of one kind's schedule. Kinds differ in it, so
// that adding one to a scenario leaves the others as they were.
func source(seed int64, kind string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(kind))
	return rand.New(rand.NewPCG(uint64(seed), h.Sum64()))
}

// starts makes the injections that end by until, with times and a drawn order
// of the nodes.
func starts(kind string, rng *rand.Rand, nodes []string, every, lasts, until time.Duration) []Injection {
	var all []Injection
	for at := first; at+lasts <= until; at += every {
		order := slices.Clone(nodes)
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		all = append(all, Injection{Kind: kind, At: at, Heal: at + lasts, Order: order})
	}
	return all
}

// drawCalls draws a number from 1 to most for each node that holds the role.
// One is drawn for every node, so that the stream does not depend on the role.
func drawCalls(rng *rand.Rand, most int, in Injection) []int {
	calls := make([]int, len(in.Order))
	for i := range calls {
		calls[i] = 1 + rng.IntN(most)
	}
	return calls[:len(in.targets())]
}

// roleOf is the role that a partition's shape is about.
func roleOf(shape string) string {
	if shape == Leader || shape == One {
		return shape
	}
	return All
}

// Schedule deals shapes.
func (o *PartitionOptions) Schedule(seed int64, nodes []string, until time.Duration) []Injection {
	if given := o.given(); given != nil {
		return given
	}
	rng := source(seed, Partition)
	all := starts(Partition, rng, nodes, o.Every, o.For, until)
	cards := deck{cards: o.Shapes, rng: rng}
	for i := range all {
		all[i].Shape = cards.deal()
		all[i].Targets = roleOf(all[i].Shape)
		if all[i].Shape == Flapping {
			all[i].Phase = o.Phase
		}
	}
	return all
}

// schedule deals roles.
func (o *Process) schedule(kind string, seed int64, nodes []string, until time.Duration) []Injection {
	if given := o.injections(kind); given != nil {
		return given
	}
	rng := source(seed, kind)
	all := starts(kind, rng, nodes, o.Every, o.For, until)
	cards := deck{cards: o.Targets, rng: rng}
	for i := range all {
		all[i].Targets = cards.deal()
	}
	return all
}

// Schedule deals roles.
func (o *KillOptions) Schedule(seed int64, nodes []string, until time.Duration) []Injection {
	return o.schedule(Kill, seed, nodes, until)
}

// Schedule deals roles.
func (o *PauseOptions) Schedule(seed int64, nodes []string, until time.Duration) []Injection {
	return o.schedule(Pause, seed, nodes, until)
}

// Schedule deals shapes and roles and draws offsets and rates.
func (o *ClockOptions) Schedule(seed int64, nodes []string, until time.Duration) []Injection {
	if given := o.given(); given != nil {
		return given
	}
	rng := source(seed, Clock)
	all := starts(Clock, rng, nodes, o.Every, o.For, until)
	shapes, targets := deck{cards: o.Shapes, rng: rng}, deck{cards: o.Targets, rng: rng}
	for i := range all {
		in := &all[i]
		in.Shape, in.Targets = shapes.deal(), targets.deal()
		// All four are drawn each time: the stream does not depend on the shape.
		part, back, slow := 0.25+0.75*rng.Float64(), rng.IntN(2) == 0, rng.IntN(2) == 0
		offset, rate := int64(part*float64(o.Offset)), 1+part*(o.Rate-1)
		if slow {
			rate = 1 / rate
		}
		switch in.Shape {
		case RealtimeOffset:
			if back {
				offset = -offset
			}
			in.Skew.Realtime = &wire.Skew{Offset: offset, Rate: 1}
		case RealtimeRate:
			in.Skew.Realtime = &wire.Skew{Rate: rate}
		case MonotonicRate:
			in.Skew.Monotonic = &wire.Skew{Rate: rate}
		case MonotonicJump:
			in.Skew.Monotonic = &wire.Skew{Offset: offset, Rate: 1}
		}
	}
	return all
}
