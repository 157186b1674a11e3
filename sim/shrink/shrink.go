package shrink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"partita/harness/scenario"
	"partita/sim/explore"
)

// The checks that are named here.
const (
	linearizable = "linearizable"
	availability = "availability"
	crashes      = "crashes"
)

// Options bounds a reduction.
type Options struct {
	Attempts int // runs of candidates
	Workers  int // at once
}

// Size is how large a scenario is.
type Size struct {
	Faults, Operations, Nodes int
	Lasts                     time.Duration // simulated
}

// Progress is how far a reduction is.
type Progress struct {
	Before, Now Size
	Attempts    int
}

// String says the sizes: "faults 9 -> 3, operations 812 -> 4, nodes 5 -> 3, 20s
// -> 6.1s, attempts 412".
func (p Progress) String() string {
	return fmt.Sprintf("faults %d -> %d, operations %d -> %d, nodes %d -> %d, %v -> %v, attempts %d",
		p.Before.Faults, p.Now.Faults, p.Before.Operations, p.Now.Operations, p.Before.Nodes, p.Now.Nodes,
		p.Before.Lasts, p.Now.Lasts, p.Attempts)
}

// Result is the smallest scenario found.
type Result struct {
	Progress
	Scenario *scenario.Scenario
	Text     []byte // its file
	Verdict  explore.Verdict
}

// ErrPasses says that the scenario does not fail, so that there is nothing to
// make small.
var ErrPasses = errors.New("the scenario does not fail")

// Run makes a failing scenario small.
func Run(ctx context.Context, s *scenario.Scenario, o Options, progress func(Progress)) (Result, error) {
	x := &search{ctx: ctx, options: o, progress: progress}
	verdict, outcome, err := explore.Try(ctx, s)
	if err != nil {
		return Result{}, fmt.Errorf("shrink: %w", err)
	}
	if verdict.Check == "" {
		return Result{}, ErrPasses
	}
	x.check, x.now = verdict.Check, trial{s, outcome, verdict}
	whole, err := explicit(x.now)
	if err != nil {
		return Result{}, fmt.Errorf("shrink: %w", err)
	}
	x.before = sizeOf(whole)
	if x.try(patient, whole) < 0 {
		if x.err != nil {
			return Result{}, x.err
		}
		return Result{}, fmt.Errorf("shrink: what broke %s does not when it is written down", x.check)
	}
	x.reduce()
	if x.err != nil {
		return Result{}, x.err
	}
	return x.result(s)
}

// reduce makes the scenario smaller, in every way, until none helps.
func (x *search) reduce() {
	for before := (Size{}); before != sizeOf(x.now.scenario) && !x.spent(); {
		before = sizeOf(x.now.scenario)
		for _, pass := range []func(){x.sample, x.fewerFaults, x.fewerOperations, x.fewerNodes, x.lessTime} {
			if x.cut(); !x.spent() {
				pass()
			}
		}
	}
	if !x.spent() {
		x.plainer()
	}
}

// result names the scenario and runs its file once more.
func (x *search) result(original *scenario.Scenario) (Result, error) {
	s := *x.now.scenario
	s.Name, s.Description = nameOf(original.Name), fmt.Sprintf("the smallest found of %s that breaks %s", original.Name, x.check)
	text, err := terse(&s)
	if err != nil {
		return Result{}, fmt.Errorf("shrink: %w", err)
	}
	read, err := scenario.Parse(s.Name+".yaml", text)
	if err != nil {
		return Result{}, fmt.Errorf("shrink: %w", err)
	}
	verdict, _, err := explore.Try(x.ctx, read)
	if err != nil {
		return Result{}, fmt.Errorf("shrink: %w", err)
	}
	if verdict.Check != x.check {
		return Result{}, fmt.Errorf("shrink: invariant broken: the file does not fail as the scenario did: %q, want %q", verdict.Check, x.check)
	}
	return Result{Progress: x.progressed(), Scenario: read, Text: text, Verdict: verdict}, nil
}

// nameOf names what a scenario was shrunk to.
func nameOf(original string) string {
	const most, suffix = 64, "-small"
	return original[:min(len(original), most-len(suffix))] + suffix
}

func (x *search) progressed() Progress {
	return Progress{Before: x.before, Now: sizeOf(x.now.scenario), Attempts: x.attempts}
}

func (x *search) tell() {
	if x.progress != nil {
		x.progress(x.progressed())
	}
}
