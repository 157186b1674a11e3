package register

import (
	"encoding/json"
	"math/rand/v2"

	"partita/harness/generator"
	"partita/harness/history"
)

// Name is the workload's name in a scenario.
const Name = "register"

// The kinds of operations.
const (
	Read  = "read"
	Write = "write"
	CAS   = "cas"
)

// Of a hundred operations of a roaming worker so many are reads, and of a
// hundred changes so many are compare-and-sets.
const (
	readShare = 50
	casShare  = 30
)

// Generator schedules the operations of a register workload.
type Generator struct {
	workers []generator.Worker
	sources []*rand.Rand
	slots   *generator.Slots
	values  *generator.Values
	last    map[string]json.RawMessage // the value last known of each key in use
}

// NewGenerator makes one for the workers of the configuration.
func NewGenerator(cfg generator.Config) generator.Generator {
	g := &Generator{
		workers: cfg.Workers,
		slots:   generator.NewSlots(cfg.Keys, cfg.Workers, generator.Limits{}),
		values:  generator.NewValues(len(cfg.Workers)),
		last:    map[string]json.RawMessage{},
	}
	for _, w := range cfg.Workers {
		g.sources = append(g.sources, generator.Source(cfg.Seed, w.ID, generator.ForOperations))
	}
	return g
}

// Next draws the worker's next operation. All its draws are made whatever the
// outcomes were, so that the stream is the seed's alone.
func (g *Generator) Next(worker int) history.Event {
	w, source := g.workers[worker], g.sources[worker]
	slot := g.slots.Pick(w.Group, source)
	reads, swaps := source.IntN(100) < readShare, source.IntN(100) < casShare
	read := w.Role == generator.Reader || w.Role == generator.Roaming && reads
	key := g.slots.Use(slot, !read)
	if read {
		return history.Event{F: Read, Key: key}
	}
	value := history.Int(g.values.Next(worker))
	if !swaps {
		return history.Event{F: Write, Key: key, Value: value}
	}
	old, known := g.last[key]
	if !known {
		old = history.Null()
	}
	return history.Event{F: CAS, Key: key, Value: value, Old: old}
}

// Observe remembers the value that a compare-and-set may expect.
func (g *Generator) Observe(e history.Event) {
	if !g.slots.Observe(e) {
		delete(g.last, e.Key)
		return
	}
	switch {
	case e.Type != history.OK, e.F == CAS && (e.Swapped == nil || !*e.Swapped):
	default:
		g.last[e.Key] = e.Value
	}
}
