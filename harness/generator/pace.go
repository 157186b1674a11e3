package generator

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Pace says when each worker's next operation is to begin. It is owned by one
// goroutine.
type Pace interface {
	// Due is asked once before the worker's first operation, with zeros, and
	// once after each that it was given: that one was due at last and began
	// now. A worker that is never due again gets history.Never.
	Due(worker int, last, now time.Duration) time.Duration
}

// Rate splits a rate of operations among workers. A worker's intervals are
// uniform between nothing and twice their mean: staggered, so that workers
// meet on a key, yet bounded, so that each node keeps being asked.
type Rate struct {
	mean    time.Duration
	sources []*rand.Rand
}

// NewPace paces so many workers at a total rate, in operations a second.
func NewPace(seed int64, workers int, rate float64) (*Rate, error) {
	if workers < 1 || !(rate > 0) {
		return nil, fmt.Errorf("generator: pace %d workers at %v operations a second: both must be above zero", workers, rate)
	}
	r := &Rate{mean: time.Duration(float64(workers) / rate * float64(time.Second))}
	for worker := range workers {
		r.sources = append(r.sources, Source(seed, worker, ForIntervals))
	}
	return r, nil
}

// Due is an interval after the latest operation was due. One that began late
// does not make the next ones come faster.
func (r *Rate) Due(worker int, last, now time.Duration) time.Duration {
	interval := time.Duration(r.sources[worker].Int64N(2*int64(r.mean) + 1))
	return max(last+interval, now)
}
