package shrink

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"partita/harness/scenario"
	"partita/sim/explore"
	"partita/sim/play"
)

// search is a reduction under way.
type search struct {
	ctx      context.Context
	options  Options
	check    string // that has to fail
	attempts int    // used so far
	seeds    int64  // given to variants so far
	now      trial  // the smallest that fails
	before   Size   // when all was written down
	progress func(Progress)
	err      error // the context's
}

// trial is a scenario that has been run.
type trial struct {
	scenario *scenario.Scenario
	outcome  play.Outcome
	verdict  explore.Verdict
}

// variant is one way to try a candidate.
type variant struct {
	candidate     *candidate
	seed          int64
	snapshotEvery int // 0: as the candidate says
}

// candidate is a scenario that may fail. It is written as a file and read back
// before it is run: what fails is what the file says.
type candidate struct {
	scenario *scenario.Scenario
	once     sync.Once
	read     *scenario.Scenario // nil if it cannot be
}

func (c *candidate) parsed() *scenario.Scenario {
	c.once.Do(func() { c.read = reread(c.scenario) })
	return c.read
}

// reread is a scenario as its file says it, nil if it cannot be.
func reread(s *scenario.Scenario) *scenario.Scenario {
	text, err := s.YAML()
	if err != nil {
		return nil
	}
	read, err := scenario.Parse(s.Name+".yaml", text)
	if err != nil {
		return nil
	}
	return read
}

// patience is how many variants a candidate gets: rounds of them, and all
// candidates are tried in one round before the next, so that cheap luck comes first.
type patience []int

// The patience of large runs, of which each attempt is dear, and of small ones.
var (
	hasty   = patience{1, 3}
	patient = patience{1, 3, 8, 12}
)

// few is how many operations a run has at most to be tried patiently.
const few = 60

func (x *search) patience() patience {
	if len(x.now.scenario.Workload.Script) <= few {
		return patient
	}
	return hasty
}

// try runs candidates until one fails, and takes it over. It gives the
// candidate's index, or -1; nil is a candidate that cannot be. Which one is chosen does not depend on how many are
// run at once: it is the first in order.
func (x *search) try(p patience, scenarios ...*scenario.Scenario) int {
	var all []variant
	candidates := make([]*candidate, len(scenarios))
	for i, s := range scenarios {
		candidates[i] = &candidate{scenario: s}
	}
	owner := map[*candidate]int{}
	for round, variants := range p {
		for i, c := range candidates {
			if owner[c] = i; c.scenario == nil {
				continue
			}
			for n := range variants {
				v := variant{candidate: c, seed: c.scenario.Seed}
				if round > 0 {
					x.seeds++
					v.seed = x.seeds
					v.snapshotEvery = oftener(c.scenario, n)
				}
				all = append(all, v)
			}
		}
	}
	if left := x.options.Attempts - x.attempts; len(all) > left {
		all = all[:left]
	}
	first, found := x.firstOf(all)
	if x.err != nil {
		return -1
	}
	if first < 0 {
		x.attempts += len(all)
		return -1
	}
	x.attempts += first + 1
	x.now = found
	x.tell()
	return owner[all[first].candidate]
}

// oftener is how often snapshots are taken in some variants: with fewer
// operations they come too late for what they are needed for.
func oftener(s *scenario.Scenario, n int) int {
	every := s.Node.SnapshotEvery
	switch operations := max(1, len(s.Workload.Script)); n % 3 {
	case 1:
		return min(every, max(1, operations/2))
	case 2:
		return min(every, 1+n%4)
	}
	return every
}

// firstOf runs variants on all cores and gives the first that fails.
func (x *search) firstOf(all []variant) (int, trial) {
	var next, best atomic.Int64
	best.Store(int64(len(all)))
	trials := make([]trial, len(all))
	var workers sync.WaitGroup
	for range max(1, x.options.Workers) {
		workers.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= best.Load() || x.ctx.Err() != nil {
					return
				}
				t, failed := x.run(all[i])
				if !failed {
					continue
				}
				trials[i] = t
				for b := best.Load(); i < b && !best.CompareAndSwap(b, i); b = best.Load() {
				}
			}
		})
	}
	workers.Wait()
	if err := x.ctx.Err(); err != nil {
		x.err = fmt.Errorf("shrink: interrupted after %d attempts: %w", x.attempts, err)
		return -1, trial{}
	}
	if first := int(best.Load()); first < len(all) {
		return first, trials[first]
	}
	return -1, trial{}
}

// run runs one variant and says whether it fails as it has to. One whose run
// cannot be judged does not.
func (x *search) run(v variant) (trial, bool) {
	read := v.candidate.parsed()
	if read == nil {
		return trial{}, false
	}
	s := *read
	s.Seed = v.seed
	if v.snapshotEvery > 0 {
		s.Node.SnapshotEvery = v.snapshotEvery
	}
	verdict, outcome, err := explore.Try(x.ctx, &s)
	if err != nil || verdict.Check != x.check || !fair(&s, verdict, outcome) {
		return trial{}, false
	}
	return trial{&s, outcome, verdict}, true
}

// spent says whether the search has to end.
func (x *search) spent() bool { return x.err != nil || x.attempts >= x.options.Attempts }
