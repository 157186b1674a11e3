package checker

import (
	"context"

	"github.com/anishathalye/porcupine"
)

// outcome is porcupine's answer on one key.
type outcome uint8

const (
	explained   outcome = iota // some order explains every outcome
	unexplained                // no order does
	overBudget                 // steps or memory ran out first
	overTime                   // the context ended first
)

// memoryLimit bounds what the search over one key may hold, in bytes. It is
// counted, not measured, so that the verdict is the same on every machine.
const memoryLimit = 256 << 20

// meter counts the work of one search. Once it is spent the model says no to
// everything, and porcupine, which has no limit of its own, runs out of
// choices at once.
type meter struct {
	ctx       context.Context
	steps     int
	budget    int
	bytes     int
	perChoice int // bytes that porcupine keeps for a choice it has tried
	spent     bool
	late      bool
}

func newMeter(ctx context.Context, budget, operations int) *meter {
	// A bit for each operation, and about a hundred bytes of headers and state.
	return &meter{ctx: ctx, budget: budget, perChoice: operations/8 + 104}
}

// step counts one step and says whether the search may go on.
func (m *meter) step() bool {
	if m.spent || m.late {
		return false
	}
	m.steps++
	if m.steps > m.budget || m.bytes > memoryLimit {
		m.spent = true
		return false
	}
	if m.steps%1024 == 0 && m.ctx.Err() != nil {
		m.late = true
		return false
	}
	return true
}

// judge asks porcupine whether an order explains the spans.
func judge(ctx context.Context, model Model, spans []*span, budget int) (outcome, int) {
	spans = dropUnseen(spans)
	if len(spans) == 0 {
		return explained, 0
	}
	m := newMeter(ctx, budget, len(spans))
	ok := porcupine.CheckOperations(metered(model, m), porcupineOperations(capOpen(spans)))
	switch {
	case ok:
		return explained, m.steps
	case m.spent:
		return overBudget, m.steps
	case m.late:
		return overTime, m.steps
	}
	return unexplained, m.steps
}

// metered is the model as porcupine wants it. The input is the span; outputs
// are not used, since the span holds the outcome.
func metered(model Model, m *meter) porcupine.Model {
	return porcupine.Model{
		Init: model.Init,
		Step: func(state, input, _ any) (bool, any) {
			if !m.step() {
				return false, state
			}
			ok, next := model.Step(state, input.(*span).op)
			if ok {
				m.bytes += m.perChoice
			}
			return ok, next
		},
	}
}

// porcupineOperations hands the spans over. Clients are numbered densely in
// order of processes, since porcupine draws a lane for every number.
func porcupineOperations(spans []*span) []porcupine.Operation {
	lanes := lanesOf(spans)
	operations := make([]porcupine.Operation, len(spans))
	for i, s := range spans {
		operations[i] = porcupine.Operation{
			ClientId: lanes[s.op.Invoke.Process],
			Input:    s,
			Call:     s.call,
			Return:   s.ret,
		}
	}
	return operations
}
