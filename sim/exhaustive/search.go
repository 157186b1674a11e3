package exhaustive

import (
	"context"
	"fmt"
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
	Level            // the latest that is complete
	TotalStates      int
	TotalDistinct    int
	Elapsed          time.Duration
	DistinctASeconds float64
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
	s, err := newSearch(options.withDefaults())
	if err != nil {
		return Result{}, err
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

// output is what a worker makes of a block: for each shard, successors as key
// (4 words), parent, action and packed state.
type output struct {
	to     [shards][]uint32
	states int
	bad    *discovery // the first
}

// discovery is a broken rule: the state that an action breaks it in.
type discovery struct {
	violation *invariant.Violation
	parent    ref
	by        action
}

func newSearch(o Options) (*search, error) {
	s := &search{engine: &engine{options: o}, started: time.Now(), result: Result{Options: o}}
	for range o.Workers {
		s.workers = append(s.workers, newWorker(s.engine))
	}
	for i := range s.shards {
		s.shards[i].number = i
	}
	var err error
	s.begin, err = begin(&s.options)
	return s, err
}

// run goes from level to level.
func (s *search) run(ctx context.Context, progress func(Progress)) (Result, error) {
	first, _ := s.start()
	k := s.plainKey(&first)
	s.shards[shardOf(k)].add(k, unborn, 0, first.pack(nil))
	s.result.States, s.result.Distinct = 1, 1
	s.result.Levels = []Level{{0, 1, 1}}
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
	elapsed := time.Since(s.started)
	return Progress{
		Level: s.result.Levels[len(s.result.Levels)-1], TotalStates: s.result.States, TotalDistinct: s.result.Distinct,
		Elapsed: elapsed, DistinctASeconds: float64(s.result.Distinct) / elapsed.Seconds(),
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

// expand looks at every successor of a block of states, up to the first that
// breaks a rule.
func (w *worker) expand(block []uint32, out *output, visited *[shards]shard) {
	for i := range out.to {
		out.to[i] = out.to[i][:0]
	}
	out.states, out.bad = 0, nil
	var s state
	for len(block) > 0 {
		me := ref(block[0])
		block = s.unpack(block[1:])
		w.list = w.actions(&s, w.list[:0])
		for _, a := range w.list {
			next := s
			v, bad := w.act(&next, a)
			if v == breaks {
				out.bad = &discovery{bad, me, a}
				return
			}
			if v != reaches {
				continue
			}
			out.states++
			k, renaming := w.canonical(&next)
			home := shardOf(k)
			if visited[home].has(k) {
				continue
			}
			w.rename(&next, renaming)
			to := append(out.to[home], uint32(k.hi>>32), uint32(k.hi), uint32(k.lo>>32), uint32(k.lo), uint32(me), uint32(a))
			out.to[home] = next.pack(to)
		}
	}
}

// visit takes what a batch of n blocks found for a shard, in order, and counts
// what is new.
func (s *search) visit(v *shard, n int) int {
	fresh := 0
	for i := range n {
		for words := s.outputs[i].to[v.number]; len(words) > 0; {
			k := key{uint64(words[0])<<32 | uint64(words[1]), uint64(words[2])<<32 | uint64(words[3])}
			size := packedHead + int(words[6+packedHead-1])
			if v.add(k, ref(words[4]), action(words[5]), words[6:6+size]) {
				fresh++
			}
			words = words[6+size:]
		}
	}
	return fresh
}

// start is the state that the search begins in, and the renaming that makes it
// canonical.
func (s *search) start() (state, int) {
	var first state
	for i, n := range s.begin.nodes {
		first.locals[i] = s.internNode(n)
	}
	for _, f := range s.begin.flying {
		first.messages[first.flying] = s.internMessage(f.envelope.AppendTo(nil, nil))
		first.flying++
	}
	first.ghost = s.internGhost(s.begin.ghost)
	first.left = s.options.budget()
	_, renaming := s.canonical(&first)
	s.rename(&first, renaming)
	return first, renaming
}

// tell follows the path to a broken rule from the start with cores of its own,
// which nobody ever encoded, and keeps the account.
func (s *search) tell(d *discovery) error {
	path := []action{d.by}
	for at := d.parent; s.shards[at.shard()].parents[at.place()] != unborn; {
		v := &s.shards[at.shard()]
		path = append(path, v.actions[at.place()])
		at = v.parents[at.place()]
	}
	s.result.Actions = len(path)
	now, renaming := s.start()
	names := renamings[renaming]
	w := newWorker(s.engine)
	for i := len(path) - 1; i >= 0; i-- {
		a := path[i]
		bad, err := s.begin.follow(s.engine, &now, a, names)
		if err != nil {
			return err
		}
		if bad != nil {
			s.result.Violation, s.result.Path = bad, s.begin.steps
		}
		if (bad != nil) != (i == 0) || i == 0 && bad.Name != d.violation.Name {
			return fmt.Errorf("exhaustive: the search says %q after %d actions; followed from the start, action %d gives %v", d.violation.Text, len(path), len(path)-i, bad)
		}
		if i > 0 {
			w.act(&now, a)
			_, renaming := s.canonical(&now)
			s.rename(&now, renaming)
			for id := 1; id <= members; id++ {
				names[id] = renamings[renaming][names[id]]
			}
		}
	}
	return nil
}
