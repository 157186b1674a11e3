package exhaustive

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"partita/harness/trace"
	"partita/sim/invariant"
)

const (
	blockSize   = 256 // states that a worker takes at once
	batchBlocks = 128 // blocks that are expanded before what they found is visited
)

// Stop says why a search ended.
type Stop string

// The reasons. Only Exhausted says that no rule can be broken within the bounds.
const (
	Exhausted Stop = "exhausted" // every state within the bounds was visited
	Violated  Stop = "violated"  // a rule is broken
	AtDepth   Stop = "depth"     // every state up to the bound on actions was visited
	AtStates  Stop = "states"    // the bound on distinct states
	AtTime    Stop = "time"      // the bound on wall time
	Stopped   Stop = "stopped"   // by whoever asked for it
)

// Level is what was found at one distance from the start.
type Level struct {
	Depth    int
	States   int // successors that the states of the level before have
	Distinct int // those among them that were new
}

// Progress is how far a search has come.
type Progress struct {
	Level                 // the latest that is complete
	Growth        float64 // its distinct states by those of the level before
	TotalStates   int
	TotalDistinct int
	Elapsed       time.Duration
}

// Result is what a search found.
type Result struct {
	Options  Options
	Stop     Stop
	Levels   []Level
	States   int // successors that were looked at, and the start
	Distinct int // those that differ by more than names of members
	Cut      Cut // successors beyond a bound
	Locals   int // distinct states of a node
	Messages int // distinct messages
	Elapsed  time.Duration

	// Violation is the rule that is broken, nil if none is, and Path the
	// shortest way to it; Actions is its length without what leads to the start.
	Violation *invariant.Violation
	Path      []trace.Step
	Actions   int
}

// Depth is the greatest distance from the start that was visited in whole.
func (r *Result) Depth() int { return r.Levels[len(r.Levels)-1].Depth }

// Search visits every state within the bounds, breadth first, until a rule is
// broken or a limit reached. Progress, if not nil, is called after each level.
// An error says that the options are invalid, or that the search contradicts
// itself. What it finds is the same on every run but for limits of wall time.
func Search(ctx context.Context, options Options, progress func(Progress)) (Result, error) {
	if err := options.Validate(); err != nil {
		return Result{}, err
	}
	s := newSearch(options.withDefaults())
	var bad *invariant.Violation
	var err error
	s.result.Levels = []Level{{0, 1, 1}}
	s.result.States, s.result.Distinct = 1, 1
	if s.begin, bad, err = begin(&s.options); err != nil {
		return s.result, err
	}
	if bad != nil {
		s.result.Stop, s.result.Violation, s.result.Path = Violated, bad, s.begin.steps
		s.result.Elapsed = time.Since(s.started)
		return s.result, nil
	}
	return s.run(ctx, progress)
}

// search is one under way.
type search struct {
	*engine
	begin    *world
	workers  []*worker
	shards   [shards]shard
	frontier [][]uint32
	outputs  [batchBlocks]output
	result   Result
	started  time.Time
}

func newSearch(o Options) *search {
	s := &search{engine: &engine{options: o}, started: time.Now(), result: Result{Options: o}}
	for range o.Workers {
		s.workers = append(s.workers, newWorker(s.engine))
	}
	for i := range s.shards {
		s.shards[i].number = i
	}
	return s
}

// run goes from level to level.
func (s *search) run(ctx context.Context, progress func(Progress)) (Result, error) {
	first, _ := s.start()
	k := s.plainKey(&first)
	s.shards[shardOf(k)].add(k, unborn, 0, first.pack(nil))
	var bad *discovery
	for s.result.Stop == "" {
		s.frontier = nil
		for i := range s.shards {
			s.frontier = append(s.frontier, s.shards[i].blocks()...)
		}
		switch {
		case len(s.frontier) == 0:
			s.result.Stop = Exhausted
		case s.options.Depth > 0 && s.result.Depth() == s.options.Depth:
			s.result.Stop = AtDepth
		default:
			bad = s.level(ctx)
			if progress != nil && s.result.Stop == "" {
				progress(s.progress())
			}
		}
	}
	for _, w := range s.workers {
		s.result.Cut.Terms += w.cut.Terms
		s.result.Cut.InFlight += w.cut.InFlight
	}
	s.result.Locals, s.result.Messages = s.locals.size(), s.messages.size()
	s.result.Elapsed = time.Since(s.started)
	if bad != nil {
		return s.result, s.tell(bad)
	}
	return s.result, nil
}

func (s *search) progress() Progress {
	n := len(s.result.Levels)
	last, before := s.result.Levels[n-1], s.result.Levels[n-2]
	return Progress{
		Level: last, Growth: float64(last.Distinct) / float64(before.Distinct),
		TotalStates: s.result.States, TotalDistinct: s.result.Distinct, Elapsed: time.Since(s.started),
	}
}

// level expands the frontier, batch by batch. A level that is not finished is
// not counted among the levels.
func (s *search) level(ctx context.Context) *discovery {
	level := Level{Depth: s.result.Depth() + 1}
	for len(s.frontier) > 0 {
		n := min(len(s.frontier), batchBlocks)
		batch := s.frontier[:n]
		s.frontier = s.frontier[n:]
		s.share(n, func(w *worker, i int) { w.expand(batch[i], &s.outputs[i], &s.shards) })
		for i := range batch {
			level.States += s.outputs[i].states
			s.result.States += s.outputs[i].states
		}
		for i := range batch {
			if s.outputs[i].bad != nil {
				s.result.Stop = Violated
				return s.outputs[i].bad
			}
		}
		var fresh [shards]int
		s.share(shards, func(_ *worker, i int) { fresh[i] = s.visit(&s.shards[i], n) })
		for _, f := range fresh {
			level.Distinct += f
			s.result.Distinct += f
		}
		if s.limit(ctx) {
			return nil
		}
	}
	s.result.Levels = append(s.result.Levels, level)
	return nil
}

func (s *search) limit(ctx context.Context) bool {
	switch {
	case ctx.Err() != nil:
		s.result.Stop = Stopped
	case s.result.Distinct >= s.options.States:
		s.result.Stop = AtStates
	case time.Since(s.started) >= s.options.Time:
		s.result.Stop = AtTime
	}
	return s.result.Stop != ""
}

// share lets the workers do n pieces of work, each by one of them.
func (s *search) share(n int, do func(w *worker, i int)) {
	var next atomic.Int64
	var done sync.WaitGroup
	for _, w := range s.workers {
		done.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(w, i)
			}
		})
	}
	done.Wait()
}

// visit takes what a batch of n blocks found for a shard, in order, and counts
// what is new.
func (s *search) visit(v *shard, n int) int {
	fresh := 0
	for i := range n {
		for words := s.outputs[i].to[v.number]; len(words) > 0; {
			k := key{uint64(words[0])<<32 | uint64(words[1]), uint64(words[2])<<32 | uint64(words[3])}
			size := packedSize(words[6:])
			if v.add(k, ref(words[4]), action(words[5]), words[6:6+size]) {
				fresh++
			}
			words = words[6+size:]
		}
	}
	return fresh
}
