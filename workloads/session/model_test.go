package session

import (
	"flag"
	"testing"

	"partita/harness/checker"
	"partita/harness/history"
	"partita/workloads/golden"
)

var rewrite = flag.Bool("rewrite", false, "write the answers under testdata anew")

func TestGoldenHistories(t *testing.T) {
	golden.Judge(t, Model(), 8, 11, *rewrite, golden.Check{Name: "exactly-once", Judge: func(ops []history.Operation) checker.Result {
		return checker.ExactlyOnce(ops, Model())
	}})
}

func TestDescribe(t *testing.T) {
	op := history.Operation{Invoke: history.Event{F: Append, Value: history.Int(7)}}
	op.Complete = op.Invoke
	op.Complete.Type, op.Complete.Value = history.OK, history.Null()
	one := history.Copy{Node: "n1", Answer: history.Executed}
	for _, c := range []struct {
		copies []history.Copy
		want   string
	}{
		{nil, "append 7 -> null"},
		{[]history.Copy{one}, "append 7 -> null"},
		{[]history.Copy{one, {Node: "n2", Answer: history.Repeated}}, "append 7 -> null (2 copies: n1 ok, n2 duplicate)"},
		{[]history.Copy{one, {Number: 3, Node: "n2", Answer: "session_stale"}},
			"append 7 -> null (2 copies: n1 ok, number 3 to n2 session_stale)"},
	} {
		op.Complete.Session = &history.Session{ID: 5, Number: 4, Copies: c.copies}
		if got := Model().Describe(op); got != c.want {
			t.Errorf("described as %q, want %q", got, c.want)
		}
	}
}
