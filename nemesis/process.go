package nemesis

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
)

// comeBackWithin is how long a process has to be seen running after it was
// started or let go on.
const comeBackWithin = 2 * time.Second

// process is one fault that ends or stops processes, while it lasts.
type process struct {
	nodes  []string
	inject string                // path of the command that begins it
	cure   string                // and of the one that ends it
	body   func(node string) any // of the first; nil: none
	ask    map[string]any        // what goes into the record beyond role and times
	before []wire.State
	during []wire.State
	ended  bool
	// broken says whether a state shows the fault in force, given the state
	// before it; back, whether the node is well again.
	broken func(before, during wire.State) bool
	back   func(before, after wire.State) bool
	// facts are what else a node's two states tell; nil: nothing.
	facts func(before, during wire.State) map[string]any
}

// episode kills the nodes that hold the role.
func (o *KillOptions) episode(in Injection) episode {
	return &process{
		nodes: in.targets(), inject: wire.PathKill, cure: wire.PathStart,
		broken: func(before, during wire.State) bool {
			return before.PID != 0 && during.PID == 0 && slices.ContainsFunc(during.Exits, func(e wire.Exit) bool {
				return e.PID == before.PID && e.Asked && e.Code == -1 && len(during.Exits) > len(before.Exits)
			})
		},
		back: func(before, after wire.State) bool {
			return after.PID != 0 && after.Boots > before.Boots
		},
	}
}

// episode stops the nodes that hold the role.
func (o *PauseOptions) episode(in Injection) episode {
	return &process{
		nodes: in.targets(), inject: wire.PathPause, cure: wire.PathResume,
		broken: func(before, during wire.State) bool {
			return before.PID != 0 && during.PID == before.PID && !before.Stopped && during.Stopped
		},
		back: func(_, after wire.State) bool { return !after.Stopped },
	}
}

// asked is what the kind adds to the role and the times.
func (p *process) asked() map[string]any {
	asked := map[string]any{}
	maps.Copy(asked, p.ask)
	return asked
}

// apply tells all targets at once and looks.
func (p *process) apply(w cluster.World) (time.Duration, error) {
	var err error
	if p.before, err = states(w, p.nodes); err != nil {
		p.before = nil
		return 0, fmt.Errorf("look before: %w", err)
	}
	done, err := tell(w, p.nodes, p.inject, p.body)
	if err != nil {
		return 0, err
	}
	if p.during, err = states(w, p.nodes); err != nil {
		p.during = nil
		return 0, fmt.Errorf("look during: %w", err)
	}
	return w.Monotonic(ended(done)), nil
}

// hold waits.
func (p *process) hold(w cluster.World, until time.Duration) error {
	err := sleepUntil(w, until)
	p.ended = err != nil
	return err
}

// heal starts or resumes all targets. An agent that cannot is believed when
// its node is well all the same: another fault's cure may have come first.
func (p *process) heal(w cluster.World) error {
	if p.before == nil {
		return nil // nothing was applied
	}
	_, cureErr := tell(w, p.nodes, p.cure, nil)
	if cureErr == nil {
		return nil
	}
	after, err := states(w, p.nodes)
	if err != nil {
		return cureErr
	}
	for i := range after {
		if after[i].Stopped || p.cure == wire.PathStart && after[i].PID == 0 {
			return cureErr
		}
	}
	return nil
}

// judge compares what was seen before, during and after.
func (p *process) judge(w cluster.World) (bool, map[string]any, error) {
	evidence := map[string]any{}
	if p.during == nil {
		return false, evidence, nil
	}
	after, err := p.await(w)
	evident := err == nil
	seen := map[string]any{}
	for i, node := range p.nodes {
		facts := map[string]any{
			"pid":     p.before[i].PID,
			"during":  map[string]any{"pid": p.during[i].PID, "stopped": p.during[i].Stopped},
			"evident": p.broken(p.before[i], p.during[i]),
		}
		if p.facts != nil {
			maps.Copy(facts, p.facts(p.before[i], p.during[i]))
		}
		if after != nil {
			facts["after"] = map[string]any{"pid": after[i].PID, "stopped": after[i].Stopped}
		}
		evident = evident && p.broken(p.before[i], p.during[i])
		seen[node] = facts
	}
	evidence["nodes"] = seen
	return evident, evidence, err
}

// await polls until every target is well again.
func (p *process) await(w cluster.World) ([]wire.State, error) {
	deadline := w.Now() + comeBackWithin
	for {
		after, err := states(w, p.nodes)
		if err != nil {
			return nil, fmt.Errorf("look after: %w", err)
		}
		sick := ""
		for i := range after {
			if !p.back(p.before[i], after[i]) {
				sick = p.nodes[i]
			}
		}
		if sick == "" {
			return after, nil
		}
		if p.ended || w.Now() >= deadline || w.Sleep(pollEvery) != nil {
			return after, fmt.Errorf("%s is not back", sick)
		}
	}
}
