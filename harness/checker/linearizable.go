package checker

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"partita/harness/history"
)

// Options bounds a check of linearizability.
type Options struct {
	// Budget is how many steps of the model a key may cost. It decides alike on
	// every machine. Zero means 5,000,000.
	Budget int
	// Timeout bounds the whole check. Zero means none.
	Timeout time.Duration
	// Parallel is how many keys are judged at once. Zero means one a processor.
	Parallel int
	// Explain is how many failing keys are minimised and said in words. Zero
	// means 3; negative means none.
	Explain int
}

func (o Options) withDefaults() Options {
	if o.Budget <= 0 {
		o.Budget = 5_000_000
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.Explain == 0 {
		o.Explain = 3
	}
	return o
}

// Linearizability is the answer of Linearizable.
type Linearizability struct {
	Result
	// Failures explains the first failing keys.
	Failures []*Failure
	// Steps counts the model's steps over all keys.
	Steps int
}

// judged is what is known of one key.
type judged struct {
	outcome outcome
	steps   int
}

// Linearizable asks, key by key, whether some order of the operations, each
// taking effect between its invocation and its completion, explains every
// outcome. Order is by event index. Definite fails are left out, and so are
// ambiguous operations that change nothing; a key whose search runs out of
// budget or time is unknown.
func Linearizable(ctx context.Context, ops []history.Operation, model Model, options Options) Linearizability {
	options = options.withDefaults()
	keys := byKey(ops, model)
	timed, cancel := ctx, context.CancelFunc(func() {})
	if options.Timeout > 0 {
		timed, cancel = context.WithTimeout(ctx, options.Timeout)
	}
	defer cancel()
	answers := judgeKeys(timed, keys, options)
	l := summarise(keys, answers)
	for i, key := range keys {
		if answers[i].outcome != unexplained || len(l.Failures) >= options.Explain {
			continue
		}
		// Explaining has its own limit of steps, and outlives the timeout: a
		// violation found late is still to be told.
		l.Failures = append(l.Failures, explain(ctx, key, options.Budget))
	}
	if len(l.Failures) > 0 {
		first := l.Failures[0]
		l.Reason = fmt.Sprintf("key %s%s: %s", first.Key, andMore(len(l.Failing)-1), strings.Join(first.Words, " "))
	}
	return l
}

// judgeKeys judges every key, several at once, answers in the order of keys.
func judgeKeys(ctx context.Context, keys []*keyHistory, options Options) []judged {
	answers := make([]judged, len(keys))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(options.Parallel, len(keys)) {
		workers.Go(func() {
			for i := range next {
				if ctx.Err() != nil {
					answers[i].outcome = overTime
					continue
				}
				answers[i] = keys[i].judge(ctx, options.Budget)
			}
		})
	}
	for i := range keys {
		next <- i
	}
	close(next)
	workers.Wait()
	return answers
}

// judge looks for what is wrong at a glance, and otherwise asks porcupine.
func (k *keyHistory) judge(ctx context.Context, budget int) judged {
	k.prepare()
	m := &minimiser{ctx: ctx, model: k.model, all: k.spans, steps: budget}
	if m.suspect() != nil {
		return judged{unexplained, budget - m.steps}
	}
	result, steps := judge(ctx, k.model, k.spans, m.steps)
	return judged{result, budget - m.steps + steps}
}

// summarise composes the keys' answers.
func summarise(keys []*keyHistory, answers []judged) Linearizability {
	l := Linearizability{Result: Result{Verdict: Valid, Keys: len(keys)}}
	why := make(map[string]bool)
	for i, key := range keys {
		l.Steps += answers[i].steps
		switch answers[i].outcome {
		case unexplained:
			l.Failing = append(l.Failing, key.key)
		case overBudget:
			l.Undecided = append(l.Undecided, key.key)
			why["budget"] = true
		case overTime:
			l.Undecided = append(l.Undecided, key.key)
			why["timeout"] = true
		}
	}
	switch {
	case len(l.Failing) > 0:
		l.Verdict = Invalid
		l.Reason = fmt.Sprintf("key %s%s: no order of its operations explains them", l.Failing[0], andMore(len(l.Failing)-1))
	case len(l.Undecided) > 0:
		l.Verdict = Unknown
		reason := "timeout"
		if why["budget"] {
			reason = "budget"
		}
		l.Reason = fmt.Sprintf("%s: key %s%s could not be decided", reason, l.Undecided[0], andMore(len(l.Undecided)-1))
	case len(keys) == 0:
		l.Verdict, l.Reason = Unknown, "no operations"
	}
	return l
}

func andMore(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}
