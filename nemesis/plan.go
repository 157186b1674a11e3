package nemesis

import (
	"fmt"
	"slices"
	"time"

	"partita/harness/cluster"
)

// The limits of what a plan waits for.
const (
	agentTimeout  = 5 * time.Second        // one command
	statusTimeout = 300 * time.Millisecond // one node's status, while looking for the leader
	leaderSearch  = time.Second            // after which there is none
	pollEvery     = 100 * time.Millisecond
	healAttempts  = 5
)

// episode is one fault while it lasts.
type episode interface {
	// asked is what goes into the record of the fault.
	asked() map[string]any
	// apply brings the fault into force and returns since when it has been in
	// force on every node.
	apply(w cluster.World) (time.Duration, error)
	// hold lets the fault last until the instant. An error is that of Sleep: the
	// run is being ended.
	hold(w cluster.World, until time.Duration) error
	// heal undoes the fault, also one that was only half applied. An error is
	// that of an agent, and is worth another attempt.
	heal(w cluster.World) error
	// judge says what was observed; it may wait for the cluster to be whole.
	judge(w cluster.World) (evident bool, evidence map[string]any, err error)
}

// aimed is an episode that finds out whom it hits only when it is applied.
type aimed interface {
	hit() []string
}

// plan carries a schedule out.
type plan struct {
	kind     string
	options  Options
	schedule []Injection
}

// NewPlan makes the plan of a kind: the options' schedule for the seed and the
// nodes, with no fault in force after until.
func NewPlan(kind string, options Options, seed int64, nodes []string, until time.Duration) cluster.Plan {
	return &plan{kind: kind, options: options, schedule: options.Schedule(seed, nodes, until)}
}

// Kind is the scenario's key.
func (p *plan) Kind() string { return p.kind }

// Run injects each fault at its time, counted from the start of the run, so
// that slow agents delay a fault but never the ones after it. When the run is
// being ended it heals and returns nil. An error says that a fault could not
// be healed.
func (p *plan) Run(w cluster.World, faults cluster.Faults) error {
	for _, in := range p.schedule {
		if sleepUntil(w, in.At) != nil {
			return nil
		}
		ended, err := p.inject(w, faults, in)
		if err != nil {
			return fmt.Errorf("nemesis: %s at %v: %w", p.kind, in.At, err)
		}
		if ended {
			return nil
		}
	}
	return nil
}

// inject carries out one injection and says whether the run is being ended.
func (p *plan) inject(w cluster.World, faults cluster.Faults, in Injection) (ended bool, err error) {
	fault := cluster.Fault{
		Nemesis: p.kind, Shape: in.Shape, Targets: in.Targets, Nodes: in.targets(),
		Asked: map[string]any{}, Evidence: map[string]any{}, At: w.Now(), Healed: w.Now(),
	}
	if in.aims() {
		fault.Nodes = []string{}
	}
	if in.Targets == Leader && !in.aims() {
		leader, sleepErr := findLeader(w, min(in.At+leaderSearch, in.Heal))
		if sleepErr != nil {
			return true, nil
		}
		if leader == "" {
			fault.Nodes, fault.Error = []string{}, "no node said that it leads"
			faults.Record(fault)
			return false, nil
		}
		in.Order = toFront(in.Order, leader)
		fault.Nodes = in.targets()
	}
	ep := p.options.episode(in)
	fault.Asked = ep.asked()
	fault.Asked["at"], fault.Asked["for"] = in.At, in.Heal-in.At
	if w.Now() >= in.Heal {
		fault.Error = "not injected: the fault before it took until after this one's end"
		faults.Record(fault)
		return false, nil
	}

	what := in.what()
	faults.Began(p.kind, what)
	at, applyErr := ep.apply(w)
	if aimed, ok := ep.(aimed); ok {
		fault.Nodes = aimed.hit()
	}
	if applyErr == nil {
		fault.At = at
		ended = ep.hold(w, in.Heal) != nil
	}
	fault.Healed = w.Now()
	healErr := healed(w, ep)
	faults.Healed(p.kind, what)

	evident, evidence, judgeErr := ep.judge(w)
	fault.Evident = evident && applyErr == nil
	fault.Evidence = evidence
	for _, err := range []error{applyErr, healErr, judgeErr} {
		if err != nil && fault.Error == "" {
			fault.Error = err.Error()
		}
	}
	faults.Record(fault)
	if healErr != nil {
		return ended, fmt.Errorf("heal: %w", healErr)
	}
	return ended, nil
}

// what says the fault in a few words: "ring", "leader n3".
func (in Injection) what() string {
	words := in.Shape
	if in.Targets != All && in.Targets != words {
		if words != "" {
			words += " "
		}
		words += in.Targets
	}
	if in.Targets == All {
		if words == "" {
			words = All
		}
		return words
	}
	if in.aims() {
		return words
	}
	for _, node := range in.targets() {
		words += " " + node
	}
	return words
}

// healed heals, and tries again while an agent fails: a fault that stays would
// be taken for the system's own.
func healed(w cluster.World, ep episode) error {
	var err error
	for attempt := range healAttempts {
		if attempt > 0 {
			// An ended run wakes early: the attempts then follow each other.
			_ = w.Sleep(pollEvery)
		}
		if err = ep.heal(w); err == nil {
			return nil
		}
	}
	return err
}

// sleepUntil sleeps until an instant since the run began.
func sleepUntil(w cluster.World, at time.Duration) error {
	if d := at - w.Now(); d > 0 {
		return w.Sleep(d)
	}
	return nil
}

// findLeader asks all nodes, again and again until the instant, and gives the
// one that says it leads in the highest term, or an empty string. An error is
// that of Sleep.
func findLeader(w cluster.World, until time.Duration) (string, error) {
	for {
		leader, term := "", uint64(0)
		for _, node := range w.Nodes() {
			s, err := w.Status(node, statusTimeout)
			if err == nil && s.Role == Leader && s.Term >= term {
				leader, term = node, s.Term
			}
		}
		if leader != "" || w.Now() >= until {
			return leader, nil
		}
		if err := w.Sleep(pollEvery); err != nil {
			return "", err
		}
	}
}

// toFront puts one node in front of the others.
func toFront(order []string, node string) []string {
	front := []string{node}
	for _, other := range order {
		if other != node {
			front = append(front, other)
		}
	}
	return slices.Clip(front)
}
