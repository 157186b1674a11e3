package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"partita/harness/cluster"
	"partita/nemesis/wire"
	"partita/node/api"
)

// The shapes of disk faults.
const (
	Slow      = "slow"       // every sync takes longer
	FailSync  = "fail-sync"  // one sync fails: the node must end, with exit code 3
	FailWrite = "fail-write" // one write does, and the same holds
)

// diskShapes lists them.
var diskShapes = []string{Slow, FailSync, FailWrite}

// DiskOptions asks for disks that are slow or fail.
type DiskOptions struct {
	// Shapes is the deck; left out, all.
	Shapes []string `yaml:"shapes"`
	// Targets is the deck of roles; left out, every role that the cluster has.
	Targets []string `yaml:"targets"`
	// Every is from start to start, For how long until the disk is healthy and a
	// node that ended is started again.
	Every time.Duration `yaml:"every"`
	For   time.Duration `yaml:"for"`
	// Slow is how much longer each sync takes.
	Slow time.Duration `yaml:"slow"`
	// Calls is the largest number of syncs, or of writes, until one fails; for
	// each node it is drawn from 1 to it.
	Calls int `yaml:"calls"`

	Given[DiskFault] `yaml:",inline"`
}

// Complete fills empty decks.
func (o *DiskOptions) Complete(nodes int) {
	if o.Shapes == nil {
		o.Shapes = slices.Clone(diskShapes)
	}
	if o.Targets == nil {
		o.Targets = Roles(nodes)
	}
}

// Validate checks shapes, roles, times and calls.
func (o *DiskOptions) Validate(nodes int) error {
	if err := decks(o.Shapes, diskShapes, o.Targets, nodes); err != nil {
		return err
	}
	if err := timing(o.Every, o.For, leastLooked); err != nil {
		return err
	}
	if p := firstOf(within("slow", o.Slow, time.Millisecond, maxDelay), within("calls", o.Calls, 1, maxCalls)); p != nil {
		return p
	}
	return o.check(nodes)
}

// Schedule deals shapes and roles and draws which call fails.
func (o *DiskOptions) Schedule(seed int64, nodes []string, until time.Duration) []Injection {
	if given := o.given(); given != nil {
		return given
	}
	rng := source(seed, Disk)
	all := starts(Disk, rng, nodes, o.Every, o.For, until)
	shapes, targets := deck{cards: o.Shapes, rng: rng}, deck{cards: o.Targets, rng: rng}
	for i := range all {
		in := &all[i]
		in.Shape, in.Targets = shapes.deal(), targets.deal()
		// Drawn each time: the stream does not depend on the shape.
		calls := drawCalls(rng, o.Calls, *in)
		if in.Shape == Slow {
			in.Slow = o.Slow
		} else {
			in.Calls = calls
		}
	}
	return all
}

// DiskFault is one disk fault of a given schedule: a slow disk takes Slow, a
// failing one Calls.
type DiskFault struct {
	Timed `yaml:",inline"`
	Shape string        `yaml:"shape"`
	Slow  time.Duration `yaml:"slow,omitempty"`
	// Calls is which sync or write of each node that is hit fails.
	Calls []int `yaml:"calls,omitempty"`
}

func (f DiskFault) injection() Injection {
	in := f.shaped(f.Shape)
	in.Slow, in.Calls = f.Slow, slices.Clone(f.Calls)
	return in
}

func (f DiskFault) check(int) *Problem {
	if !slices.Contains(diskShapes, f.Shape) {
		return &Problem{"shape", fmt.Sprintf("unknown shape %q: %s", f.Shape, allowed(f.Shape, diskShapes))}
	}
	if f.Shape == Slow {
		return firstOf(taken(f.Shape, "calls", f.Calls != nil, false), within("slow", f.Slow, time.Millisecond, maxDelay))
	}
	return firstOf(taken(f.Shape, "slow", f.Slow != 0, false), checkCalls(f.injection()))
}

func (o *DiskOptions) given() []Injection { return o.injections(Disk) }

func (o *DiskOptions) give(schedule []Injection) {
	o.Given.give(schedule, func(in Injection) DiskFault {
		return DiskFault{Timed: timed(in), Shape: in.Shape, Slow: in.Slow, Calls: slices.Clone(in.Calls)}
	})
}

// disk is one disk fault while it lasts.
type disk struct {
	in      Injection
	nodes   []string
	before  []wire.State
	late    []wire.State // just before the heal
	lookErr error
	ended   bool
}

// episode troubles the disks of the nodes that hold the role.
func (o *DiskOptions) episode(in Injection) episode {
	return &disk{in: in, nodes: in.targets()}
}

// fails says whether the disks are to fail, not to be slow.
func (d *disk) fails() bool { return d.in.Shape != Slow }

// asked is what the shape takes.
func (d *disk) asked() map[string]any {
	if d.fails() {
		return map[string]any{"calls": d.in.Calls}
	}
	return map[string]any{"slow": d.in.Slow}
}

