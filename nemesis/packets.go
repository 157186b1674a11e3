package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// The shapes of packet faults.
const (
	Loss      = "loss"      // messages vanish
	Delay     = "delay"     // they come later, in order
	Duplicate = "duplicate" // they come twice
	Reorder   = "reorder"   // later ones overtake them
	Storm     = "storm"     // all of that at once
)

// packetShapes lists them.
var packetShapes = []string{Loss, Delay, Duplicate, Reorder, Storm}

// PacketsOptions asks for messages that arrive late, twice, out of order or
// not at all.
type PacketsOptions struct {
	// Shapes is the deck; left out, all.
	Shapes []string `yaml:"shapes"`
	// Targets is the deck of roles: what arrives at a target from any other node
	// is hit. Left out, every role that the cluster has.
	Targets []string `yaml:"targets"`
	// Every is from start to start, For how long a fault lasts.
	Every time.Duration `yaml:"every"`
	For   time.Duration `yaml:"for"`
	// Loss, Duplicate and Reorder are each message's chances, above 0 to 1.
	Loss      float64 `yaml:"loss"`
	Duplicate float64 `yaml:"duplicate"`
	Reorder   float64 `yaml:"reorder"`
	// Delay is how much later each message arrives, Jitter how much more at
	// most.
	Delay  time.Duration `yaml:"delay"`
	Jitter time.Duration `yaml:"jitter"`
	// Spread is how far out of its place a copy or a message held back comes at
	// most.
	Spread time.Duration `yaml:"spread"`

	Given[PacketsFault] `yaml:",inline"`
}

// maxDelay bounds all times that are added to what a node does.
const maxDelay = time.Minute

// Complete fills empty decks.
func (o *PacketsOptions) Complete(nodes int) {
	if o.Shapes == nil {
		o.Shapes = slices.Clone(packetShapes)
	}
	if o.Targets == nil {
		o.Targets = Roles(nodes)
	}
}

// Validate checks shapes, roles, times and chances.
func (o *PacketsOptions) Validate(nodes int) error {
	if nodes < 2 {
		return &Problem{"shapes", fmt.Sprintf("messages pass from one node to another: in a cluster of %d none does", nodes)}
	}
	if err := decks(o.Shapes, packetShapes, o.Targets, nodes); err != nil {
		return err
	}
	if err := timing(o.Every, o.For, leastWatched); err != nil {
		return err
	}
	if p := checkRule(Storm, o.rule(Storm)); p != nil {
		return p
	}
	return o.check(nodes)
}

// rule is what becomes of each message by the options.
func (o *PacketsOptions) rule(shape string) wire.PacketRule {
	return ruleOf(shape, wire.PacketRule{
		Loss: o.Loss, Duplicate: o.Duplicate, Reorder: o.Reorder,
		Delay: int64(o.Delay), Jitter: int64(o.Jitter), Spread: int64(o.Spread),
	})
}

// ruleOf leaves of a rule what the shape takes.
func ruleOf(shape string, all wire.PacketRule) wire.PacketRule {
	switch shape {
	case Loss:
		return wire.PacketRule{Loss: all.Loss}
	case Delay:
		return wire.PacketRule{Delay: all.Delay, Jitter: all.Jitter}
	case Duplicate:
		return wire.PacketRule{Duplicate: all.Duplicate, Spread: all.Spread}
	case Reorder:
		return wire.PacketRule{Reorder: all.Reorder, Spread: all.Spread}
	}
	return all
}

