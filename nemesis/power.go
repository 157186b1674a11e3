package nemesis

import (
	"fmt"
	"slices"
	"time"

	"partita/nemesis/wire"
)

// The shapes of losses of power.
const (
	Lose = "lose" // all that no sync covers is lost
	Torn = "torn" // each sector, size and name of it survives or not, apart
)

// powerShapes lists them.
var powerShapes = []string{Lose, Torn}

// powerWithin is when power is lost at the latest: a node that stands still
// makes no calls.
const powerWithin = 500 * time.Millisecond

// maxCalls bounds how many calls ahead a fault may lie.
const maxCalls = 100_000

// PowerOptions asks for machines that lose power and get it back.
type PowerOptions struct {
	// Shapes is the deck; left out, all.
	Shapes []string `yaml:"shapes"`
	// Targets is the deck of roles; left out, every role that the cluster has.
	Targets []string `yaml:"targets"`
	// Every is from start to start, For how long the power is off, counted from
	// the command.
	Every time.Duration `yaml:"every"`
	For   time.Duration `yaml:"for"`
	// Calls is the largest number of file-system calls until power is lost; for
	// each node it is drawn from 1 to it.
	Calls int `yaml:"calls"`

	Given[PowerFault] `yaml:",inline"`
}

// Complete fills empty decks.
func (o *PowerOptions) Complete(nodes int) {
	if o.Shapes == nil {
		o.Shapes = slices.Clone(powerShapes)
	}
	if o.Targets == nil {
		o.Targets = Roles(nodes)
	}
}

// Validate checks shapes, roles, times and calls.
func (o *PowerOptions) Validate(nodes int) error {
	if err := decks(o.Shapes, powerShapes, o.Targets, nodes); err != nil {
		return err
	}
	if err := timing(o.Every, o.For, leastLooked); err != nil {
		return err
	}
	if p := within("calls", o.Calls, 1, maxCalls); p != nil {
		return p
	}
	return o.check(nodes)
}

// Schedule deals shapes and roles and draws in which call each node's power is
// lost.
func (o *PowerOptions) Schedule(seed int64, nodes []string, until time.Duration) []Injection {
	if given := o.given(); given != nil {
		return given
	}
	rng := source(seed, Power)
	all := starts(Power, rng, nodes, o.Every, o.For, until)
	shapes, targets := deck{cards: o.Shapes, rng: rng}, deck{cards: o.Targets, rng: rng}
	for i := range all {
		in := &all[i]
		in.Shape, in.Targets = shapes.deal(), targets.deal()
		in.Calls = drawCalls(rng, o.Calls, *in)
	}
	return all
}

// PowerFault is one loss of power of a given schedule.
type PowerFault struct {
	Timed `yaml:",inline"`
	Shape string `yaml:"shape"`
	// Calls is in which of its calls each node that is hit loses power.
	Calls []int `yaml:"calls"`
}

func (f PowerFault) injection() Injection {
	in := f.shaped(f.Shape)
	in.Calls = slices.Clone(f.Calls)
	return in
}

func (f PowerFault) check(int) *Problem {
	if !slices.Contains(powerShapes, f.Shape) {
		return &Problem{"shape", fmt.Sprintf("unknown shape %q: %s", f.Shape, allowed(f.Shape, powerShapes))}
	}
	return checkCalls(f.injection())
}

func (o *PowerOptions) given() []Injection { return o.injections(Power) }

func (o *PowerOptions) give(schedule []Injection) {
	o.Given.give(schedule, func(in Injection) PowerFault {
		return PowerFault{Timed: timed(in), Shape: in.Shape, Calls: slices.Clone(in.Calls)}
	})
}

// episode takes the power of the nodes that hold the role.
func (o *PowerOptions) episode(in Injection) episode {
	nodes := in.targets()
	return &process{
		nodes: nodes, inject: wire.PathPower, cure: wire.PathStart,
		ask: map[string]any{"calls": in.Calls},
		body: func(node string) any {
			return wire.Power{Calls: in.Calls[slices.Index(nodes, node)], Within: int64(powerWithin), Torn: in.Shape == Torn}
		},
		broken: func(before, during wire.State) bool {
			return before.PID != 0 && during.PID == 0 && during.Power.Losses > before.Power.Losses &&
				slices.ContainsFunc(during.Exits[min(len(before.Exits), len(during.Exits)):], func(e wire.Exit) bool {
					return e.PID == before.PID && e.Asked && e.Signal == wire.SignalPower
				})
		},
		back: func(before, after wire.State) bool {
			return after.PID != 0 && after.PID != before.PID && after.Boots > before.Boots
		},
		facts: func(before, during wire.State) map[string]any {
			return map[string]any{
				"writes": during.Power.Writes - before.Power.Writes,
				"names":  during.Power.Names - before.Power.Names,
			}
		},
	}
}
