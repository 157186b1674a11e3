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
}

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
	t.wakeAfter(d)
	t.Park()
}

// Stop ends a task where it is parked, running its deferred calls. It must not
// be called by the task itself.
func (t *Task) Stop() {
	if !t.ended {
		t.ended = true
		t.stop()
	}
}
