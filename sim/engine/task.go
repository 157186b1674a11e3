package engine

import (
	"iter"
	"time"
)

// Task is a coroutine. Its code calls Sleep and Park; whoever it waits for
// calls Wake.
type Task struct {
	engine *Engine
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	ended  bool
	parks  uint64 // how often it has parked: tells a late Wake from a timely one

	// A long wait mostly ends by a Wake. Its event stays in the queue and serves
	// the next long wait, so that the queue does not fill with them.
	until time.Duration // the end of the long wait under way, 0 if none is
	alarm time.Duration // when the event for long waits comes, 0 if none is asked for
}

// long is from where on a wait is long.
const long = 500 * time.Millisecond

// stopped is what unwinds a task that is stopped.
type stopped struct{}

// Go starts a task; it runs for the first time as an event of its own.
func (e *Engine) Go(run func(*Task)) *Task {
	t := &Task{engine: e}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(stopped); !ok {
					panic(r)
				}
			}
		}()
		t.yield = yield
		run(t)
	})
	e.tasks = append(e.tasks, t)
	if len(e.tasks) > 64 && len(e.tasks) == cap(e.tasks) {
		e.forget()
	}
	t.Wake()
	return t
}

// forget drops the tasks that have ended.
func (e *Engine) forget() {
	live := e.tasks[:0]
	for _, t := range e.tasks {
		if !t.ended {
			live = append(live, t)
		}
	}
	clear(e.tasks[len(live):])
	e.tasks = live
}

// Running is the task whose code is running, or nil outside of any.
func (e *Engine) Running() *Task { return e.running }

// Wake lets a parked task go on, as an event of this instant. A task that has
// gone on meanwhile, or ended, is left alone.
func (t *Task) Wake() { t.wakeAfter(0) }

func (t *Task) wakeAfter(d time.Duration) {
	parks := t.parks
	t.engine.After(d, func() {
		if t.parks == parks {
			t.run()
		}
	})
}

// run lets the task run until it parks or ends.
func (t *Task) run() {
	if t.ended {
		return
	}
	before := t.engine.running
	t.engine.running = t
	defer func() { t.engine.running = before }()
	t.parks++
	if _, more := t.next(); !more {
		t.ended = true
	}
}

// Park waits for a Wake. Only the task itself calls it.
func (t *Task) Park() {
	if !t.yield(struct{}{}) {
		panic(stopped{})
	}
}

// Sleep waits for a span of time. A Wake does not shorten it.
func (t *Task) Sleep(d time.Duration) {
	until := t.engine.now + max(d, 0)
	t.wakeAfter(d)
	for t.Park(); t.engine.now < until; t.Park() {
		t.wakeAfter(until - t.engine.now)
	}
}

// SleepOrWake waits for a span of time or for a Wake, whichever comes first.
func (t *Task) SleepOrWake(d time.Duration) {
	if d < long {
		t.wakeAfter(d)
		t.Park()
		return
	}
	t.until = t.engine.now + d
	if t.alarm == 0 || t.alarm > t.until {
		t.alarmAt(t.until)
	}
	t.Park()
	t.until = 0
}

// alarmAt asks for an event that ends the long wait then under way, if its
// time has come, or else waits on for it. One that was asked for before, for
// later, does nothing any more.
func (t *Task) alarmAt(at time.Duration) {
	t.alarm = at
	t.engine.After(at-t.engine.now, func() {
		if t.alarm != at {
			return
		}
		t.alarm = 0
		switch {
		case t.until == 0:
		case t.until <= at:
			t.run()
		default:
			t.alarmAt(t.until)
		}
	})
}

// Stop ends a task where it is parked, running its deferred calls. It must not
// be called by the task itself.
func (t *Task) Stop() {
	if !t.ended {
		t.ended = true
		t.stop()
	}
}
