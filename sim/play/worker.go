package play

import (
	"fmt"

	"partita/harness/history"
	"partita/sim/engine"
	"partita/sim/machines"
)

// worker plays successive processes: it takes an invocation, lets its client
// carry it out, and gives back the completion.
type worker struct {
	id   int
	node string // where its latest operation went
	task *engine.Task
	op   *history.Event
}

func (p *player) newWorker(id int) *worker {
	w := &worker{id: id}
	w.task = p.engine.Go(func(t *engine.Task) {
		world := p.cluster.Connect(t, id, p.start, p.setup.TimeLimit+p.setup.Grace)
		for {
			for w.op == nil {
				t.Park()
			}
			p.complete(w.carryOut(p, world))
		}
	})
	return w
}

func (w *worker) take(op history.Event) {
	w.op = &op
	w.task.Wake()
}

func (w *worker) carryOut(p *player, world *machines.Connection) history.Event {
	op := *w.op
	w.op = nil
	done := p.setup.Clients.Clients[w.id].Invoke(world, op)
	done.Worker, done.Process, done.F, done.Key, done.Node = op.Worker, op.Process, op.F, op.Key, op.Node
	if done.Type == history.Info {
		world.Close()
	}
	return done
}

// describe says what a client asks, or what it learns of it.
func describe(e history.Event) string {
	what := fmt.Sprintf("%s %s", e.F, e.Key)
	if len(e.Old) > 0 {
		what += fmt.Sprintf(" from %s to", e.Old)
	}
	if len(e.Value) > 0 {
		what += " " + string(e.Value)
	}
	if e.How != "" {
		what += " (" + e.How + ")"
	}
	switch e.Type {
	case history.Invoke:
		return fmt.Sprintf("client %d asks: %s", e.Process, what)
	case history.OK:
		if e.Swapped != nil && !*e.Swapped {
			what += ", which it was not"
		}
		return fmt.Sprintf("client %d gets: %s", e.Process, what)
	case history.Fail:
		return fmt.Sprintf("client %d learns that this did not happen: %s (%s)", e.Process, what, e.Error)
	}
	return fmt.Sprintf("client %d never learns what became of: %s (%s)", e.Process, what, e.Error)
}
