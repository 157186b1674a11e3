package explore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"partita/harness/scenario"
	"partita/sim/play"
)

// Search says which seeds to run and when to end.
type Search struct {
	Options
	First   int64         // the first seed
	Seeds   int           // how many; 0: until the time is over
	Time    time.Duration // real; 0: until the seeds are done
	Workers int           // seeds at once
	// Failures is after how many failing seeds to end; 0: never.
	Failures int
	// Counts, if not nil, says whether a failed check makes the seed a failure.
	Counts func(Verdict) bool
}

// Failure is a seed that failed.
type Failure struct {
	Seed     int64
	Scenario *scenario.Scenario
	Verdict
	After time.Duration // real time since the search began
	Seeds int           // that had run by then
}

// Found is what a search has found so far.
type Found struct {
	Seeds      int
	Failures   []Failure // by seed
	Undecided  []int64   // seeds with a key that could not be decided
	Operations int
	Simulated  time.Duration // of all seeds
	Busy       time.Duration // real time, summed over the workers
	Took       time.Duration // real time
	Coverage   map[string]int
	Asked      map[string]int // faults, by kind and shape
	Evident    map[string]int // those of them with evidence
}

// seed is one seed that has run.
type seed struct {
	number   int64
	scenario *scenario.Scenario
	outcome  play.Outcome
	verdict  Verdict
	busy     time.Duration
	err      error
}

// Run runs seeds until the search ends. Progress, if not nil, is told after
// each seed. What is found among the seeds that ran is the same on every
// machine; how many ran within a time is not.
func Run(ctx context.Context, s Search, progress func(*Found)) (*Found, error) {
	began := time.Now()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if s.Time > 0 {
		ctx, stop = context.WithTimeout(ctx, s.Time)
		defer stop()
	}
	next, done := make(chan int64), make(chan seed)
	var workers sync.WaitGroup
	for range max(1, s.Workers) {
		workers.Go(func() {
			for number := range next {
				done <- runSeed(ctx, number, s.Options)
			}
		})
	}
	go func() {
		defer close(done)
		defer workers.Wait()
		defer close(next)
		for i := int64(0); s.Seeds == 0 || i < int64(s.Seeds); i++ {
			select {
			case <-ctx.Done():
				return
			case next <- s.First + i:
			}
		}
	}()
	f := &Found{Coverage: map[string]int{}, Asked: map[string]int{}, Evident: map[string]int{}}
	var failed error
	for one := range done {
		if errors.Is(one.err, play.ErrStopped) {
			continue // neither finished nor failed
		}
		if one.err != nil && failed == nil {
			failed = one.err
			stop()
		}
		if s.Counts != nil && !s.Counts(one.verdict) {
			one.verdict.Check = ""
		}
		f.add(one, time.Since(began))
		if s.Failures > 0 && len(f.Failures) >= s.Failures {
			stop()
		}
		if progress != nil {
			progress(f)
		}
	}
	slices.SortFunc(f.Failures, func(a, b Failure) int { return int(a.Seed - b.Seed) })
	slices.Sort(f.Undecided)
	return f, failed
}

// runSeed draws, runs and judges one seed, unless ctx ends first.
func runSeed(ctx context.Context, number int64, o Options) seed {
	began := time.Now()
	one := seed{number: number}
	one.scenario, one.err = Draw(number, o)
	if one.err == nil {
		one.verdict, one.outcome, one.err = Try(ctx, one.scenario)
	}
	one.busy = time.Since(began)
	return one
}

// Try runs a scenario to its end, or to the first rule that is broken, and
// judges it.
func Try(ctx context.Context, s *scenario.Scenario) (Verdict, play.Outcome, error) {
	setup, err := play.FromScenario(s)
	if err != nil {
		return Verdict{}, play.Outcome{}, err
	}
	setup.StopAtViolation = true
	setup.Stop = func() bool { return ctx.Err() != nil }
	outcome, err := play.Run(setup)
	if errors.Is(err, play.ErrNoLeader) {
		return Verdict{Check: "availability", Reason: err.Error()}, outcome, nil
	}
	if err != nil {
		return Verdict{}, outcome, fmt.Errorf("explore: seed %d: %w", s.Seed, err)
	}
	verdict, err := Judge(context.WithoutCancel(ctx), s, outcome) // what has run is worth its verdict
	return verdict, outcome, err
}

func (f *Found) add(one seed, after time.Duration) {
	f.Seeds++
	f.Took, f.Busy = after, f.Busy+one.busy
	f.Simulated += one.outcome.Lasted
	for _, name := range slices.Sorted(maps.Keys(one.outcome.Coverage)) {
		f.Coverage[name] += one.outcome.Coverage[name]
	}
	for _, fault := range one.outcome.Faults {
		kind := fault.Nemesis
		if fault.Shape != "" {
			kind += " " + fault.Shape
		}
		if f.Asked[kind]++; fault.Evident {
			f.Evident[kind]++
		}
	}
	f.Operations += len(one.outcome.Events) / 2
	if one.verdict.Check != "" {
		f.Failures = append(f.Failures, Failure{one.number, one.scenario, one.verdict, after, f.Seeds})
	}
	if one.verdict.Undecided {
		f.Undecided = append(f.Undecided, one.number)
	}
}
