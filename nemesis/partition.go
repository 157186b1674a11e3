package nemesis

import (
	"errors"
	"fmt"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// reconnectWithin is how long the peers have to reach each other again after
// the rules are gone.
const reconnectWithin = 2 * time.Second

// span is an interval on the shared clock in which the cut was in force on
// every node.
type span struct{ since, until int64 }

// partition is one partition while it lasts.
type partition struct {
	in     Injection
	grudge Grudge
	nodes  []string // sorted as the world lists them
	before []wire.State
	spans  []span
	open   bool  // whether the last span has not ended
	healed int64 // when the rules were gone from every node, on the shared clock
	ended  bool  // the run is being ended: nothing is waited for
	failed error // of a flapping partition's phases
}

// episode makes the grudge from the injection's order.
func (o *PartitionOptions) episode(in Injection) episode {
	g, err := NewGrudge(in.Shape, in.Order)
	if err != nil {
		// Validate has refused every shape that does not fit.
		panic("nemesis: schedule holds only shapes that fit: " + err.Error())
	}
	return &partition{in: in, grudge: g}
}

// asked lists the directions that are to be cut.
func (p *partition) asked() map[string]any {
	cuts := []string{}
	for _, c := range p.grudge {
		cuts = append(cuts, c.String())
	}
	asked := map[string]any{"cuts": cuts}
	if p.in.Phase > 0 {
		asked["phase"] = p.in.Phase
	}
	return asked
}

// apply notes what the nodes have dropped so far and cuts on all of them at
// once.
func (p *partition) apply(w cluster.World) (time.Duration, error) {
	p.nodes = w.Nodes()
	var err error
	if p.before, err = states(w, p.nodes); err != nil {
		p.before = nil
		return 0, fmt.Errorf("read what was dropped so far: %w", err)
	}
	if err := p.cut(w); err != nil {
		return 0, err
	}
	return w.Monotonic(p.spans[0].since), nil
}

// cut brings the grudge into force and opens a span.
func (p *partition) cut(w cluster.World) error {
	done, err := tell(w, p.nodes, wire.PathDrop, func(node string) any { return p.grudge.Rules(node) })
	if err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	p.spans, p.open = append(p.spans, span{since: ended(done)}), true
	return nil
}

// join takes the rules away and ends the span.
func (p *partition) join(w cluster.World) error {
	done, err := tell(w, p.nodes, wire.PathDrop, func(string) any { return wire.Drop{Rules: []wire.Rule{}} })
	if p.open {
		// Nodes that failed have a zero in done: the span ends, to be safe,
		// before the first attempt.
		p.spans[len(p.spans)-1].until, p.open = began(done), false
	}
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	p.healed = ended(done)
	return nil
}

// hold waits, or lets the cut come and go: phases too count from the scheduled
// start.
func (p *partition) hold(w cluster.World, until time.Duration) error {
	if p.in.Phase > 0 {
		for at := p.in.At + p.in.Phase; at < until && p.failed == nil; at += p.in.Phase {
			if w.Now() > at {
				continue // late: this change is left out
			}
			if err := sleepUntil(w, at); err != nil {
				p.ended = true
				return err
			}
			if p.open {
				p.failed = p.join(w)
			} else {
				p.failed = p.cut(w)
			}
		}
	}
	if err := sleepUntil(w, until); err != nil {
		p.ended = true
		return err
	}
	return nil
}

// heal takes the rules away and reads the chains back.
func (p *partition) heal(w cluster.World) error {
	if p.before == nil {
		return nil // nothing was applied
	}
	if err := p.join(w); err != nil {
		return err
	}
	after, err := states(w, p.nodes)
	if err != nil {
		return err
	}
	for _, s := range after {
		if len(s.Rules) > 0 {
			return fmt.Errorf("the chain of %s still holds %d rules", s.Node, len(s.Rules))
		}
	}
	return nil
}

// judge reads the probes of every span, and waits for the peers to reach each
// other.
func (p *partition) judge(w cluster.World) (bool, map[string]any, error) {
	evidence := map[string]any{}
	if len(p.spans) == 0 {
		return false, evidence, nil
	}
	probes, err := probesOf(w, p.nodes, p.spans[0].since, p.spans[len(p.spans)-1].until)
	if err != nil {
		return false, evidence, errors.Join(p.failed, err)
	}
	var sum []Direction
	evident := 0
	for _, s := range p.spans {
		directions := Observe(p.grudge, p.nodes, probes, s.since, s.until-int64(probeFlight))
		if Evident(directions) {
			evident++
		}
		sum = add(sum, directions)
	}
	evidence["directions"] = sum
	if p.in.Phase > 0 {
		evidence["phases"] = map[string]any{"asked": len(p.spans), "evident": evident}
	}
	p.dropped(w, evidence)
	reconnected, err := p.reconnect(w)
	if err == nil && !p.ended {
		evidence["reconnected"] = reconnected
	}
	return 2*evident >= len(p.spans), evidence, errors.Join(p.failed, err)
}

// dropped notes how many of the nodes' own packets were dropped.
func (p *partition) dropped(w cluster.World, evidence map[string]any) {
	after, err := states(w, p.nodes)
	if err != nil {
		return // the fault is judged by probes; packets are a second witness
	}
	var packets uint64
	for i := range after {
		packets += after[i].Dropped - p.before[i].Dropped
	}
	evidence["dropped"] = packets
}

// reconnect waits until probes pass in every direction and says how many
// seconds it took. Nothing is waited for once the run is being ended.
func (p *partition) reconnect(w cluster.World) (float64, error) {
	deadline := w.Monotonic(p.healed) + reconnectWithin
	for !p.ended {
		if err := w.Sleep(pollEvery); err != nil {
			p.ended = true
			break
		}
		now := p.healed + int64(w.Now()-w.Monotonic(p.healed))
		probes, err := probesOf(w, p.nodes, p.healed, now)
		if err != nil {
			return 0, fmt.Errorf("see whether peers reach each other again: %w", err)
		}
		if Whole(Observe(nil, p.nodes, probes, p.healed, now)) {
			return seconds(now - p.healed), nil
		}
		if w.Now() >= deadline {
			return 0, fmt.Errorf("peers do not all reach each other %v after the heal", reconnectWithin)
		}
	}
	return 0, nil
}
