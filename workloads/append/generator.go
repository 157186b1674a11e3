package append

import (
	"math/rand/v2"

	"partita/harness/generator"
	"partita/harness/history"
)

// Name is the workload's name in a scenario.
const Name = "append"

// The kinds of operations.
const (
	Read   = "read"
	Append = "append"
)

// readShare is how many of a hundred operations of a roaming worker are reads.
const readShare = 50

// LongestList is how many appends a key is asked for before it is retired:
// each answer holds the whole list.
const LongestList = 60

// Generator schedules the operations of an append workload.
type Generator struct {
	workers []generator.Worker
	sources []*rand.Rand
	slots   *generator.Slots
	values  *generator.Values
}

// NewGenerator makes one for the workers of the configuration.
func NewGenerator(cfg generator.Config) generator.Generator {
	g := &Generator{
		workers: cfg.Workers,
		slots:   generator.NewSlots(cfg.Keys, cfg.Workers, generator.Limits{Changes: LongestList}),
		values:  generator.NewValues(len(cfg.Workers)),
	}
	g.sources = make([]*rand.Rand, len(cfg.Workers))
	for i, w := range cfg.Workers {
		g.sources[i] = generator.Source(cfg.Seed, w.ID, generator.ForOperations)
	}
	return g
}

// Next draws the worker's next operation. All its draws are made whatever the
// outcomes were, so that the stream is the seed's alone.
func (g *Generator) Next(worker int) history.Event {
	w, source := g.workers[worker], g.sources[worker]
	slot := g.slots.Pick(w.Group, source)
	reads := source.IntN(100) < readShare
	if w.Role == generator.Reader || w.Role == generator.Roaming && reads {
		return history.Event{F: Read, Key: g.slots.Use(slot, false)}
	}
	return history.Event{F: Append, Key: g.slots.Use(slot, true), Value: history.Int(g.values.Next(worker))}
}

// Observe counts what ended without an answer against its key.
func (g *Generator) Observe(e history.Event) { g.slots.Observe(e) }