// checkRule checks the numbers that the shape takes.
func checkRule(shape string, r wire.PacketRule) *Problem {
	chance := func(field string, p float64) *Problem {
		if p > 0 && p <= 1 {
			return nil
		}
		return &Problem{field, fmt.Sprintf("%v: want a chance above 0, at most 1", p)}
	}
	lasts := func(field string, ns int64, least time.Duration) *Problem {
		return within(field, time.Duration(ns), least, maxDelay)
	}
	var all []*Problem
	is := func(s string) bool { return shape == s || shape == Storm }
	if is(Loss) {
		all = append(all, chance("loss", r.Loss))
	}
	if is(Duplicate) {
		all = append(all, chance("duplicate", r.Duplicate))
	}
	if is(Reorder) {
		all = append(all, chance("reorder", r.Reorder))
	}
	if is(Delay) {
		all = append(all, lasts("delay", r.Delay, time.Millisecond), lasts("jitter", r.Jitter, 0))
	}
	if is(Duplicate) || is(Reorder) {
		all = append(all, lasts("spread", r.Spread, time.Millisecond))
	}
	return firstOf(all...)
}

// Schedule deals shapes and roles.
func (o *PacketsOptions) Schedule(seed int64, nodes []string, until time.Duration) []Injection {
	if given := o.given(); given != nil {
		return given
	}
	rng := source(seed, Packets)
	all := starts(Packets, rng, nodes, o.Every, o.For, until)
	shapes, targets := deck{cards: o.Shapes, rng: rng}, deck{cards: o.Targets, rng: rng}
	for i := range all {
		all[i].Shape, all[i].Targets = shapes.deal(), targets.deal()
		all[i].Packets = o.rule(all[i].Shape)
	}
	return all
}

// PacketsFault is one fault of a given schedule. Of the numbers those stand
// that the shape takes.
type PacketsFault struct {
	Timed     `yaml:",inline"`
	Shape     string        `yaml:"shape"`
	Loss      float64       `yaml:"loss,omitempty"`
	Duplicate float64       `yaml:"duplicate,omitempty"`
	Reorder   float64       `yaml:"reorder,omitempty"`
	Delay     time.Duration `yaml:"delay,omitempty"`
	Jitter    time.Duration `yaml:"jitter,omitempty"`
	Spread    time.Duration `yaml:"spread,omitempty"`
}

func (f PacketsFault) injection() Injection {
	in := f.shaped(f.Shape)
	in.Packets = wire.PacketRule{
		Loss: f.Loss, Duplicate: f.Duplicate, Reorder: f.Reorder,
		Delay: int64(f.Delay), Jitter: int64(f.Jitter), Spread: int64(f.Spread),
	}
	return in
}

func (f PacketsFault) check(int) *Problem {
	if !slices.Contains(packetShapes, f.Shape) {
		return &Problem{"shape", fmt.Sprintf("unknown shape %q: %s", f.Shape, allowed(f.Shape, packetShapes))}
	}
	all := f.injection().Packets
	takes := ruleOf(f.Shape, all)
	if p := checkRule(f.Shape, takes); p != nil {
		return p
	}
	return firstOf(
		taken(f.Shape, "loss", f.Loss != 0, takes.Loss == all.Loss),
		taken(f.Shape, "duplicate", f.Duplicate != 0, takes.Duplicate == all.Duplicate),
		taken(f.Shape, "reorder", f.Reorder != 0, takes.Reorder == all.Reorder),
		taken(f.Shape, "delay", f.Delay != 0, takes.Delay == all.Delay),
		taken(f.Shape, "jitter", f.Jitter != 0, takes.Jitter == all.Jitter),
		taken(f.Shape, "spread", f.Spread != 0, takes.Spread == all.Spread),
	)
}

func (o *PacketsOptions) given() []Injection { return o.injections(Packets) }

func (o *PacketsOptions) give(schedule []Injection) {
	o.Given.give(schedule, func(in Injection) PacketsFault {
		r := in.Packets
		return PacketsFault{
			Timed: timed(in), Shape: in.Shape, Loss: r.Loss, Duplicate: r.Duplicate, Reorder: r.Reorder,
			Delay: time.Duration(r.Delay), Jitter: time.Duration(r.Jitter), Spread: time.Duration(r.Spread),
		}
	})
}

// packets is one packet fault while it lasts.
type packets struct {
	in      Injection
	targets []string
	before  []wire.State
	during  []wire.State // just after the rules came into force
	late    []wire.State // just before the heal
	lookErr error
}

