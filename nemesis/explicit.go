package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// fault is one fault of a given schedule, as the scenario writes it: a struct
// whose yaml tags are the keys of one entry of the list. Only what its shape
// takes is set.
type fault interface {
	// injection is the fault; its kind is the caller's to fill in.
	injection() Injection
	// check says what cannot be of the keys that this kind has beyond Timed, or
	// nil.
	check(nodes int) *Problem
}

// Timed is what every fault of a given schedule has: when it is and whom it
// hits.
type Timed struct {
	At  time.Duration `yaml:"at"`  // when it begins, since the run began
	For time.Duration `yaml:"for"` // how long it lasts
	// Targets is the role that is hit, Nodes every node once: those who hold the
	// role stand in front, but for the leader, who is looked for.
	Targets string   `yaml:"targets"`
	Nodes   []string `yaml:"nodes"`
}

// injection is a fault without a shape.
func (t Timed) injection() Injection {
	return Injection{At: t.At, Heal: t.At + t.For, Targets: t.Targets, Order: slices.Clone(t.Nodes)}
}

// shaped is a fault with a shape.
func (t Timed) shaped(shape string) Injection {
	in := t.injection()
	in.Shape = shape
	return in
}

// timed is the part of an injection that every kind has.
func timed(in Injection) Timed {
	return Timed{At: in.At, For: in.Heal - in.At, Targets: in.Targets, Nodes: slices.Clone(in.Order)}
}

// Given holds the schedule that a scenario gives in place of a drawn one.
type Given[F fault] struct {
	// Faults are all faults, in order of time; nil lets the schedule be drawn.
	Faults []F `yaml:"schedule,omitempty"`
}

// injections is the given schedule, nil if there is none.
func (g *Given[F]) injections(kind string) []Injection {
	if g.Faults == nil {
		return nil
	}
	all := make([]Injection, len(g.Faults))
	for i, f := range g.Faults {
		all[i] = f.injection()
		all[i].Kind = kind
	}
	return all
}

// check says what of the given schedule cannot be, naming the entry.
func (g *Given[F]) check(nodes int) error {
	if g.Faults == nil {
		return nil
	}
	if len(g.Faults) == 0 {
		return &Problem{"schedule", "an empty list: want at least one fault, or leave the key out"}
	}
	var free time.Duration
	for i, f := range g.Faults {
		in := f.injection()
		p := checkTimed(in, nodes, free)
		if p == nil {
			p = f.check(nodes)
		}
		if p != nil {
			return &Problem{fmt.Sprintf("schedule[%d].%s", i, p.Field), p.Text}
		}
		free = in.Heal
	}
	return nil
}

// checkTimed checks the times, the role and the nodes of a given fault. The
// fault before it lasts until free.
func checkTimed(in Injection, nodes int, free time.Duration) *Problem {
	switch {
	case in.At < 0:
		return &Problem{"at", fmt.Sprintf("%v: want 0s or later", in.At)}
	case in.At < free:
		return &Problem{"at", fmt.Sprintf("%v: the fault before it lasts until %v, and faults of a kind follow each other", in.At, free)}
	case in.Heal <= in.At:
		return &Problem{"for", fmt.Sprintf("%v: want more than 0s", in.Heal-in.At)}
	}
	role := holds(in.Targets, nodes)
	if in.aims() {
		role = heldByMember(in.Targets)
	}
	if role != nil {
		return &Problem{"targets", role.Error()}
	}
	want := cluster.NodeNames(nodes)
	for i, node := range in.Order {
		switch {
		case !slices.Contains(want, node):
			return &Problem{"nodes", fmt.Sprintf("unknown node %q: %s", node, allowed(node, want))}
		case slices.Contains(in.Order[:i], node):
			return &Problem{"nodes", fmt.Sprintf("%s again: want each node once", node)}
		}
	}
	if len(in.Order) != nodes {
		return &Problem{"nodes", fmt.Sprintf("%d of %d nodes: want each once, those that are hit in front, of %s",
			len(in.Order), nodes, strings.Join(want, ", "))}
	}
	return nil
}

// checkCalls checks the numbers of a fault that says for each node that it
// hits in which of its calls it falls.
func checkCalls(in Injection) *Problem {
	if want := len(in.targets()); len(in.Calls) != want {
		return &Problem{"calls", fmt.Sprintf("%d numbers: want %d, one for each node that is hit", len(in.Calls), want)}
	}
	for _, n := range in.Calls {
		if p := within("calls", n, 1, maxCalls); p != nil {
			return p
		}
	}
	return nil
}

// within checks that a value is within two limits.
func within[T int | float64 | time.Duration](field string, value, least, most T) *Problem {
	if value >= least && value <= most {
		return nil
	}
	return &Problem{field, fmt.Sprintf("%v: want %v to %v", value, least, most)}
}

// taken checks that a fault has no key that its shape does not take.
func taken(shape, field string, given, takes bool) *Problem {
	if given && !takes {
		return &Problem{field, fmt.Sprintf("the shape %q does not take it", shape)}
	}
	return nil
}

// firstOf gives the first of some problems, or nil.
func firstOf(all ...*Problem) *Problem {
	for _, p := range all {
		if p != nil {
			return p
		}
	}
	return nil
}

