package session

import (
	"math/rand/v2"

	"partita/harness/generator"
	"partita/harness/history"
	lists "partita/workloads/append"
)

// Name is the workload's name in a scenario.
const Name = "session"

// The kinds of operations, as of a list.
const (
	Read   = lists.Read
	Append = lists.Append
)

// The ways to append, beside the plain one.
const (
	Twice     = "twice"
	Impatient = "impatient"
	Old       = "old"
	Fresh     = "fresh"
	Late      = "late"
)

// ways lists how many of a hundred appends go which way; the rest is plain.
var ways = []struct {
	how   string
	share int
}{{Twice, 20}, {Impatient, 8}, {Old, 8}, {Fresh, 5}, {Late, 3}}

// readShare is how many of a hundred operations of a roaming worker are reads.
const readShare = 40

// Generator schedules the operations of a session workload.
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
		slots:   generator.NewSlots(cfg.Keys, cfg.Workers, generator.Limits{Changes: lists.LongestList}),
		values:  generator.NewValues(len(cfg.Workers)),
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
	reads, way := source.IntN(100) < readShare, source.IntN(100)
	if w.Role == generator.Reader || w.Role == generator.Roaming && reads {
		return history.Event{F: Read, Key: g.slots.Use(slot, false)}
	}
	e := history.Event{F: Append, Key: g.slots.Use(slot, true), Value: history.Int(g.values.Next(worker))}
	for _, one := range ways {
		if way -= one.share; way < 0 {
			e.How = one.how
			break
		}
	}
	return e
}

// Observe counts what ended without an answer against its key.
func (g *Generator) Observe(e history.Event) { g.slots.Observe(e) }
