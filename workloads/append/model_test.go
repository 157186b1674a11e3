package append

import (
	"encoding/json"
	"flag"
	"testing"

	"partita/harness/history"
	"partita/workloads/golden"
)

var rewrite = flag.Bool("rewrite", false, "write the answers under testdata anew")

func TestGoldenHistories(t *testing.T) {
	golden.Judge(t, Model(), 9, 15, *rewrite)
}

func op(f string, typ history.Type, value, left string) history.Operation {
	in := history.Event{F: f, Value: json.RawMessage(value)}
	out := in
	out.Type, out.Value = typ, json.RawMessage(left)
	return history.Operation{Invoke: in, Complete: out}
}

func TestStep(t *testing.T) {
	cases := []struct {
		name  string
		state string
		op    history.Operation
		ok    bool
		next  string
		words string
	}{
		{"read it", "[1,2]", op(Read, history.OK, "", "[1, 2]"), true, "[1,2]", "read -> [1,2]"},
		{"read nothing", "[]", op(Read, history.OK, "", "[]"), true, "[]", "read -> []"},
		{"read the beginning", "[1,2]", op(Read, history.OK, "", "[1]"), false, "", "read -> [1]"},
		{"read another order", "[1,2]", op(Read, history.OK, "", "[2,1]"), false, "", "read -> [2,1]"},
		{"read a text", "[1]", op(Read, history.OK, "", `"1"`), false, "", `read -> "1"`},
		{"read null of nothing", "[]", op(Read, history.OK, "", "null"), false, "", "read -> null"},
		{"read lost", "[1]", op(Read, history.Info, "", ""), true, "[1]", "read (nobody knows)"},
		{"append", "[1]", op(Append, history.OK, "2", "[1,2]"), true, "[1,2]", "append 2 -> [1,2]"},
		{"append to nothing", "[]", op(Append, history.OK, "2", "[2]"), true, "[2]", "append 2 -> [2]"},
		{"append that left another list", "[1]", op(Append, history.OK, "2", "[2]"), false, "", "append 2 -> [2]"},
		{"append that left nothing to see", "[1]", op(Append, history.OK, "2", "2"), false, "", "append 2 -> 2"},
		{"append lost", "[1]", op(Append, history.Info, "2", "2"), true, "[1,2]", "append 2 (nobody knows)"},
		{"a long list", "[1,2,3,4,5,6,7,8,9,10]", op(Append, history.OK, "11", "[1,2,3,4,5,6,7,8,9,10,11]"), true,
			"[1,2,3,4,5,6,7,8,9,10,11]", "append 11 -> 11 values, last 6,7,8,9,10,11"},
	}
	m := Model()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ok, next := m.Step(c.state, c.op)
			if ok != c.ok || ok && next != c.next {
				t.Errorf("got %v, %v", ok, next)
			}
			if words := m.Describe(c.op); words != c.words {
				t.Errorf("described as %q, want %q", words, c.words)
			}
		})
	}
	if words := m.Describe(op(Append, history.Fail, "2", "2")); words != "append 2 (failed)" {
		t.Errorf("a failed append is described as %q", words)
	}
	if m.DescribeState(m.Init()) != "[]" {
		t.Errorf("a new list is %q", m.DescribeState(m.Init()))
	}
}