// Explicit makes options of a kind whose schedule, whatever the seed, is
// exactly these injections: at least one, all of the kind and in order of time.
// The options are complete.
func Explicit(kind string, schedule []Injection) (Options, error) {
	k, err := KindOf(kind)
	if err != nil {
		return nil, fmt.Errorf("nemesis: explicit schedule: %w", err)
	}
	if len(schedule) == 0 {
		return nil, fmt.Errorf("nemesis: explicit schedule of %s: no injection", kind)
	}
	options := k.Defaults()
	options.give(schedule)
	options.Complete(len(schedule[0].Order))
	return options, nil
}

// Scheduled is the schedule that options give themselves, nil if it is to be
// drawn.
func Scheduled(options Options) []Injection { return options.given() }

// give makes a list of faults of injections.
func (g *Given[F]) give(schedule []Injection, of func(Injection) F) {
	g.Faults = make([]F, len(schedule))
	for i, in := range schedule {
		g.Faults[i] = of(in)
	}
}

// PartitionFault is one partition of a given schedule.
type PartitionFault struct {
	// Targets may be left out: it follows from the shape. It may also be leader,
	// who is then put in front of the nodes whatever the shape.
	Timed `yaml:",inline"`
	Shape string `yaml:"shape"`
	// Phase is that of a flapping partition; left out, that of the options.
	Phase time.Duration `yaml:"phase,omitempty"`
}

func (f PartitionFault) injection() Injection {
	in := f.shaped(f.Shape)
	in.Phase = f.Phase
	return in
}

func (f PartitionFault) check(nodes int) *Problem {
	if err := fits(f.Shape, nodes); err != nil {
		return &Problem{"shape", err.Error()}
	}
	if role := roleOf(f.Shape); f.Targets != role && f.Targets != Leader {
		text := fmt.Sprintf("%s: of the shape %q want %s, or leader", f.Targets, f.Shape, role)
		if role == Leader {
			text = fmt.Sprintf("%s: of the shape %q want leader; the shape %q cuts off the node in front", f.Targets, f.Shape, One)
		}
		return &Problem{"targets", text}
	}
	if f.Shape == Flapping && f.Phase < minPhase {
		return &Problem{"phase", fmt.Sprintf("%v: want at least %v, so that the probes can tell", f.Phase, minPhase)}
	}
	return taken(f.Shape, "phase", f.Phase != 0, f.Shape == Flapping)
}

func (o *PartitionOptions) given() []Injection { return o.injections(Partition) }

func (o *PartitionOptions) give(schedule []Injection) {
	o.Given.give(schedule, func(in Injection) PartitionFault {
		return PartitionFault{Timed: timed(in), Shape: in.Shape, Phase: in.Phase}
	})
}

// ProcessFault is one kill or pause of a given schedule.
type ProcessFault struct {
	Timed `yaml:",inline"`
}

func (ProcessFault) check(int) *Problem { return nil }

func (o *Process) give(schedule []Injection) {
	o.Given.give(schedule, func(in Injection) ProcessFault { return ProcessFault{timed(in)} })
}

func (o *KillOptions) given() []Injection  { return o.injections(Kill) }
func (o *PauseOptions) given() []Injection { return o.injections(Pause) }

// ClockFault is one skew of a given schedule: shapes that jump take an offset,
// the others a rate.
type ClockFault struct {
	Timed  `yaml:",inline"`
	Shape  string        `yaml:"shape"`
	Offset time.Duration `yaml:"offset,omitempty"`
	Rate   float64       `yaml:"rate,omitempty"`
}

func (f ClockFault) injection() Injection {
	in := f.shaped(f.Shape)
	switch f.Shape {
	case RealtimeOffset:
		in.Skew.Realtime = &wire.Skew{Offset: int64(f.Offset), Rate: 1}
	case RealtimeRate:
		in.Skew.Realtime = &wire.Skew{Rate: f.Rate}
	case MonotonicRate:
		in.Skew.Monotonic = &wire.Skew{Rate: f.Rate}
	case MonotonicJump:
		in.Skew.Monotonic = &wire.Skew{Offset: int64(f.Offset), Rate: 1}
	}
	return in
}

func (f ClockFault) check(int) *Problem {
	if !slices.Contains(clockShapes, f.Shape) {
		return &Problem{"shape", fmt.Sprintf("unknown shape %q: %s", f.Shape, allowed(f.Shape, clockShapes))}
	}
	jumps := f.Shape == RealtimeOffset || f.Shape == MonotonicJump
	if p := firstOf(taken(f.Shape, "offset", f.Offset != 0, jumps), taken(f.Shape, "rate", f.Rate != 0, !jumps)); p != nil {
		return p
	}
	switch {
	case !jumps && f.Rate == 1:
		return &Problem{"rate", "1: a clock at this rate is true"}
	case !jumps:
		return within("rate", f.Rate, 1.0/maxRate, maxRate)
	case f.Offset == 0 || f.Offset.Abs() > maxOffset:
		return &Problem{"offset", fmt.Sprintf("%v: want at most ten years, and not none", f.Offset)}
	case f.Shape == MonotonicJump && f.Offset < 0:
		return &Problem{"offset", fmt.Sprintf("%v: a monotonic clock is never set back", f.Offset)}
	}
	return nil
}

func (o *ClockOptions) given() []Injection { return o.injections(Clock) }

func (o *ClockOptions) give(schedule []Injection) {
	o.Given.give(schedule, func(in Injection) ClockFault {
		f := ClockFault{Timed: timed(in), Shape: in.Shape}
		skew := in.Skew.Realtime
		if skew == nil {
			skew = in.Skew.Monotonic
		}
		if skew.Rate == 1 {
			f.Offset = time.Duration(skew.Offset)
		} else {
			f.Rate = skew.Rate
		}
		return f
	})
}
