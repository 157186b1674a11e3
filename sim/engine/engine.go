package engine

import "time"

// Engine owns the time. It and all that runs in it belong to one goroutine at
// a time.
type Engine struct {
	now     time.Duration
	asked   uint64 // events asked for so far
	ran     int
	queue   []event // a heap of four children a node
	running *Task
	tasks   []*Task
}

// event is something to be done at an instant.
type event struct {
	at    time.Duration
	order uint64
	do    func()
}

func (e event) before(other event) bool {
	return e.at < other.at || e.at == other.at && e.order < other.order
}

// New gives an engine at instant 0.
func New() *Engine { return &Engine{} }

// Now is the present instant.
func (e *Engine) Now() time.Duration { return e.now }

// Ran is how many events have run.
func (e *Engine) Ran() int { return e.ran }

// After has something done once a span of time has passed; a negative span is
// none.
func (e *Engine) After(d time.Duration, do func()) {
	e.asked++
	e.queue = append(e.queue, event{e.now + max(d, 0), e.asked, do})
	e.up(len(e.queue) - 1)
}

// Step runs the next event, and says whether there was one.
func (e *Engine) Step() bool {
	if len(e.queue) == 0 {
		return false
	}
	next := e.queue[0]
	last := len(e.queue) - 1
	e.queue[0] = e.queue[last]
	e.queue[last].do = nil
	e.queue = e.queue[:last]
	e.down(0)
	e.now = next.at
	e.ran++
	next.do()
	return true
}

// Stop ends every task that has not ended. Nothing runs after it.
func (e *Engine) Stop() {
	e.queue = nil
	for _, t := range e.tasks {
		t.Stop()
	}
	e.tasks = nil
}

func (e *Engine) up(i int) {
	moving := e.queue[i]
	for i > 0 {
		parent := (i - 1) / 4
		if !moving.before(e.queue[parent]) {
			break
		}
		e.queue[i] = e.queue[parent]
		i = parent
	}
	e.queue[i] = moving
}

func (e *Engine) down(i int) {
	if i >= len(e.queue) {
		return
	}
	moving := e.queue[i]
	for {
		first := 4*i + 1
		if first >= len(e.queue) {
			break
		}
		least := first
		for child := first + 1; child < min(first+4, len(e.queue)); child++ {
			if e.queue[child].before(e.queue[least]) {
				least = child
			}
		}
		if !e.queue[least].before(moving) {
			break
		}
		e.queue[i] = e.queue[least]
		i = least
	}
	e.queue[i] = moving
}
