package store

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMutationsGoOnAfterAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mutate", "x.jsonl")
	all, lines, err := OpenMutations(path)
	if err != nil || len(all) != 0 {
		t.Fatalf("a new file: %v, %v", all, err)
	}
	for _, m := range []Mutation{
		{Name: "a", Outcome: ByTests, By: "TestX"},
		{Name: "b", Outcome: Unnoticed},
		{Name: "b", Outcome: Unnoticed, Explored: 60},
	} {
		if err := lines.Append(m); err != nil {
			t.Fatal(err)
		}
	}
	lines.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, `{"name":"c","out`...), 0o644); err != nil {
		t.Fatal(err)
	}
	if all, lines, err = OpenMutations(path); err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all["a"].By != "TestX" || all["b"].Explored != 60 {
		t.Errorf("read %v", all)
	}
	if err := lines.Append(Mutation{Name: "c", Outcome: Uncompiled}); err != nil {
		t.Fatal(err)
	}
	lines.Close()
	if all, lines, err = OpenMutations(path); err != nil || all["c"].Outcome != Uncompiled {
		t.Errorf("after the torn line: %v, %v", all, err)
	}
	lines.Close()
}
