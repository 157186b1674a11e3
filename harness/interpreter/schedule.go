package interpreter

import (
	"time"

	"partita/harness/generator"
	"partita/harness/history"
)

// Schedule decides what to invoke when. It is pure: it reads no clock.
type Schedule struct {
	generator generator.Generator
	pace      generator.Pace
	limit     time.Duration
	workers   []worker
}

// worker is one worker's state.
type worker struct {
	process int
	busy    bool
	invoked history.Event
	due     time.Duration // when its next operation is to begin
	free    time.Duration // when its last one ended
}

// NewSchedule schedules so many workers until the time limit.
func NewSchedule(g generator.Generator, pace generator.Pace, workers int, limit time.Duration) *Schedule {
	s := &Schedule{generator: g, pace: pace, limit: limit}
	for i := range workers {
		s.workers = append(s.workers, worker{process: i, due: pace.Due(i, 0, 0)})
	}
	return s
}

// Complete takes a completion in. The process of an operation that nobody
// knows the end of is retired: its worker goes on as another.
func (s *Schedule) Complete(now time.Duration, e history.Event) {
	w := &s.workers[e.Worker]
	w.busy, w.free = false, now
	if e.Type == history.Info {
		w.process += len(s.workers)
	}
	s.generator.Observe(e)
}

// Invoke gives the operations that are due: of every free worker at most one,
// workers in order. Index, time and node are the caller's to fill in. An
// operation delayed by the one before it does not make the next ones come
// faster. Late is by how much the latest of them is behind the instant at
// which it was due and its worker free: only the caller can be to blame.
func (s *Schedule) Invoke(now time.Duration) (due []history.Event, late time.Duration) {
	if now >= s.limit {
		return nil, 0
	}
	for i := range s.workers {
		w := &s.workers[i]
		if w.busy || w.due > now {
			continue
		}
		late = max(late, now-max(w.due, w.free))
		e := s.generator.Next(i)
		e.Type, e.Worker, e.Process = history.Invoke, i, w.process
		w.busy, w.invoked = true, e
		w.due = s.pace.Due(i, w.due, now)
		due = append(due, e)
	}
	return due, late
}

// Wake is when there is next something to do that no completion brings.
func (s *Schedule) Wake(now time.Duration) time.Duration {
	wake := s.limit
	for i := range s.workers {
		if w := &s.workers[i]; !w.busy {
			wake = min(wake, w.due)
		}
	}
	return max(wake, now)
}

// Pending gives the invocations without a completion, workers in order.
func (s *Schedule) Pending() []history.Event {
	var all []history.Event
	for _, w := range s.workers {
		if w.busy {
			all = append(all, w.invoked)
		}
	}
	return all
}
