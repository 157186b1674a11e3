package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"partita/harness/checker"
	"partita/harness/history"
)

// Load reads a history that has to be whole.
func Load(t testing.TB, path string) []history.Operation {
	t.Helper()
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
	return ops
}

// Check is a check beside that of linearizability which a history has to pass.
type Check struct {
	Name  string
	Judge func([]history.Operation) checker.Result
}

// Judge judges every history under testdata by a model, and by other checks if
// there are any; there must be so many valid and invalid ones at least. It
// writes the answers anew if told to.
func Judge(t *testing.T, model checker.Model, valid, invalid int, rewrite bool, others ...Check) {
	paths, err := filepath.Glob("testdata/*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl")
		good := strings.HasPrefix(name, "valid-")
		if good {
			valid--
		} else {
			invalid--
		}
		t.Run(name, func(t *testing.T) {
			ops := Load(t, path)
			got := checker.Linearizable(t.Context(), ops, model, checker.Options{})
			all, said := map[string]checker.Result{"linearizable": got.Result}, words(got)
			for _, other := range others {
				r := other.Judge(ops)
				all[other.Name] = r
				said += strings.TrimSpace(fmt.Sprintf("%s: %s %s", other.Name, r.Verdict, r.Reason)) + "\n"
			}
			if verdict, reason := checker.Compose(all); (verdict == checker.Valid) != good || verdict == checker.Unknown {
				t.Errorf("the checker says %s %s", verdict, reason)
			}
			if explained(model, model.Init(), happened(ops)) != (got.Verdict == checker.Valid) {
				t.Errorf("trying every order finds the opposite")
			}
			for _, f := range got.Failures {
				if explained(model, model.Init(), f.Operations) {
					t.Errorf("an order explains the smallest sub-history: %v", f.Described)
				}
			}
			compare(t, strings.TrimSuffix(path, ".jsonl")+".txt", said, rewrite)
		})
	}
	if valid > 0 || invalid > 0 {
		t.Errorf("%d valid and %d invalid histories are missing", max(0, valid), max(0, invalid))
	}
}

// happened leaves out what definitely did not happen.
func happened(ops []history.Operation) []history.Operation {
	return slices.DeleteFunc(slices.Clone(ops), func(op history.Operation) bool { return op.Complete.Type == history.Fail })
}

// explained tries every order of the operations that agrees with time,
// ambiguous ones also left out.
func explained(m checker.Model, state any, ops []history.Operation) bool {
	definite := false
	for i, op := range ops {
		if op.Complete.Type == history.OK {
			definite = true
		}
		first := !slices.ContainsFunc(ops, func(other history.Operation) bool {
			return other.Complete.Type == history.OK && other.Complete.Index < op.Invoke.Index
		})
		if !first {
			continue
		}
		if ok, next := m.Step(state, op); ok && explained(m, next, slices.Delete(slices.Clone(ops), i, i+1)) {
			return true
		}
	}
	return !definite
}

// words is the checker's answer as text.
func words(l checker.Linearizability) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", l.Verdict)
	for _, f := range l.Failures {
		fmt.Fprintf(&b, "%s\nsmallest sub-history of %s:\n", strings.Join(f.Words, " "), f.Key)
		for i, op := range f.Operations {
			fmt.Fprintf(&b, "  p%d %s\n", op.Invoke.Process, f.Described[i])
		}
	}
	return b.String()
}

// compare holds an answer against the one that is kept.
func compare(t *testing.T, path, said string, rewrite bool) {
	t.Helper()
	if rewrite {
		if err := os.WriteFile(path, []byte(said), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if said != string(kept) {
		t.Errorf("said:\n%swant:\n%s", said, kept)
	}
}
