package interpreter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"partita/harness/cluster"
	"partita/harness/generator"
	"partita/harness/history"
)

// Client carries out operations for one worker. It does not retry. Node is
// asked, and Invoke called, never at the same time.
type Client interface {
	// Node is where the worker's next operation goes.
	Node() string
	// Invoke carries an operation out and gives its completion: Type and what
	// came of it are set. It returns in bounded time.
	Invoke(env cluster.Env, op history.Event) history.Event
}

// Test is what Run runs.
type Test struct {
	Workers   []generator.Worker
	Generator generator.Generator
	Pace      generator.Pace
	Clients   []Client // one a worker
	// Env is the world of a worker's process; Renew is called when its process
	// was retired, so that the next begins without connections.
	Env   func(worker int) cluster.Env
	Renew func(worker int)
	// Plans and their world. World's sleeps must end when its context does.
	Plans []cluster.Plan
	World func(ctx context.Context) cluster.World
	// TimeLimit ends the invocations; Grace after it those that are under way,
	// as info.
	TimeLimit time.Duration
	Grace     time.Duration
	Now       func() time.Duration
	// Record writes events to the history. An operation is sent after it has
	// returned. Fault takes the faults with their evidence.
	Record func(events ...history.Event) error
	Fault  func(cluster.Fault) error
	// Watch sees every event once it is recorded. It must return at once.
	Watch func(history.Event)
}

// lagLimit is how late an operation may be sent before the history says that
// the harness was at fault.
const lagLimit = time.Second

// runner is the goroutine that owns time, generator and history.
type runner struct {
	test        Test
	schedule    *Schedule
	index       int
	late        bool     // invocations are over
	nodes       []string // each worker's latest operation went there
	invocations []chan history.Event
	completions chan history.Event
	notes       chan note
}

// note is what a plan tells the owner.
type note struct {
	event *history.Event
	fault *cluster.Fault
}

// Run runs a test until its time limit, or until ctx ends, which ends it early
// but in order: plans heal and the history is complete. The error is that of
// the history, of a fault that could not be healed, or nil.
func Run(ctx context.Context, test Test) error {
	r := &runner{
		test:        test,
		schedule:    NewSchedule(test.Generator, test.Pace, len(test.Workers), test.TimeLimit),
		nodes:       make([]string, len(test.Workers)),
		completions: make(chan history.Event, len(test.Workers)), // each has at most one
		notes:       make(chan note),                             // plans wait their turn
	}
	var workers sync.WaitGroup
	for i := range test.Workers {
		in := make(chan history.Event, 1)
		r.invocations = append(r.invocations, in)
		workers.Go(func() { r.work(i, in) })
	}
	ending, end := context.WithCancel(ctx)
	planErrors := make(chan error, len(test.Plans))
	var plans sync.WaitGroup
	for _, p := range test.Plans {
		plans.Go(func() { planErrors <- p.Run(test.World(ending), (*faults)(r)) })
	}
	healed := make(chan struct{})
	go func() { plans.Wait(); close(healed) }()

	err := r.own(ctx, end, healed)
	end()
	for _, in := range r.invocations {
		close(in)
	}
	workers.Wait()
	for range test.Plans {
		err = errors.Join(err, <-planErrors)
	}
	return err
}

// work plays a worker.
func (r *runner) work(i int, in <-chan history.Event) {
	for op := range in {
		done := r.test.Clients[i].Invoke(r.test.Env(i), op)
		done.Worker, done.Process, done.F, done.Key, done.Node = op.Worker, op.Process, op.F, op.Key, op.Node
		if done.Type == history.Info {
			r.test.Renew(i)
		}
		r.completions <- done
	}
}

// own is the owner's loop. It ends when the time is up, every plan has healed
// and every operation has ended or been given up.
func (r *runner) own(ctx context.Context, end func(), healed <-chan struct{}) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	over, deadline := ctx.Done(), r.test.TimeLimit+r.test.Grace
	var failed error
	for {
		now := r.test.Now()
		switch {
		case r.late:
		case failed != nil:
			r.late, deadline = true, now+r.test.Grace
			end()
		case now >= r.test.TimeLimit:
			r.late = true
			end()
		default:
			failed = r.invoke(now)
		}
		wake := r.schedule.Wake(now)
		if r.late {
			if healed == nil && (len(r.schedule.Pending()) == 0 || now >= deadline) {
				return first(failed, r.giveUp())
			}
			if wake = deadline; now >= deadline {
				wake = now + time.Second // a plan is still healing
			}
		}
		timer.Reset(wake - now)
		select {
		case <-timer.C:
		case e := <-r.completions:
			failed = first(failed, r.complete(e))
		case n := <-r.notes:
			failed = first(failed, r.note(n))
		case <-healed:
			healed = nil
		case <-over:
			over, r.late = nil, true
			deadline = r.test.Now() + r.test.Grace
			end()
		}
	}
}

func (r *runner) invoke(now time.Duration) error {
	due, late := r.schedule.Invoke(now)
	for i := range due {
		worker := due[i].Worker
		r.nodes[worker] = r.test.Clients[worker].Node()
		due[i].Node = r.nodes[worker]
	}
	events := due
	if late > lagLimit {
		events = append([]history.Event{history.Lag(int64(late))}, due...)
	}
	if err := r.record(events...); err != nil {
		return err
	}
	for _, e := range due {
		r.invocations[e.Worker] <- e
	}
	return nil
}

func (r *runner) complete(e history.Event) error {
	r.schedule.Complete(r.test.Now(), e)
	return r.record(e)
}

func (r *runner) note(n note) error {
	if n.fault != nil {
		return r.test.Fault(*n.fault)
	}
	return r.record(*n.event)
}

// giveUp records what is still under way as info.
func (r *runner) giveUp() error {
	var events []history.Event
	for _, e := range r.schedule.Pending() {
		e.Type, e.Node, e.Error = history.Info, r.nodes[e.Worker], "the run ended first"
		events = append(events, e)
	}
	return r.record(events...)
}

// record numbers events, gives them their time and writes them.
func (r *runner) record(events ...history.Event) error {
	if len(events) == 0 {
		return nil
	}
	now := r.test.Now()
	for i := range events {
		events[i].Index, events[i].Time = r.index+i, now
	}
	if err := r.test.Record(events...); err != nil {
		return fmt.Errorf("interpreter: %w", err)
	}
	r.index += len(events)
	for _, e := range events {
		r.test.Watch(e)
	}
	return nil
}

// first is the earlier of two errors: a full disk fails every write after it.
func first(earlier, later error) error {
	if earlier != nil {
		return earlier
	}
	return later
}

// faults passes on what plans tell, to the owner.
type faults runner

// Began records that a fault is in force.
func (f *faults) Began(kind, what string) { f.tell(history.Began(kind, what)) }

// Healed records that it is healed.
func (f *faults) Healed(kind, what string) { f.tell(history.Healed(kind, what)) }

// Record passes on a fault with its evidence.
func (f *faults) Record(fault cluster.Fault) { f.notes <- note{fault: &fault} }

func (f *faults) tell(e history.Event) { f.notes <- note{event: &e} }
