package register

import (
	"encoding/json"
	"flag"
	"testing"

	"partita/harness/history"
	"partita/workloads/golden"
)

func swapped(b bool) *bool { return &b }

func op(f string, typ history.Type, value, old, read string, found *bool) history.Operation {
	in := history.Event{F: f, Value: json.RawMessage(value), Old: json.RawMessage(old)}
	out := in
	out.Type, out.Swapped = typ, found
	if f == Read {
		out.Value = json.RawMessage(read)
	}
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
		{"read it", "3", op(Read, history.OK, "", "", "3", nil), true, "3", "read -> 3"},
		{"read null", "null", op(Read, history.OK, "", "", "null", nil), true, "null", "read -> null"},
		{"read another", "3", op(Read, history.OK, "", "", "4", nil), false, "3", "read -> 4"},
		{"read null of something", "3", op(Read, history.OK, "", "", "null", nil), false, "3", "read -> null"},
		{"read a text", "3", op(Read, history.OK, "", "", `"3"`, nil), false, "3", `read -> "3"`},
		{"read lost", "3", op(Read, history.Info, "", "", "", nil), true, "3", "read (nobody knows)"},
		{"write", "3", op(Write, history.OK, "4", "", "", nil), true, "4", "write 4"},
		{"write lost", "3", op(Write, history.Info, "4", "", "", nil), true, "4", "write 4 (nobody knows)"},
		{"swap", "3", op(CAS, history.OK, "4", "3", "", swapped(true)), true, "4", "cas 3 to 4"},
		{"swap from null", "null", op(CAS, history.OK, "4", "null", "", swapped(true)), true, "4", "cas null to 4"},
		{"swap of another", "2", op(CAS, history.OK, "4", "3", "", swapped(true)), false, "2", "cas 3 to 4"},
		{"no swap", "2", op(CAS, history.OK, "4", "3", "", swapped(false)), true, "2", "cas 3 to 4 -> found another value"},
		{"no swap though it was there", "3", op(CAS, history.OK, "4", "3", "", swapped(false)), false, "3", "cas 3 to 4 -> found another value"},
		{"swap lost, there", "3", op(CAS, history.Info, "4", "3", "", nil), true, "4", "cas 3 to 4 (nobody knows)"},
		{"swap lost, not there", "2", op(CAS, history.Info, "4", "3", "", nil), true, "2", "cas 3 to 4 (nobody knows)"},
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
	if m.DescribeState(m.Init()) != "null" {
		t.Errorf("a new register is %q", m.DescribeState(m.Init()))
	}
}

var rewrite = flag.Bool("rewrite", false, "write the answers under testdata anew")

func TestGoldenHistories(t *testing.T) {
	golden.Judge(t, Model(), 7, 8, *rewrite)
}