// trouble is what one node's agent is told.
func (d *disk) trouble(node string) any {
	i := slices.Index(d.nodes, node)
	switch d.in.Shape {
	case FailSync:
		return wire.Disk{FailSync: d.in.Calls[i]}
	case FailWrite:
		return wire.Disk{FailWrite: d.in.Calls[i]}
	}
	return wire.Disk{Slow: int64(d.in.Slow)}
}

// apply tells all targets at once.
func (d *disk) apply(w cluster.World) (time.Duration, error) {
	var err error
	if d.before, err = states(w, d.nodes); err != nil {
		d.before = nil
		return 0, fmt.Errorf("look before: %w", err)
	}
	done, err := tell(w, d.nodes, wire.PathDisk, d.trouble)
	if err != nil {
		return 0, err
	}
	return w.Monotonic(ended(done)), nil
}

// hold waits, and looks just before the heal.
func (d *disk) hold(w cluster.World, until time.Duration) error {
	err := sleepUntil(w, until)
	d.ended = err != nil
	d.late, d.lookErr = states(w, d.nodes)
	return err
}

// heal makes the disks healthy and starts the nodes that ended.
func (d *disk) heal(w cluster.World) error {
	if d.before == nil {
		return nil // nothing was applied
	}
	if _, err := tell(w, d.nodes, wire.PathDisk, func(string) any { return wire.Disk{} }); err != nil {
		return err
	}
	if d.fails() {
		if _, err := tell(w, d.nodes, wire.PathStart, nil); err != nil {
			return err
		}
	}
	after, err := states(w, d.nodes)
	if err != nil {
		return err
	}
	for _, s := range after {
		if s.DiskTrouble != (wire.Disk{}) {
			return fmt.Errorf("the disk of %s is still in trouble: %+v", s.Node, s.DiskTrouble)
		}
	}
	return nil
}

// judge compares what the agents counted while the fault was in force, and, of
// disks that failed, whether their nodes ended as they must.
func (d *disk) judge(w cluster.World) (bool, map[string]any, error) {
	evidence := map[string]any{}
	if d.late == nil || d.lookErr != nil {
		return false, evidence, d.lookErr
	}
	after, err := d.late, error(nil)
	if d.fails() {
		after, err = d.await(w)
	}
	evident, seen := true, map[string]any{}
	for i, node := range d.nodes {
		before, late := d.before[i], d.late[i]
		facts := map[string]any{}
		switch d.in.Shape {
		case Slow:
			facts["slowed"] = late.Disk.Slowed - before.Disk.Slowed
			evident = evident && late.Disk.Slowed > before.Disk.Slowed
		default:
			facts["failed"] = d.failed(before, late)
			facts["gave_up"] = after != nil && gaveUp(before, after[i])
			evident = evident && d.failed(before, late) > 0 && facts["gave_up"] == true
		}
		seen[node] = facts
	}
	evidence["nodes"] = seen
	return evident && err == nil, evidence, err
}

// failed is how many calls failed between two looks.
func (d *disk) failed(before, after wire.State) int {
	if d.in.Shape == FailSync {
		return after.Disk.FailedSyncs - before.Disk.FailedSyncs
	}
	return after.Disk.FailedWrites - before.Disk.FailedWrites
}

// gaveUp says whether the node that ran before ended on its own as it must when
// its disk fails.
func gaveUp(before, after wire.State) bool {
	return slices.ContainsFunc(after.Exits[min(len(before.Exits), len(after.Exits)):], func(e wire.Exit) bool {
		return e.PID == before.PID && !e.Asked && e.Code == api.ExitStorage
	})
}

// await polls until every target whose disk failed has ended, and all run
// again. One whose disk failed just before the heal ends after it, and is
// started here.
func (d *disk) await(w cluster.World) ([]wire.State, error) {
	deadline := w.Now() + comeBackWithin
	for {
		after, err := states(w, d.nodes)
		if err != nil {
			return nil, fmt.Errorf("look after: %w", err)
		}
		var down []string
		var wrong []error
		for i, node := range d.nodes {
			switch {
			case after[i].PID == 0:
				down = append(down, node)
				wrong = append(wrong, fmt.Errorf("%s is not back", node))
			case d.before[i].PID != 0 && d.failed(d.before[i], after[i]) > 0 && !gaveUp(d.before[i], after[i]):
				wrong = append(wrong, fmt.Errorf("%s goes on after its disk has failed", node))
			}
		}
		if len(wrong) == 0 {
			return after, nil
		}
		if d.ended || w.Now() >= deadline {
			return after, errors.Join(wrong...)
		}
		if len(down) > 0 {
			if _, err := tell(w, down, wire.PathStart, nil); err != nil {
				return after, err
			}
		}
		if w.Sleep(pollEvery) != nil {
			d.ended = true
		}
	}
}