// episode makes the rules at every target.
func (o *PacketsOptions) episode(in Injection) episode {
	return &packets{in: in, targets: in.targets()}
}

// asked lists what the shape takes.
func (p *packets) asked() map[string]any {
	asked, r := map[string]any{}, p.in.Packets
	for name, chance := range map[string]float64{"loss": r.Loss, "duplicate": r.Duplicate, "reorder": r.Reorder} {
		if chance != 0 {
			asked[name] = chance
		}
	}
	for name, ns := range map[string]int64{"delay": r.Delay, "jitter": r.Jitter, "spread": r.Spread} {
		if ns != 0 {
			asked[name] = time.Duration(ns)
		}
	}
	return asked
}

// rules is what one target's agent is told: the same of every other node.
func (p *packets) rules(w cluster.World, target string) []wire.PacketRule {
	var rules []wire.PacketRule
	for _, from := range w.Nodes() {
		if from != target {
			r := p.in.Packets
			r.From = from
			rules = append(rules, r)
		}
	}
	return rules
}

// apply brings the rules into force on all targets at once and looks.
func (p *packets) apply(w cluster.World) (time.Duration, error) {
	var err error
	if p.before, err = states(w, p.targets); err != nil {
		p.before = nil
		return 0, fmt.Errorf("look before: %w", err)
	}
	done, err := tell(w, p.targets, wire.PathPackets, func(node string) any {
		return wire.Packets{Rules: p.rules(w, node)}
	})
	if err != nil {
		return 0, err
	}
	if p.during, err = states(w, p.targets); err != nil {
		p.during = nil
		return 0, fmt.Errorf("look during: %w", err)
	}
	return w.Monotonic(ended(done)), nil
}

// hold waits, and looks just before the heal.
func (p *packets) hold(w cluster.World, until time.Duration) error {
	err := sleepUntil(w, until)
	p.late, p.lookErr = states(w, p.targets)
	return err
}

// heal takes the rules away and reads that they are gone.
func (p *packets) heal(w cluster.World) error {
	if p.before == nil {
		return nil // nothing was applied
	}
	_, err := tell(w, p.targets, wire.PathPackets, func(string) any { return wire.Packets{Rules: []wire.PacketRule{}} })
	if err != nil {
		return err
	}
	after, err := states(w, p.targets)
	if err != nil {
		return err
	}
	for _, s := range after {
		if len(s.PacketRules) > 0 {
			return fmt.Errorf("%s still has %d rules about packets", s.Node, len(s.PacketRules))
		}
	}
	return nil
}

// judge compares what the agents counted while the rules were in force.
func (p *packets) judge(w cluster.World) (bool, map[string]any, error) {
	evidence := map[string]any{}
	if p.during == nil || p.lookErr != nil {
		return false, evidence, p.lookErr
	}
	evident, seen := true, map[string]any{}
	var wrong []error
	for i, node := range p.targets {
		if !slices.Equal(p.during[i].PacketRules, p.rules(w, node)) {
			wrong = append(wrong, fmt.Errorf("%s: the rules in force are not those asked for", node))
		}
		before, late := p.before[i].Packets, p.late[i].Packets
		count := wire.PacketCount{
			Seen: late.Seen - before.Seen, Lost: late.Lost - before.Lost, Delayed: late.Delayed - before.Delayed,
			Duplicated: late.Duplicated - before.Duplicated, Reordered: late.Reordered - before.Reordered,
		}
		seen[node] = count
		evident = evident && p.moved(count)
	}
	evidence["nodes"] = seen
	return evident && len(wrong) == 0, evidence, errors.Join(wrong...)
}

// moved says whether all that was asked for happened to some message.
func (p *packets) moved(c wire.PacketCount) bool {
	r := p.in.Packets
	return (r.Loss == 0 || c.Lost > 0) && (r.Duplicate == 0 || c.Duplicated > 0) &&
		(r.Reorder == 0 || c.Reordered > 0) && (r.Delay+r.Jitter == 0 || c.Delayed > 0)
}
