package generator

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Pace splits a rate of operations among workers. A worker's intervals are
// uniform between nothing and twice their mean: staggered, so that workers
// meet on a key, yet bounded, so that each node keeps being asked.
type Pace struct {
	mean    time.Duration
	sources []*rand.Rand
}

// NewPace paces so many workers at a total rate, in operations a second.
func NewPace(seed int64, workers int, rate float64) (*Pace, error) {
	if workers < 1 || !(rate > 0) {
		return nil, fmt.Errorf("generator: pace %d workers at %v operations a second: both must be above zero", workers, rate)
	}
	p := &Pace{mean: time.Duration(float64(workers) / rate * float64(time.Second))}
	for worker := range workers {
		p.sources = append(p.sources, Source(seed, worker, ForIntervals))
	}
	return p, nil
}

// Next is how long the worker waits between one operation's beginning and the
// next one's.
func (p *Pace) Next(worker int) time.Duration {
	return time.Duration(p.sources[worker].Int64N(2*int64(p.mean) + 1))
}
