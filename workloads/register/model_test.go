package register

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"partita/harness/checker"
	"partita/harness/history"
)

func flag(b bool) *bool { return &b }

func op(f string, typ history.Type, value, old, read string, swapped *bool) history.Operation {
	in := history.Event{F: f, Value: json.RawMessage(value), Old: json.RawMessage(old)}
	out := in
	out.Type, out.Swapped = typ, swapped
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
		{"swap", "3", op(CAS, history.OK, "4", "3", "", flag(true)), true, "4", "cas 3 to 4"},
		{"swap from null", "null", op(CAS, history.OK, "4", "null", "", flag(true)), true, "4", "cas null to 4"},
		{"swap of another", "2", op(CAS, history.OK, "4", "3", "", flag(true)), false, "2", "cas 3 to 4"},
		{"no swap", "2", op(CAS, history.OK, "4", "3", "", flag(false)), true, "2", "cas 3 to 4 -> found another value"},
		{"no swap though it was there", "3", op(CAS, history.OK, "4", "3", "", flag(false)), false, "3", "cas 3 to 4 -> found another value"},
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

// explained tries every order of the operations that agrees with time,
// ambiguous ones also left out: the definition, and nothing cleverer.
func explained(m checker.Model, state any, ops []history.Operation) bool {
	definite := false
	for i, op := range ops {
		if op.Complete.Type == history.OK {
			definite = true
		}
		first := true
		for j, other := range ops {
			if i != j && other.Complete.Type == history.OK && other.Complete.Index < op.Invoke.Index {
				first = false
			}
		}
		if !first {
			continue
		}
		rest := append(append([]history.Operation(nil), ops[:i]...), ops[i+1:]...)
		if ok, next := m.Step(state, op); ok && explained(m, next, rest) {
			return true
		}
	}
	return !definite
}

func TestGoldenHistories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d golden histories, %v", len(files), err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		t.Run(name, func(t *testing.T) {
			file, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			record, err := history.Read(file)
			if err != nil || len(record.Torn) > 0 {
				t.Fatalf("%v, torn %q", err, record.Torn)
			}
			ops, err := history.Pair(record.Events)
			if err != nil {
				t.Fatal(err)
			}
			valid := strings.HasPrefix(name, "valid-")
			if got := checker.Linearizable(t.Context(), ops, Model(), checker.Options{}); (got.Verdict == checker.Valid) != valid || got.Verdict == checker.Unknown {
				t.Errorf("the checker says %s %s", got.Verdict, got.Reason)
			}
			var happened []history.Operation
			for _, op := range ops {
				if op.Complete.Type != history.Fail {
					happened = append(happened, op)
				}
			}
			if explained(Model(), Model().Init(), happened) != valid {
				t.Errorf("trying every order finds the opposite")
			}
		})
	}
}
