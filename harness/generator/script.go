package generator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"partita/harness/history"
)

// Step is one operation of a script. The yaml tags are the keys of an entry of
// a scenario's list.
type Step struct {
	At     time.Duration   `yaml:"at"`              // when it is to begin, since the run began
	Worker int             `yaml:"worker"`          // who asks, counted from 0
	F      string          `yaml:"f"`               // what is asked
	Key    string          `yaml:"key"`             // of which key
	Value  json.RawMessage `yaml:"value,omitempty"` // as in a history
	Old    json.RawMessage `yaml:"old,omitempty"`   // what a compare-and-set expects
	How    string          `yaml:"how,omitempty"`   // in which way, where there are several
}

// Script is a Generator, and the Pace that goes with it, of operations that are
// all given. One that is due while its worker is still busy begins as soon as
// the worker is free; those after it keep their times. It is owned by one
// goroutine.
type Script struct {
	steps [][]Step // each worker's, in order of time
	given []int    // how many of them were handed out
}

// NewScript deals steps out to so many workers. Steps of one worker at one
// time keep their order.
func NewScript(steps []Step, workers int) (*Script, error) {
	s := &Script{steps: make([][]Step, workers), given: make([]int, workers)}
	for i, step := range steps {
		if step.Worker < 0 || step.Worker >= workers {
			return nil, fmt.Errorf("generator: step %d of the script: there is no worker %d of %d", i, step.Worker, workers)
		}
		s.steps[step.Worker] = append(s.steps[step.Worker], step)
	}
	for _, own := range s.steps {
		slices.SortStableFunc(own, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	}
	return s, nil
}

// Next is the worker's next step.
func (s *Script) Next(worker int) history.Event {
	if s.given[worker] == len(s.steps[worker]) {
		panic("invariant: a worker whose script is over is never due")
	}
	step := s.steps[worker][s.given[worker]]
	s.given[worker]++
	return history.Event{F: step.F, Key: step.Key, Value: step.Value, Old: step.Old, How: step.How}
}

// Observe learns nothing: whatever comes of a step, the next one is given.
func (s *Script) Observe(history.Event) {}

// Due is when the worker's next step is to begin, never when none is left.
func (s *Script) Due(worker int, _, now time.Duration) time.Duration {
	if s.given[worker] == len(s.steps[worker]) {
		return history.Never
	}
	return max(s.steps[worker][s.given[worker]].At, now)
}
