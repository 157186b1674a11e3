package checker

import (
	"context"

	"partita/harness/history"
)

// Prefix judges a history while it grows, so that a run may stop at its first
// invalid key. A prefix of a linearizable history is linearizable once its
// pending operations count as ambiguous, so an invalid answer is final; a
// valid one holds only for what was seen. One goroutine uses it.
type Prefix struct {
	model   Model
	options Options
	known   map[string]progress
}

// progress is how far a key had come when it was last judged.
type progress struct {
	operations, completed int
	answer                judged
}

// NewPrefix starts with nothing judged. Failing keys are not explained: that
// is for the final check.
func NewPrefix(model Model, options Options) *Prefix {
	return &Prefix{model: model, options: options.withDefaults(), known: make(map[string]progress)}
}

// Check judges the operations so far, pending ones as info. Only keys that
// gained an invocation or a completion since the last call are judged again.
func (p *Prefix) Check(ctx context.Context, ops []history.Operation) Result {
	timed, cancel := ctx, context.CancelFunc(func() {})
	if p.options.Timeout > 0 {
		timed, cancel = context.WithTimeout(ctx, p.options.Timeout)
	}
	defer cancel()
	keys := byKey(ops, p.model)
	answers := make([]judged, len(keys))
	var changed []*keyHistory
	var places []int
	for i, key := range keys {
		now := progressOf(key)
		last, seen := p.known[key.key]
		if seen && (last.answer.outcome == unexplained || now.operations == last.operations && now.completed == last.completed) {
			answers[i] = last.answer
			continue
		}
		changed = append(changed, key)
		places = append(places, i)
	}
	for j, answer := range judgeKeys(timed, changed, p.options) {
		answers[places[j]] = answer
		if answer.outcome == overTime {
			continue // judged again next time
		}
		now := progressOf(changed[j])
		now.answer = answer
		p.known[changed[j].key] = now
	}
	return summarise(keys, answers).Result
}

func progressOf(key *keyHistory) progress {
	now := progress{operations: len(key.ops)}
	for _, op := range key.ops {
		if op.Complete.Type == history.OK || op.Complete.Type == history.Fail {
			now.completed++
		}
	}
	return now
}
